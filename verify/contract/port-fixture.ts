/** What the contract needs to talk to a cluster through a port: short forms of the calls, names that no other test uses. */

import { randomUUID } from 'node:crypto'
import { expect } from 'vitest'
import { encodeSubscription } from '../../packages/holdfast/src/kafka/group-protocol.ts'
import { kafkaErrors as code } from '../../packages/holdfast/src/model/kafka-errors.ts'
import {
  type Channel,
  type FetchedPartition,
  type FetchResponse,
  type KafkaApi,
  type KafkaPort,
  type NodeAddress,
  PortError,
  type PortErrorKind,
  type RequestOf,
  type ResponseOf,
} from '../../packages/holdfast/src/kafka/port.ts'
import { crc32c, pureCodec } from '../../packages/holdfast/src/kafka/crc32c.ts'
import { encodeBatch, readBatches } from '../../packages/holdfast/src/kafka/record-batch.ts'

export type PortSetup = {
  readonly port: KafkaPort
  /** Bootstrap addresses, at least one. */
  readonly nodes: readonly NodeAddress[]
  readonly close: () => Promise<void>
}

export type CallOverrides = { readonly channel?: Channel; readonly timeoutMs?: number; readonly signal?: AbortSignal }

export const nilUuid = '00000000-0000-0000-0000-000000000000'

/** A port with a cluster behind it, and the calls that every test makes. */
export class PortFixture {
  readonly port: KafkaPort
  readonly node: NodeAddress
  readonly #close: () => Promise<void>

  constructor({ port, nodes, close }: PortSetup) {
    const [node] = nodes
    if (node === undefined) throw new Error('the setup has no node')
    this.port = port
    this.node = node
    this.#close = close
  }

  call<A extends KafkaApi>(api: A, request: RequestOf<A>, overrides: CallOverrides = {}): Promise<ResponseOf<A>> {
    return this.callTo(this.node, api, request, overrides)
  }

  callTo<A extends KafkaApi>(
    node: NodeAddress,
    api: A,
    request: RequestOf<A>,
    overrides: CallOverrides = {},
  ): Promise<ResponseOf<A>> {
    return this.port.call(node, api, request, { channel: 'main', timeoutMs: 15_000, ...overrides })
  }

  /** Creates a topic with two partitions on one broker (of as many as the cluster spreads them over) and waits until that
   *  broker serves them: right after its creation a leader may not know yet that it is one. */
  async createTopic(configs: RequestOf<'CreateTopics'>['topics'][number]['configs'] = []): Promise<Topic> {
    const name = uniqueName('topic')
    const { brokers } = await this.call('Metadata', { topics: [], allowAutoTopicCreation: false })
    const numPartitions = 2 * brokers.length
    await this.call('CreateTopics', {
      topics: [{ name, numPartitions, replicationFactor: 1, configs }],
      timeoutMs: 10_000,
      validateOnly: false,
    })
    for (;;) {
      const { topics } = await this.call('Metadata', { topics: [name], allowAutoTopicCreation: false })
      const { topicId = nilUuid, partitions = [] } = topics[0] ?? {}
      if (partitions.length < numPartitions) continue
      for (const leader of brokers) {
        const [first, second] = partitions
          .filter(({ leaderId }) => leaderId === leader.nodeId)
          .map(indexOf)
          .sort(ascending)
        if (first === undefined || second === undefined) continue
        const topic: Topic = { name, topicId, leader: { host: leader.host, port: leader.port }, first, second }
        if (await this.#isServed(topic)) return topic
      }
    }
  }

  async #isServed({ name, leader, first, second }: Topic): Promise<boolean> {
    const partitions = [first, second].map((partitionIndex) => ({
      partitionIndex,
      currentLeaderEpoch: -1,
      timestamp: -1,
    }))
    const { topics } = await this.callTo(leader, 'ListOffsets', { isolationLevel: 0, topics: [{ name, partitions }] })
    return topics[0]?.partitions.every(({ errorCode }) => errorCode === 0) ?? false
  }

  /** The node that coordinates the group, once it is ready to. */
  async coordinatorOf(groupId: string): Promise<NodeAddress> {
    for (;;) {
      const { coordinators } = await this.call('FindCoordinator', { keyType: 0, keys: [groupId] })
      const [found] = coordinators
      if (found?.errorCode !== 0) continue
      const node = { host: found.host, port: found.port }
      const { groups } = await this.callTo(node, 'OffsetFetch', {
        groups: [{ groupId, memberId: null, memberEpoch: -1, topics: null }],
        requireStable: false,
      })
      if (groups[0]?.errorCode === 0) return node
    }
  }

  async close(): Promise<void> {
    await this.#close()
  }
}

export type Topic = {
  readonly name: string
  readonly topicId: string
  /** Of its first and second partition. */
  readonly leader: NodeAddress
  readonly first: number
  readonly second: number
}

/** A partition that no topic of the contract has. */
export const missingPartition = 9_999

function indexOf({ partitionIndex }: { readonly partitionIndex: number }): number {
  return partitionIndex
}

function ascending(a: number, b: number): number {
  return a - b
}

export function uniqueName(what: string): string {
  return `contract-${what}-${randomUUID()}`
}

/** A batch with one record for each text, not idempotent unless a producer is given. */
export function batchOf(
  texts: readonly string[],
  producer = { producerId: -1, producerEpoch: -1, baseSequence: -1 },
): Buffer {
  // Not a constant: brokers refuse what lies in their future and delete what is older than a week.
  const timestampMs = Date.now()
  const records = texts.map((text) => ({
    key: null,
    value: Buffer.from(text),
    headers: [],
    timestampMs,
  }))
  return encodeBatch(records, producer, crc32c)
}

/** One batch by partition. */
export function produceOf({ name }: Topic, batches: Readonly<Record<number, Buffer>>): RequestOf<'Produce'> {
  const partitions = Object.entries(batches).map(([index, records]) => ({ index: Number(index), records }))
  return { transactionalId: null, acks: -1, timeoutMs: 5_000, topics: [{ name, partitions }] }
}

/** A fetch without a session that answers at once, from an offset by partition. */
export function fetchOf(topic: Topic, offsets: Readonly<Record<number, number>>): RequestOf<'Fetch'> {
  return {
    maxWaitMs: 0,
    minBytes: 1,
    maxBytes: 1_048_576,
    isolationLevel: 0,
    sessionId: 0,
    sessionEpoch: -1,
    topics: [
      {
        topic: topic.name,
        topicId: topic.topicId,
        partitions: Object.entries(offsets).map(([partition, fetchOffset]) => ({
          partition: Number(partition),
          currentLeaderEpoch: -1,
          fetchOffset,
          lastFetchedEpoch: -1,
          partitionMaxBytes: 1_048_576,
        })),
      },
    ],
    forgottenTopics: [],
  }
}

export function joinOf(groupId: string, memberId: string, topics: readonly string[]): RequestOf<'JoinGroup'> {
  return {
    groupId,
    sessionTimeoutMs: 10_000,
    rebalanceTimeoutMs: 10_000,
    memberId,
    groupInstanceId: null,
    protocolType: 'consumer',
    protocols: [{ name: 'roundrobin', metadata: encodeSubscription({ topics }) }],
    reason: null,
  }
}

/** A group of its own with this one member, its leader, joined but not yet synchronised. */
export async function joinAlone(kafka: PortFixture): Promise<{
  groupId: string
  node: NodeAddress
  memberId: string
  generationId: number
}> {
  const groupId = uniqueName('group')
  const node = await kafka.coordinatorOf(groupId)
  const first = await kafka.callTo(node, 'JoinGroup', joinOf(groupId, '', ['t']), { channel: 'join' })
  expect(first.errorCode).toBe(code.MEMBER_ID_REQUIRED)
  const { memberId } = first
  const joined = await kafka.callTo(node, 'JoinGroup', joinOf(groupId, memberId, ['t']), { channel: 'join' })
  expect(joined).toMatchObject({ errorCode: 0, leader: memberId, memberId, protocolName: 'roundrobin' })
  expect(joined.members.map((each) => each.memberId)).toEqual([memberId])
  return { groupId, node, memberId, generationId: joined.generationId }
}

export function partitionsOf({ responses }: FetchResponse): FetchedPartition[] {
  return responses.flatMap(({ partitions }) => partitions)
}

export function textsOf(answer: FetchResponse): string[] {
  return partitionsOf(answer).flatMap(({ records }) =>
    [...readBatches(records, pureCodec)].flatMap((batch) => batch.decode(0).map(({ value }) => String(value))),
  )
}

/** How a call ended: `answered`, or the kind of its error. Anything but a `PortError` is thrown on. */
export function kindOf(call: Promise<unknown>): Promise<PortErrorKind | 'answered'> {
  return call.then(
    () => 'answered' as const,
    (error: unknown) => {
      if (error instanceof PortError) return error.kind
      throw error
    },
  )
}
