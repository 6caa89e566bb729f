/** The headers of records that we hand off to delay topics and dead-letter topics: what they are called, how they are
 *  written, and how they are read back (design §6, R21, R25).
 *
 *  Reading believes nothing: what is no number or too long counts as not told, and nothing throws. Whether a topic is ours,
 *  so that its headers may be believed at all, is for the caller to know; what other systems write is `foreign-headers.ts`. */
import { readForeign } from './foreign-headers.ts'
import { type Failure, messageBytesMax, nameBytesMax, stackBytesMax } from './handed-off-failure.ts'
import { readNumber, readText } from './handed-off-values.ts'
import type { Header } from './record.ts'

/** Where a record was first, before any hop. Null where nothing is known. */
export type HandedOffSource = {
  readonly topic: string
  readonly partition: number | null
  readonly offset: number | null
  readonly timestampMs: number | null
  /** The group that handed the record off, and the only one that may take it up. */
  readonly group: string | null
}

/** What the headers of a record tell about its past. */
export type HandedOff = {
  /** Attempts made so far; 0 if that is not told. */
  readonly attempts: number
  /** In the broker's time. Null for dead letters. */
  readonly dueAtMs: number | null
  /** How long it was to wait from the moment it was appended. */
  readonly delayMs: number | null
  readonly firstFailedAtMs: number | null
  readonly source: HandedOffSource | null
  readonly error: Failure
  /** The same over all hops. */
  readonly id: string | null
  readonly redriveCount: number
  /** Another system wrote the headers: its groups and attempts are not ours. */
  readonly isForeign: boolean
}

/** What is written; null where there is nothing to tell. */
export type HandedOffFacts = Omit<HandedOff, 'isForeign' | 'source'> & {
  readonly source: HandedOffSource
  /** Dead letters carry Kafka's own six headers too. */
  readonly outcome: 'retried' | 'deadLettered'
  /** Set if the value was too large to be stored: the record is a reference to its source. */
  readonly missingValueBytes: number | null
}

/** Every header of ours, with what it means. `docs/reference/wire-names.md` lists them; a test keeps the two in step. */
export const headerNames = {
  attempt: 'holdfast-attempt',
  due: 'holdfast-due',
  delay: 'holdfast-delay',
  firstFailed: 'holdfast-first-failed',
  sourceTopic: 'holdfast-src-topic',
  sourcePartition: 'holdfast-src-partition',
  sourceOffset: 'holdfast-src-offset',
  sourceTimestamp: 'holdfast-src-timestamp',
  sourceGroup: 'holdfast-src-group',
  errorClass: 'holdfast-error-class',
  errorCode: 'holdfast-error-code',
  errorMessage: 'holdfast-error-message',
  errorStack: 'holdfast-error-stack',
  id: 'holdfast-id',
  redriveCount: 'holdfast-redrive-count',
  reference: 'holdfast-reference',
  valueSize: 'holdfast-value-size',
} as const

/** The six that Kafka gives its own dead letters (KIP-1191), as text, as the broker writes them. */
export const kafkaHeaderNames = {
  topic: '__dlq.errors.topic',
  partition: '__dlq.errors.partition',
  offset: '__dlq.errors.offset',
  group: '__dlq.errors.group',
  deliveryCount: '__dlq.errors.delivery.count',
  message: '__dlq.errors.message',
} as const

/** The value of `holdfast-reference`: why the record's own value is not there. */
export const valueTooLarge = 'value-too-large'

const ourPrefix = 'holdfast-'
const kafkaPrefix = '__dlq.errors.'

/** A topic name has at most 249 characters; groups and ids are built from such names. */
const sourceBytesMax = 1_024

/** The user's headers, unchanged and in their order, then ours. */
export function writeHeaders(given: readonly Header[], facts: HandedOffFacts): Header[] {
  const isDeadLetter = facts.outcome === 'deadLettered'
  const headers = given.filter(
    ({ key }) => !key.startsWith(ourPrefix) && !(isDeadLetter && key.startsWith(kafkaPrefix)),
  )
  const write = (key: string, value: string | number | null): void => {
    if (value !== null) headers.push({ key, value: Buffer.from(String(value)) })
  }
  const { source, error } = facts
  write(headerNames.attempt, facts.attempts)
  if (!isDeadLetter) {
    write(headerNames.due, facts.dueAtMs)
    write(headerNames.delay, facts.delayMs)
  }
  write(headerNames.firstFailed, facts.firstFailedAtMs)
  write(headerNames.sourceTopic, source.topic)
  write(headerNames.sourcePartition, source.partition)
  write(headerNames.sourceOffset, source.offset)
  write(headerNames.sourceTimestamp, source.timestampMs)
  write(headerNames.sourceGroup, source.group)
  write(headerNames.errorClass, error.class)
  write(headerNames.errorCode, error.code)
  write(headerNames.errorMessage, error.message)
  if (isDeadLetter) write(headerNames.errorStack, error.stack)
  write(headerNames.id, facts.id)
  if (facts.redriveCount > 0) write(headerNames.redriveCount, facts.redriveCount)
  if (facts.missingValueBytes !== null) {
    write(headerNames.reference, valueTooLarge)
    write(headerNames.valueSize, facts.missingValueBytes)
  }
  if (isDeadLetter) {
    write(kafkaHeaderNames.topic, source.topic)
    write(kafkaHeaderNames.partition, source.partition)
    write(kafkaHeaderNames.offset, source.offset)
    write(kafkaHeaderNames.group, source.group)
    write(kafkaHeaderNames.deliveryCount, facts.attempts)
    write(kafkaHeaderNames.message, error.message)
  }
  return headers
}

/** What the headers tell. Ours win: if there is one of them, no other system's are looked at. Never throws. */
export function readHandedOff(headers: readonly Header[]): HandedOff {
  const ours = new Map<string, Buffer>()
  for (const { key, value } of headers) {
    // The last one counts, as everywhere in Kafka; on our topics there is only one of each.
    if (value !== null && key.startsWith(ourPrefix)) ours.set(key, value)
  }
  if (ours.size === 0) return readForeign(headers)
  const number = (name: string): number | null => readNumber(ours.get(name))
  const text = (name: string, bytesMax: number): string | null => readText(ours.get(name), bytesMax)
  const topic = text(headerNames.sourceTopic, sourceBytesMax)
  return {
    attempts: number(headerNames.attempt) ?? 0,
    dueAtMs: number(headerNames.due),
    delayMs: number(headerNames.delay),
    firstFailedAtMs: number(headerNames.firstFailed),
    source:
      topic === null
        ? null
        : {
            topic,
            partition: number(headerNames.sourcePartition),
            offset: number(headerNames.sourceOffset),
            timestampMs: number(headerNames.sourceTimestamp),
            group: text(headerNames.sourceGroup, sourceBytesMax),
          },
    error: {
      class: text(headerNames.errorClass, nameBytesMax),
      code: text(headerNames.errorCode, nameBytesMax),
      message: text(headerNames.errorMessage, messageBytesMax),
      stack: text(headerNames.errorStack, stackBytesMax),
    },
    id: text(headerNames.id, sourceBytesMax),
    redriveCount: number(headerNames.redriveCount) ?? 0,
    isForeign: false,
  }
}

/** The headers that a record of a delay topic has for its handlers: the user's. The same array if there is none of ours. */
export function withoutOurs(headers: readonly Header[]): readonly Header[] {
  const isOurs = ({ key }: Header): boolean => key.startsWith(ourPrefix)
  return headers.some(isOurs) ? headers.filter((header) => !isOurs(header)) : headers
}

/** The same of a dead letter: Kafka's six are ours too where we wrote it. */
export function withoutOursOfDeadLetter(headers: readonly Header[]): readonly Header[] {
  if (!headers.some(({ key }) => key === headerNames.id)) return withoutOurs(headers)
  return withoutOurs(headers).filter(({ key }) => !key.startsWith(kafkaPrefix))
}
