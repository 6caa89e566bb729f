/** What scenarios about topics of ours need: a producer over TCP, topics made in all ways, and a look at what is there. */

import { randomUUID } from 'node:crypto'
import { type KafkaApi, type RequestOf, type ResponseOf } from '../../packages/holdfast/src/kafka/port.ts'
import { encodeBatch, readBatches } from '../../packages/holdfast/src/kafka/record-batch.ts'
import { HoldfastError } from '../../packages/holdfast/src/model/errors.ts'
import { type Header, type KafkaRecord } from '../../packages/holdfast/src/model/record.ts'
import { type GroupSettings, type OwnTopicPolicy } from '../../packages/holdfast/src/model/settings.ts'
import { BrokerTime } from '../../packages/holdfast/src/runtime/broker-time.ts'
import { systemClock } from '../../packages/holdfast/src/runtime/clock.ts'
import { HandOffs } from '../../packages/holdfast/src/runtime/hand-off.ts'
import { type OwnTopics, prepareOwnTopics } from '../../packages/holdfast/src/runtime/own-topics.ts'
import { createTopic, type ProducerWorld, startProducer } from './producer-world.ts'

export const dayMs = 86_400_000
/** Of every source topic: more than a topic has by default. */
export const sourceBytesMax = 2_000_000

export class OwnTopicsWorld implements Disposable {
  readonly #world: ProducerWorld

  private constructor(world: ProducerWorld) {
    this.#world = world
  }

  static async start(bootstrap: string): Promise<OwnTopicsWorld> {
    return new OwnTopicsWorld(await startProducer({ bootstrap, settings: { batchBytesMax: 1_000_000 } }))
  }

  [Symbol.dispose](): void {
    this.#world[Symbol.dispose]()
  }

  /** As a start does. */
  prepare(settings: GroupSettings): Promise<OwnTopics> {
    const { port, cluster } = this.#world
    const { signal } = new AbortController()
    const parts = { port, cluster, clock: systemClock, requestTimeoutMs: 5_000, timeoutMs: 20_000, signal }
    return prepareOwnTopics(parts, settings)
  }

  handOffs(own: OwnTopics, brokerTime: BrokerTime = new BrokerTime()): HandOffs {
    const { producer, cluster } = this.#world
    return new HandOffs({
      producer,
      cluster,
      clock: systemClock,
      brokerTime,
      isOwnTopic: (topic) => topic.includes('.retry.'),
      ensure: (topic) => own.ensure(topic),
      signal: new AbortController().signal,
    })
  }

  /** A topic that is consumed. */
  source(partitions = 3): Promise<string> {
    return createTopic(this.#world, { partitions, configs: { 'max.message.bytes': String(sourceBytesMax) } })
  }

  /** A topic as somebody else made it, some time ago: the brokers know it. */
  async make(topic: string, partitions: number, configs: Readonly<Record<string, string>>): Promise<void> {
    const entries = Object.entries(configs).map(([name, value]) => ({ name, value }))
    const topics = [{ name: topic, numPartitions: partitions, replicationFactor: 1, configs: entries }]
    const answer = await this.#call('CreateTopics', { topics, timeoutMs: 10_000, validateOnly: false })
    const errorCode = answer.topics[0]?.errorCode
    if (errorCode !== 0) throw new Error(`creating ${topic} ended with error ${errorCode}`)
    while (!(await this.partitionsOf([topic])).has(topic));
  }

  /** Of those that exist. */
  async partitionsOf(topics: readonly string[]): Promise<Map<string, number>> {
    const answer = await this.#call('Metadata', { topics, allowAutoTopicCreation: false })
    const found = answer.topics.filter(({ errorCode }) => errorCode === 0)
    return new Map(found.map(({ name, partitions }) => [name, partitions.length]))
  }

  async configsOf(topic: string): Promise<Record<string, string | null>> {
    const resources = [{ resourceType: 2, resourceName: topic, configurationKeys: null }] as const
    const answer = await this.#call('DescribeConfigs', { resources })
    return Object.fromEntries(answer.results[0]?.configs.map(({ name, value }) => [name, value]) ?? [])
  }

  async read(topic: string, partition: number): Promise<KafkaRecord[]> {
    const { cluster, port } = this.#world
    await cluster.refresh('reading')
    const topicId = cluster.topic(topic)?.topicId
    const leader = cluster.leaderOf(topic, partition)
    if (topicId === undefined || leader === undefined) throw new Error(`${topic}/${partition} has no leader`)
    const bytesMax = 8_000_000
    const position = { currentLeaderEpoch: -1, fetchOffset: 0, lastFetchedEpoch: -1, partitionMaxBytes: bytesMax }
    const request = {
      maxWaitMs: 100,
      minBytes: 1,
      maxBytes: bytesMax,
      isolationLevel: 0,
      sessionId: 0,
      sessionEpoch: -1,
      topics: [{ topic, topicId, partitions: [{ partition, ...position }] }],
      forgottenTopics: [],
    } as const
    const answer = await port.call(leader.address, 'Fetch', request, { channel: 'fetch', timeoutMs: 15_000 })
    const bytes = answer.responses[0]?.partitions[0]?.records ?? Buffer.alloc(0)
    return [...readBatches(bytes, port.codec)].flatMap((batch) => batch.decode(0))
  }

  async #call<A extends KafkaApi>(api: A, request: RequestOf<A>): Promise<ResponseOf<A>> {
    const [node] = this.#world.cluster.nodes
    if (node === undefined) throw new Error('the cluster has no node')
    return this.#world.port.call(node, api, request, { channel: 'main', timeoutMs: 15_000 })
  }
}

export function namesOf(topic: string): { readonly delay: string; readonly dead: string } {
  return { delay: `billing.${topic}.retry.30s`, dead: `billing.${topic}.dlq` }
}

/** Only what is looked at here. */
export function settingsOf(
  topic: string,
  given: { readonly policy: OwnTopicPolicy; readonly deadLetters: 'required' | 'optional'; readonly delays?: 'none' },
): GroupSettings {
  const { delay, dead } = namesOf(topic)
  const delaysMs = given.delays === 'none' ? [] : [30_000]
  const subscription = {
    topic,
    delaysMs,
    delayTopics: delaysMs.map((delayMs) => ({ topic: delay, delayMs })),
    deadLetters: { topic: dead, isRequired: given.deadLetters === 'required' },
  }
  return { group: 'billing', ownTopics: given.policy, subscriptions: [subscription] } as unknown as GroupSettings
}

/** A record as it would come out of a fetch. */
export function recordOf(given: {
  readonly key?: string
  readonly value: string | null
  readonly headers?: readonly Header[]
  readonly timestampMs?: number
}): KafkaRecord {
  const { headers = [], timestampMs = 1_700_000_000_000 } = given
  const key = given.key === undefined ? null : Buffer.from(given.key)
  const value = given.value === null ? null : Buffer.from(given.value)
  const stamp = { producerId: -1, producerEpoch: -1, baseSequence: -1 }
  const batch = encodeBatch([{ key, value, headers, timestampMs }], stamp, () => 0)
  const codec = { crc32c: () => 0, decompress: () => Buffer.alloc(0) }
  const [record] = [...readBatches(batch.fill(0, 0, 8), codec)].flatMap((view) => view.decode(0))
  if (record === undefined) throw new Error('the batch holds no record')
  return record
}

export function missingTopic(): string {
  return `never-made-${randomUUID()}`
}

export async function errorOf(promise: Promise<unknown>): Promise<HoldfastError> {
  const error: unknown = await promise.then(
    () => 'it was accepted',
    (reason: unknown) => reason,
  )
  if (!(error instanceof HoldfastError)) throw new Error(`expected a HoldfastError, got ${String(error)}`)
  return error
}
