/** Errors that users and operators meet: a code to branch on, a sentence with what was expected and what came, the cause,
 *  and what to do about it. Nobody should ever have to match on a message. */
import { type Duration, formatDuration, parseDuration } from './duration.ts'

export type ErrorCode =
  | 'SETTINGS_INVALID'
  | 'NOT_BUILT'
  | 'BROKER_UNREACHABLE'
  | 'AUTHENTICATION_FAILED'
  | 'AUTHORIZATION_FAILED'
  | 'TOPIC_MISSING'
  | 'OWN_TOPIC_INVALID'
  | 'KAFKA_ERROR'
  | 'FENCED'
  | 'HANDLER_FAILED'
  | 'HANDLER_TIMEOUT'
  | 'MESSAGE_INVALID'
  | 'SEND_FAILED'
  | 'RECORD_TOO_LARGE'
  | 'NOT_STARTED'
  | 'STOPPED'
  | 'ABORTED'
  | 'CORRUPT_RECORDS'
  | 'DELIVERY_BROKEN'

/** Every code, with what it means. `docs/reference/errors.md` tells what to do; a test keeps the two in step. */
export const errorCodes: Readonly<Record<ErrorCode, string>> = Object.freeze({
  SETTINGS_INVALID: 'Options contradict each other or are out of range; `issues` lists all of them.',
  NOT_BUILT: 'The option exists in the design but is not built yet; it is refused instead of being ignored.',
  BROKER_UNREACHABLE: 'No bootstrap address answered within the start budget.',
  AUTHENTICATION_FAILED: 'The broker refused the credentials.',
  AUTHORIZATION_FAILED: 'The principal may not use this topic or group.',
  TOPIC_MISSING: 'A topic that is consumed or produced to does not exist.',
  OWN_TOPIC_INVALID: 'A delay topic or dead-letter topic is configured so that records could be lost in it.',
  KAFKA_ERROR: 'The broker answered with an error that retrying cannot mend.',
  FENCED: 'Another member with the same identity took over; this one must not go on.',
  HANDLER_FAILED: 'A handler threw; the cause is what it threw.',
  HANDLER_TIMEOUT: 'A handler did not settle within the attempt timeout.',
  MESSAGE_INVALID: 'A record could not be decoded or did not satisfy its schema.',
  SEND_FAILED: 'A record could not be sent; `ambiguous` tells whether it may have been stored.',
  RECORD_TOO_LARGE: 'A failed record does not fit in the topic that it must go to.',
  NOT_STARTED: 'The app is not running; start it first.',
  STOPPED: 'The app is stopping or has stopped.',
  ABORTED: 'The attempt was aborted because its partition left or the app stopped.',
  CORRUPT_RECORDS: 'A fetched batch failed its checksum or could not be understood.',
  DELIVERY_BROKEN: 'A test with `expectDelivery` found a run that broke a guarantee or its own check.',
})

export type HoldfastErrorOptions = {
  readonly cause?: unknown
  /** What to do about it, one sentence. */
  readonly remedy?: string | undefined
  /** Whether the same call may succeed later without anybody changing anything. @default false */
  readonly retriable?: boolean | undefined
}

export class HoldfastError extends Error {
  override readonly name: string = 'HoldfastError'
  readonly code: ErrorCode
  readonly remedy: string | undefined
  readonly retriable: boolean

  constructor(code: ErrorCode, message: string, options: HoldfastErrorOptions = {}) {
    super(message, 'cause' in options ? { cause: options.cause } : undefined)
    this.code = code
    this.remedy = options.remedy
    this.retriable = options.retriable ?? false
  }
}

/** One problem of the options, in the words of whoever has to mend it. */
export type SettingsIssue = {
  /** The option as the user wrote it, e.g. `consume(orders).concurrency`. */
  readonly option: string
  /** What is wrong, with expected and got. */
  readonly problem: string
  readonly remedy: string
}

/** All problems of all options at once. */
export class SettingsError extends HoldfastError {
  override readonly name = 'SettingsError'
  readonly issues: readonly SettingsIssue[]

  constructor(issues: readonly SettingsIssue[]) {
    const lines = issues.map((issue) => `  ${issue.option}: ${issue.problem} → ${issue.remedy}`)
    super(
      'SETTINGS_INVALID',
      `${issues.length} ${issues.length === 1 ? 'setting is' : 'settings are'} wrong:\n${lines.join('\n')}`,
      {
        remedy: 'Mend every setting listed above.',
      },
    )
    this.issues = issues
  }
}

/** Throw it from a handler when no further attempt can help: the record becomes a dead letter at once (R18). */
export class NonRetriableError extends HoldfastError {
  override readonly name = 'NonRetriableError'

  constructor(message: string, options: { readonly cause?: unknown } = {}) {
    super('HANDLER_FAILED', message, options)
  }
}

/** Throw it from a handler to say when the next attempt makes sense, such as after a `Retry-After` of an HTTP answer. It uses
 *  up an attempt like any failure; only the wait is another one (R18). */
export class RetryAfterError extends HoldfastError {
  override readonly name = 'RetryAfterError'
  readonly delayMs: number

  /** Throws a RangeError unless `delay` is a duration. */
  constructor(delay: Duration, message?: string, options: { readonly cause?: unknown } = {}) {
    const delayMs = parseDuration(delay, 'delay')
    super('HANDLER_FAILED', message ?? `the handler asks for another attempt in ${formatDuration(delayMs)}`, {
      ...options,
      retriable: true,
    })
    this.delayMs = delayMs
  }
}

/** The bytes of a record are not what its topic promises: no attempt can help, and no handler has seen them. Only the decoding
 *  of a message makes it, so that a handler which throws MESSAGE_INVALID for reasons of its own is not taken for it (R18). */
export class UndecodableError extends HoldfastError {
  constructor(message: string, options: HoldfastErrorOptions = {}) {
    super('MESSAGE_INVALID', message, options)
  }
}

/** A send that failed. `ambiguous: true` means that the record may be stored although no acknowledgement came. */
export class SendError extends HoldfastError {
  override readonly name = 'SendError'
  readonly ambiguous: boolean

  constructor(message: string, options: HoldfastErrorOptions & { readonly ambiguous: boolean }) {
    super('SEND_FAILED', message, options)
    this.ambiguous = options.ambiguous
  }
}

/** One line that names any thrown value, however strange; never throws and never grows beyond `lengthMax` characters. */
export function describeThrown(thrown: unknown, lengthMax = 1_024): string {
  let text: string
  try {
    text = thrown instanceof Error ? `${thrown.name}: ${thrown.message}` : `${typeof thrown} ${String(thrown)}`
  } catch {
    text = `${typeof thrown} that cannot be printed`
  }
  return text.length > lengthMax ? `${text.slice(0, lengthMax - 1)}…` : text
}
