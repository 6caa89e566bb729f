/** Runs handlers. Every permit is a seat with two callbacks of its own, so that an attempt costs one context and one
 *  promise and no closures; the abort signal is made only for who asks. Ended attempts are collected and handed over once
 *  per microtask. What an end means is the engine's business. */
import type { AbortReason, Entry } from '../engine/entry.ts'
import type { AttemptResult } from '../engine/subscription-flow.ts'
import { HoldfastError } from '../model/errors.ts'
import type { KafkaRecord } from '../model/record.ts'
import type { TopicPartition } from '../model/topic-partition.ts'
import { childOf, type Logger } from '../observe/log.ts'

/** What a record is handed to: decoding, filter and handler in one. It may return or throw anything, now or later; a
 *  record that is not for us ends as `filtered`. */
export type RecordHandler = (record: KafkaRecord, at: TopicPartition, context: AttemptContext) => unknown

/** What a handler returns, or resolves with, to say that a filter left the record out. */
export const filtered: unique symbol = Symbol('filtered')

/** One attempt, as its handler sees it. */
export class AttemptContext {
  /** 1 for the first attempt of a record. */
  readonly attempt: number
  readonly #entry: Entry<KafkaRecord>
  readonly #logger: Logger
  #log: Logger | null = null
  #controller: AbortController | null = null
  #reason: HoldfastError | null = null

  constructor(entry: Entry<KafkaRecord>, logger: Logger) {
    this.attempt = entry.attempt
    this.#entry = entry
    this.#logger = logger
  }

  /** Adds topic, partition, offset and attempt to every line. */
  get log(): Logger {
    const { topic, partition } = this.#entry.owner
    this.#log ??= childOf(this.#logger, { topic, partition, offset: this.#entry.offset, attempt: this.attempt })
    return this.#log
  }

  /** Aborts when the attempt runs out of time, its partition leaves or the app stops. */
  get signal(): AbortSignal {
    if (this.#controller === null) {
      this.#controller = new AbortController()
      if (this.#reason !== null) this.#controller.abort(this.#reason)
    }
    return this.#controller.signal
  }

  /** Not for handlers. */
  static abort(context: AttemptContext, reason: HoldfastError): void {
    context.#reason = reason
    context.#controller?.abort(reason)
  }

  /** Why the attempt was aborted; null if it was not. Not for handlers. */
  static reasonOf(context: AttemptContext): HoldfastError | null {
    return context.#reason
  }
}

/** Hears how an attempt ended. */
export type OnEnded = (entry: Entry<KafkaRecord>, result: AttemptResult, error: unknown) => void

/** A permit in use, and then the end of its attempt until that is taken. */
class Seat {
  entry: Entry<KafkaRecord> | null = null
  /** Null while the attempt runs. */
  result: AttemptResult | null = null
  error: unknown = undefined
  readonly resolved: (value: unknown) => void
  readonly rejected: (error: unknown) => void

  constructor(end: (seat: Seat, value: unknown, hasFailed: boolean) => void) {
    this.resolved = (value) => end(this, value, false)
    this.rejected = (error) => end(this, error, true)
  }
}

export class Attempts {
  readonly #handlers: ReadonlyMap<string, RecordHandler>
  readonly #logger: Logger
  readonly #onEnded: () => void
  readonly #free: Seat[] = []
  /** As many as `#endedCount` says: an array that is emptied by its length allocates anew at the next push. */
  readonly #ended: Seat[] = []
  #endedCount = 0

  /** `onEnded` is called when the first of a series of attempts has ended, in the middle of whatever ended it. */
  constructor(handlers: ReadonlyMap<string, RecordHandler>, logger: Logger, onEnded: () => void) {
    this.#handlers = handlers
    this.#logger = logger
    this.#onEnded = onEnded
  }

  /** Calls the handler at once; the caller makes sure that no step of the engine is under way. Not if the step that started the
   *  attempt has also told it to end: handlers start when the step is over, and this one would never hear of it. */
  start(entry: Entry<KafkaRecord>): void {
    const context = new AttemptContext(entry, this.#logger)
    entry.handle = context
    const handler = this.#handlers.get(entry.owner.topic)
    if (handler === undefined) throw new RangeError(`no handler for ${entry.owner.topic}`)
    const seat = this.#free.pop() ?? new Seat(this.#end)
    seat.entry = entry
    if (entry.phase === 'aborting' && entry.abortReason !== null) {
      this.abort(entry, entry.abortReason, entry.owner.settings.attemptTimeoutMs)
      seat.rejected(undefined)
      return
    }
    try {
      const returned = handler(entry.record, entry.owner, context)
      if (isThenable(returned)) Promise.resolve(returned).then(seat.resolved, seat.rejected)
      else seat.resolved(returned)
    } catch (error) {
      seat.rejected(error)
    }
  }

  abort(entry: Entry<KafkaRecord>, reason: AbortReason, timeoutMs: number): void {
    if (entry.handle instanceof AttemptContext) AttemptContext.abort(entry.handle, abortError(reason, timeoutMs))
  }

  /** Whether attempts have ended that nobody has taken. */
  get hasEnded(): boolean {
    return this.#endedCount > 0
  }

  /** Hands over the attempts that ended since the last call; `onEnded` must not start any. */
  takeEnded(onEnded: OnEnded): void {
    for (let at = 0; at < this.#endedCount; at++) {
      const seat = this.#ended[at] as Seat
      const { entry, result, error } = seat
      seat.entry = null
      seat.result = null
      seat.error = undefined
      this.#free.push(seat)
      if (entry !== null && result !== null) onEnded(entry, result, error)
    }
    this.#endedCount = 0
  }

  readonly #end = (seat: Seat, value: unknown, hasFailed: boolean): void => {
    const { entry } = seat
    // A thenable that settles twice is not our second attempt.
    if (entry === null || seat.result !== null) return
    const context = entry.handle
    entry.handle = null
    const aborted = context instanceof AttemptContext ? AttemptContext.reasonOf(context) : null
    seat.result = hasFailed ? 'failed' : value === filtered ? 'filtered' : 'done'
    // An attempt that failed because it was aborted failed for the reason of the abort, whatever it threw on its way out.
    seat.error = aborted ?? (hasFailed ? value : undefined)
    this.#ended[this.#endedCount++] = seat
    if (this.#endedCount === 1) this.#onEnded()
  }
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return (
    value instanceof Promise ||
    (typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function')
  )
}

function abortError(reason: AbortReason, timeoutMs: number): HoldfastError {
  switch (reason) {
    case 'timeout':
      return new HoldfastError('HANDLER_TIMEOUT', `the handler did not settle within ${timeoutMs} ms`, {
        retriable: true,
        remedy: 'Make the handler obey its signal, or raise attemptTimeout.',
      })
    case 'revoked':
      return new HoldfastError('ABORTED', 'the partition is being handed to another member', { retriable: true })
    case 'lost':
      return new HoldfastError('ABORTED', 'the partition was lost to another member', { retriable: true })
    case 'stopped':
      return new HoldfastError('ABORTED', 'the app is stopping', { retriable: true })
  }
}
