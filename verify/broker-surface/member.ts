/** A consumer of few words, in the same process: it joins, commits, fetches and produces by calls of the broker's core. */

import {
  type ApiName,
  type CoreConnection,
  type DecodedResponse,
  type EmbeddedKafka,
  type GivenRequest,
} from '../../packages/broker/src/index.ts'
import { encodeBatch } from '../../packages/broker/src/log/record-batch.ts'

export class Member {
  readonly #kafka: EmbeddedKafka
  readonly #clientId: string
  readonly #connections = new Map<number, CoreConnection>()
  memberId = ''
  generationId = -1

  constructor(kafka: EmbeddedKafka, clientId = 'app') {
    this.#kafka = kafka
    this.#clientId = clientId
  }

  /** Asks a node over this member's connection to it, in a version that all tests here understand. */
  ask<A extends ApiName>(api: A, request: GivenRequest<A>, nodeId = 1): Promise<DecodedResponse<A>> {
    return this.#kafka.core.handle(nodeId, api, versions[api] ?? 0, request, this.connection(nodeId))
  }

  connection(nodeId = 1): CoreConnection {
    const open = this.#connections.get(nodeId)
    if (open !== undefined && !open.isClosed) return open
    const fresh = this.#kafka.core.connect(nodeId, this.#clientId)
    this.#connections.set(nodeId, fresh)
    return fresh
  }

  /** Joins alone or with those who join now; the leader gives partition n of `orders` to the n-th member. */
  async join(groupId: string): Promise<void> {
    const nodeId = this.#kafka.core.coordinatorOf(groupId)
    const protocols = [{ name: 'range', metadata: Buffer.alloc(0) }]
    const request = {
      groupId,
      sessionTimeoutMs: 10_000,
      rebalanceTimeoutMs: 10_000,
      protocolType: 'consumer',
      protocols,
    }
    const joining = this.ask('JoinGroup', { ...request, memberId: this.memberId }, nodeId)
    // A manual clock stands still, and the coordinator answers a join by a timer. The machine's clock goes by itself.
    await this.#kafka.clock.advance(0).catch(() => {})
    const joined = await joining
    const { memberId, generationId, members } = joined
    const assignments = members.map((each, index) => ({ memberId: each.memberId, assignment: assignment([index]) }))
    this.memberId = memberId
    this.generationId = generationId
    await this.ask('SyncGroup', { groupId, generationId, memberId, assignments }, nodeId)
  }

  commit(groupId: string, partitionIndex: number, committedOffset: number): Promise<DecodedResponse<'OffsetCommit'>> {
    const { memberId, generationId } = this
    const partitions = [{ partitionIndex, committedOffset }]
    const request = {
      groupId,
      memberId,
      generationIdOrMemberEpoch: generationId,
      topics: [{ name: 'orders', partitions }],
    }
    return this.ask('OffsetCommit', request, this.#kafka.core.coordinatorOf(groupId))
  }

  produce(...values: readonly string[]): Promise<DecodedResponse<'Produce'>> {
    const records = encodeBatch(
      values.map((value) => ({ value })),
      { nowMs: 1 },
    )
    return this.ask('Produce', {
      acks: -1,
      timeoutMs: 1_000,
      topics: [{ name: 'orders', partitions: [{ index: 0, records }] }],
    })
  }

  fetch(over: GivenRequest<'Fetch'> = {}): Promise<DecodedResponse<'Fetch'>> {
    const partitions = [{ partition: 0, fetchOffset: 0, partitionMaxBytes: 1_000_000 }]
    return this.ask('Fetch', { maxBytes: 1_000_000, topics: [{ topic: 'orders', partitions }], ...over })
  }
}

const versions: Partial<Record<ApiName, number>> = {
  JoinGroup: 3,
  SyncGroup: 3,
  Heartbeat: 3,
  OffsetCommit: 7,
  Produce: 8,
  Fetch: 11,
  Metadata: 8,
  FindCoordinator: 2,
  CreateTopics: 4,
}

/** As the consumer protocol writes it: version, one topic, its partitions, no user data. */
function assignment(partitions: readonly number[]): Buffer {
  const name = Buffer.from('orders')
  const bytes = Buffer.alloc(2 + 4 + 2 + name.length + 4 + 4 * partitions.length + 4)
  bytes.writeInt32BE(1, 2)
  bytes.writeInt16BE(name.length, 6)
  name.copy(bytes, 8)
  bytes.writeInt32BE(partitions.length, 8 + name.length)
  for (const [index, partition] of partitions.entries()) bytes.writeInt32BE(partition, 12 + name.length + 4 * index)
  return bytes
}
