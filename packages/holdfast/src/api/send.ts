/** What users send and what they get back, translated to records. */
import { HoldfastError } from '../model/errors.ts'
import type { Header } from '../model/record.ts'
import type { OutgoingRecord, SentRecord } from '../runtime/producer.ts'
import { watchedBy } from './dead-letters.ts'
import { shown } from './shown.ts'
import type { Topic } from './topic.ts'

export type Outgoing<In> = {
  readonly value: In
  /** Messages with the same key go to the same partition and keep their order. `null` is no key.
   *  @default what the topic's `key` makes of the value */
  readonly key?: string | Uint8Array | null | undefined
  /** A list keeps its order and may hold a name twice. @default none */
  readonly headers?: HeadersGiven | undefined
  /** @default chosen by the key, or by chance without one */
  readonly partition?: number | undefined
  /** @default now */
  readonly timestamp?: Date | number | undefined
}

type HeaderValue = string | Uint8Array | null
export type HeadersGiven =
  | Readonly<Record<string, HeaderValue>>
  | readonly { readonly key: string; readonly value: HeaderValue }[]

export type Sent = {
  readonly topic: string
  readonly partition: number
  /** −1 if the broker had the record already from an attempt whose answer was lost, and does not remember where. */
  readonly offset: number
  readonly timestamp: Date
}

/** Throws MESSAGE_INVALID for what cannot be a record. */
export async function outgoingRecord<In, Out>(topic: Topic<In, Out>, message: Outgoing<In>): Promise<OutgoingRecord> {
  if (watchedBy(topic) !== undefined) throw invalid(`expected a topic that can be sent to, got ${topic.name}`)
  if ('delay' in message) throw delayNotBuilt()
  const key = message.key === undefined ? (topic.key?.(message.value) ?? null) : message.key
  const { partition, timestamp } = message
  if (partition !== undefined && (!Number.isSafeInteger(partition) || partition < 0)) {
    throw invalid(`expected a partition number ≥ 0, got ${shown(partition)}`)
  }
  const timestampMs = timestamp instanceof Date ? timestamp.getTime() : timestamp
  if (timestampMs !== undefined && !Number.isSafeInteger(timestampMs)) {
    throw invalid(`expected a timestamp, got ${shown(timestamp)}`)
  }
  return {
    topic: topic.name,
    partition,
    key: bytesOf(key, 'a key'),
    value: bytesOf(await topic.value.encode(message.value), 'an encoded value'),
    headers: headersOf(message.headers),
    timestampMs,
  }
}

export function sentOf({ topic, partition, offset, timestampMs }: SentRecord): Sent {
  return { topic, partition, offset, timestamp: new Date(timestampMs) }
}

function headersOf(given: HeadersGiven | undefined): readonly Header[] {
  if (given === undefined) return []
  const pairs = isList(given) ? given : Object.entries(given).map(([key, value]) => ({ key, value }))
  return pairs.map(({ key, value }) => {
    if (typeof key !== 'string') throw invalid(`expected the name of a header to be text, got ${shown(key)}`)
    return { key, value: bytesOf(value, `header ${key}`) }
  })
}

function isList(given: HeadersGiven): given is Extract<HeadersGiven, readonly unknown[]> {
  return Array.isArray(given)
}

function bytesOf(value: unknown, what: string): Buffer | null {
  if (value === null) return null
  if (typeof value === 'string') return Buffer.from(value)
  if (Buffer.isBuffer(value)) return value
  if (value instanceof Uint8Array) return Buffer.from(value.buffer, value.byteOffset, value.byteLength)
  throw invalid(`expected ${what} to be text, bytes or null, got ${shown(value)}`)
}

function invalid(problem: string): HoldfastError {
  return new HoldfastError('MESSAGE_INVALID', problem, { remedy: 'Mend the message; it was not sent.' })
}

function delayNotBuilt(): HoldfastError {
  return new HoldfastError('NOT_BUILT', 'delayed sends are not built yet', {
    remedy: 'Send without `delay` when the time has come.',
  })
}
