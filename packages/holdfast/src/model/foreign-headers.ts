/** What other systems wrote about a record that failed there, so that records in flight can move to Holdfast: Spring's
 *  retry topics and dead letters, Kafka Connect, Kafka Streams, Kafka's share groups, Karafka, Retriable-Kafka-Client and
 *  Jitsu. It decides what their headers mean in our words; ours are `handed-off.ts`. */
import { messageBytesMax, nameBytesMax, stackBytesMax, unknownFailure } from './handed-off-failure.ts'
import { readBigEndian, readIsoTime, readNumber, readText } from './handed-off-values.ts'
import type { HandedOff } from './handed-off.ts'
import type { Header } from './record.ts'

/** The fields of `HandedOff` that others tell of, side by side. */
type Draft = {
  attempts?: number
  dueAtMs?: number
  topic?: string
  partition?: number
  offset?: number
  timestampMs?: number
  group?: string
  class?: string
  message?: string
  stack?: string
}
type Field = keyof Draft

/** `of` a header: which field it tells of, and how its bytes are read. */
type Reading = { readonly field: Field; readonly read: (bytes: Buffer) => string | number | null }

const sourceBytesMax = 1_024
const name = (bytes: Buffer): string | null => readText(bytes, nameBytesMax)
const source = (bytes: Buffer): string | null => readText(bytes, sourceBytesMax)
const message = (bytes: Buffer): string | null => readText(bytes, messageBytesMax)
const stack = (bytes: Buffer): string | null => readText(bytes, stackBytesMax)

/** The same meaning under several names, each a prefix and an ending. */
const readings: ReadonlyMap<string, Reading> = new Map<string, Reading>([
  // Spring's numbers are binary: int, long or BigInteger. Its attempts name the delivery to come, not those made.
  ['retry_topic-attempts', { field: 'attempts', read: (bytes) => oneLess(readBigEndian(bytes)) }],
  ['retry_topic-backoff-timestamp', { field: 'dueAtMs', read: readBigEndian }],
  ['retry_topic-original-timestamp', { field: 'timestampMs', read: readBigEndian }],
  ...['kafka_dlt-', 'kafka_'].flatMap((prefix): [string, Reading][] => [
    [`${prefix}original-topic`, { field: 'topic', read: source }],
    [`${prefix}original-partition`, { field: 'partition', read: readBigEndian }],
    [`${prefix}original-offset`, { field: 'offset', read: readBigEndian }],
    [`${prefix}original-timestamp`, { field: 'timestampMs', read: readBigEndian }],
    [`${prefix}original-consumer-group`, { field: 'group', read: source }],
    [`${prefix}exception-fqcn`, { field: 'class', read: name }],
    [`${prefix}exception-message`, { field: 'message', read: message }],
    [`${prefix}exception-stacktrace`, { field: 'stack', read: stack }],
  ]),

  // Kafka Connect, Kafka Streams (KIP-1034) and Kafka's share groups (KIP-1191) write text.
  ['__connect.errors.topic', { field: 'topic', read: source }],
  ['__connect.errors.partition', { field: 'partition', read: readNumber }],
  ['__connect.errors.offset', { field: 'offset', read: readNumber }],
  ['__connect.errors.exception.class.name', { field: 'class', read: name }],
  ['__connect.errors.exception.message', { field: 'message', read: message }],
  ['__connect.errors.exception.stacktrace', { field: 'stack', read: stack }],
  ['__streams.errors.topic', { field: 'topic', read: source }],
  ['__streams.errors.partition', { field: 'partition', read: readNumber }],
  ['__streams.errors.offset', { field: 'offset', read: readNumber }],
  ['__streams.errors.exception', { field: 'class', read: name }],
  ['__streams.errors.message', { field: 'message', read: message }],
  ['__streams.errors.stacktrace', { field: 'stack', read: stack }],
  ['__dlq.errors.topic', { field: 'topic', read: source }],
  ['__dlq.errors.partition', { field: 'partition', read: readNumber }],
  ['__dlq.errors.offset', { field: 'offset', read: readNumber }],
  ['__dlq.errors.group', { field: 'group', read: source }],
  ['__dlq.errors.delivery.count', { field: 'attempts', read: readNumber }],
  ['__dlq.errors.message', { field: 'message', read: message }],

  // Karafka, as it is and as it was. `original_topic` is also Jitsu's.
  ...['source_', 'original_'].flatMap((prefix): [string, Reading][] => [
    [`${prefix}topic`, { field: 'topic', read: source }],
    [`${prefix}partition`, { field: 'partition', read: readNumber }],
    [`${prefix}offset`, { field: 'offset', read: readNumber }],
    [`${prefix}consumer_group`, { field: 'group', read: source }],
    [`${prefix}attempts`, { field: 'attempts', read: readNumber }],
  ]),

  // Retriable-Kafka-Client cuts its due time to whole seconds; the next one is never too early.
  ['retriable_kafka_attempt', { field: 'attempts', read: readLong }],
  ['retriable_kafka_timestamp', { field: 'dueAtMs', read: (bytes) => milliseconds(readLong(bytes), 1) }],

  // Jitsu counts retries: the first attempt is none.
  ['retries', { field: 'attempts', read: (bytes) => oneMore(readNumber(bytes)) }],
  ['retry_time', { field: 'dueAtMs', read: readIsoTime }],
  ['error', { field: 'message', read: message }],
])

/** For the page of wire names: every header that is understood. */
export const foreignHeaderNames: readonly string[] = [...readings.keys()]

/** These keep what the first hop wrote; of the others the last one counts. */
const firstCounts: ReadonlySet<Field> = new Set(['topic', 'partition', 'offset', 'timestampMs', 'group'])

const nothingTold: HandedOff = Object.freeze({
  attempts: 0,
  dueAtMs: null,
  delayMs: null,
  firstFailedAtMs: null,
  source: null,
  error: unknownFailure,
  id: null,
  redriveCount: 0,
  isForeign: false,
})

/** What the headers of other systems tell. Nothing told is no reason to complain. */
export function readForeign(headers: readonly Header[]): HandedOff {
  const draft: Record<string, string | number> = {}
  let isForeign = false
  for (const { key, value } of headers) {
    const reading = value === null ? undefined : readings.get(key)
    if (reading === undefined || (firstCounts.has(reading.field) && reading.field in draft)) continue
    const told = reading.read(value as Buffer)
    if (told === null) continue
    draft[reading.field] = told
    isForeign = true
  }
  return isForeign ? complete(draft) : nothingTold
}

function complete(draft: Draft): HandedOff {
  const { topic, partition = null, offset = null, timestampMs = null, group = null } = draft
  return {
    ...nothingTold,
    attempts: draft.attempts ?? 0,
    dueAtMs: draft.dueAtMs ?? null,
    source: topic === undefined ? null : { topic, partition, offset, timestampMs, group },
    error: { class: draft.class ?? null, code: null, message: draft.message ?? null, stack: draft.stack ?? null },
    isForeign: true,
  }
}

/** Eight bytes exactly. */
function readLong(bytes: Buffer): number | null {
  return bytes.length === 8 ? readBigEndian(bytes) : null
}

function oneLess(count: number | null): number | null {
  return count === null ? null : Math.max(count - 1, 0)
}

function oneMore(count: number | null): number | null {
  return count === null ? null : safe(count + 1)
}

function milliseconds(seconds: number | null, added: number): number | null {
  return seconds === null ? null : safe((seconds + added) * 1_000)
}

function safe(number: number): number | null {
  return Number.isSafeInteger(number) ? number : null
}
