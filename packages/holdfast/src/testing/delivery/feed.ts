/** The records of a run, as the topic's own codec, key and partitioner make them. They are sent once, to a broker
 *  that exists for nothing else, and what lies in its log is what every run appends: a record keeps its bytes and
 *  its partition, however many of the others are left out. */

import { createHoldfast, type Outgoing, type Topic } from '../../index.ts'
import { testKit } from '../test-kit.ts'

export type FedRecord<In> = {
  readonly given: Outgoing<In>
  readonly partition: number
  readonly key: Buffer | null
  readonly value: Buffer | null
  readonly headers: readonly { readonly key: string; readonly value: Buffer | null }[]
  /** Null: the time at which it is appended. */
  readonly timestampMs: number | null
  /** What a reader recognises it by. */
  readonly shown: string
}

const shownCharactersMax = 60

/** Rejects with MESSAGE_INVALID for what cannot be a record of the topic. */
export async function feedOf<In, Out>(
  topic: Topic<In, Out>,
  messages: readonly Outgoing<In>[],
  partitions: number,
): Promise<readonly FedRecord<In>[]> {
  await using kit = await testKit({ topics: { [topic.name]: partitions } })
  const app = createHoldfast({ kafka: kit.kafka, log: false })
  await app.start()
  const sent = await app.sendAll(topic, messages)
  const stored = kit.records(topic.name)
  return messages.map((given, index) => {
    const record = stored.find(
      (each) => each.partition === sent[index]?.partition && each.offset === sent[index].offset,
    )
    if (record === undefined) throw new RangeError(`expected record ${index} in ${topic.name}, got none`)
    const { partition, key, value, headers, timestampMs } = record
    return {
      given,
      partition,
      key: key === null ? null : Buffer.from(key),
      value: value === null ? null : Buffer.from(value),
      headers,
      timestampMs: given.timestamp === undefined ? null : timestampMs,
      shown: shownValue(given.value),
    }
  })
}

function shownValue(value: unknown): string {
  const text = value instanceof Uint8Array ? `${value.length} bytes` : (textOf(value) ?? String(value))
  return text.length > shownCharactersMax ? `${text.slice(0, shownCharactersMax - 1)}…` : text
}

/** Undefined for what JSON cannot hold. */
function textOf(value: unknown): string | undefined {
  try {
    return JSON.stringify(value)
  } catch {
    return undefined
  }
}
