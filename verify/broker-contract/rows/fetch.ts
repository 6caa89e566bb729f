/** Rows about single Fetch requests: how much comes, and what is refused. When it comes: `fetch-waits.ts`; sessions:
 *  `fetch-sessions.ts`. */

import { expect } from 'vitest'
import { type Row } from '../row.ts'
import {
  type Asked,
  batch,
  deleteBefore,
  elsewhere,
  fetchOne,
  fetchWhole,
  pairOnOneNode,
  produce,
  topicIdOf,
} from '../steps/log-steps.ts'

const seen = 'seen on 4.3.1'
const nobodysId = '11111111-2222-4333-8444-555555555555'
const readCommitted = 1

const versionRows: readonly Row[] = [4, 5, 7, 9, 11, 12].map((version) => ({
  id: `fetch/version-${version}-reads`,
  api: 'Fetch',
  when: `a partition with three records is read in version ${version}`,
  expect: `0, the batch, high watermark and last stable offset 3, log start ${version < 5 ? 'not told' : '0'}, no list of aborted`,
  rule: 'protocol guide: Fetch',
  priority: 'P0',
  async run(ground) {
    const topic = await ground.topic()
    const wire = await ground.leader(topic)
    const sent = batch(3)
    await produce(wire, topic, sent)
    const answer = await fetchOne(wire, topic, {}, { version })
    expect(answer).toMatchObject({
      errorCode: 0,
      highWatermark: 3,
      lastStableOffset: 3,
      logStartOffset: version < 5 ? -1 : 0,
      abortedTransactions: null,
      divergingEpoch: null,
      currentLeader: null,
      preferredReadReplica: -1,
    })
    expect(answer.records?.length).toBe(sent.length)
  },
}))

const idRows: readonly Row[] = [13, 15, 16, 17].map((version) => ({
  id: `fetch/version-${version}-reads-by-id`,
  api: 'Fetch',
  when: `a partition with three records is read by the id of its topic, in version ${version}`,
  expect: '0, the batch, under the same id',
  rule: 'KIP-516',
  priority: 'P0',
  async run(ground) {
    const topic = await ground.topic()
    const wire = await ground.leader(topic)
    await produce(wire, topic, batch(3))
    const id = await topicIdOf(ground, topic)
    const { responses } = await fetchWhole(wire, { [id]: [{}] }, { version })
    expect(responses).toMatchObject([{ topicId: id, partitions: [{ errorCode: 0, highWatermark: 3 }] }])
  },
}))

type Refusal = {
  readonly id: string
  readonly when: string
  readonly expect: string
  readonly code: number
  readonly asked: Asked
  readonly aborted?: readonly []
}

const refusals: readonly Refusal[] = [
  {
    id: 'beyond-the-end',
    when: 'the offset is beyond the end',
    expect: '1 OFFSET_OUT_OF_RANGE',
    code: 1,
    asked: { fetchOffset: 4 },
  },
  {
    id: 'below-zero',
    when: 'the offset is negative',
    expect: '1 OFFSET_OUT_OF_RANGE',
    code: 1,
    asked: { fetchOffset: -1 },
  },
  {
    id: 'below-the-log-start',
    when: 'the offset was deleted',
    expect: '1 OFFSET_OUT_OF_RANGE',
    code: 1,
    asked: { fetchOffset: 0 },
  },
  {
    id: 'leader-epoch-to-come',
    when: 'the leader epoch is higher than any',
    expect: '75 UNKNOWN_LEADER_EPOCH',
    code: 75,
    asked: { fetchOffset: 3, currentLeaderEpoch: 9 },
  },
  {
    id: 'fetched-epoch-to-come',
    when: 'the last fetched epoch is higher than any',
    expect: '1 OFFSET_OUT_OF_RANGE',
    code: 1,
    asked: { fetchOffset: 3, lastFetchedEpoch: 7 },
  },
  {
    id: 'unknown-partition',
    when: 'the partition does not exist',
    expect: '3 UNKNOWN_TOPIC_OR_PARTITION, an empty list of aborted',
    code: 3,
    asked: { partition: 9 },
    aborted: [],
  },
]

const refusalRows: readonly Row[] = refusals.map(({ id, when, expect: expected, code, asked, aborted = null }) => ({
  id: `fetch/refused-${id}`,
  api: 'Fetch',
  when,
  expect: `${expected}, all offsets −1, no records`,
  rule: id.includes('epoch') ? 'KIP-320, KIP-595' : 'protocol guide: Fetch',
  priority: 'P0',
  async run(ground) {
    const topic = await ground.topic()
    const wire = await ground.leader(topic)
    await produce(wire, topic, batch(3))
    await deleteBefore(wire, topic, 1)
    const answer = await fetchOne(wire, topic, asked, { isolationLevel: readCommitted })
    expect(answer).toMatchObject({ errorCode: code, highWatermark: -1, lastStableOffset: -1, logStartOffset: -1 })
    expect(answer.abortedTransactions).toEqual(aborted)
    expect(answer.records?.length).toBe(0)
  },
}))

type Amount = {
  readonly id: string
  readonly when: string
  readonly expect: string
  /** Limits and expected bytes, in batches. */
  readonly partitionMax?: number
  readonly max?: number
  readonly bytes: number
}

const amounts: readonly Amount[] = [
  { id: 'request-limit-of-one-byte', when: 'maxBytes is 1 byte', expect: 'one whole batch', max: 0.001, bytes: 1 },
  {
    id: 'partition-limit-of-one-byte',
    when: 'partitionMaxBytes is 1 byte',
    expect: 'one whole batch',
    partitionMax: 0.001,
    bytes: 1,
  },
  {
    id: 'partition-limit-of-nothing',
    when: 'partitionMaxBytes is 0',
    expect: 'one whole batch',
    partitionMax: 0,
    bytes: 1,
  },
  {
    id: 'last-batch-is-cut',
    when: 'partitionMaxBytes is one batch and a half',
    expect: 'the second batch is cut off',
    partitionMax: 1.5,
    bytes: 1.5,
  },
  {
    id: 'limit-of-two-batches',
    when: 'partitionMaxBytes is two batches',
    expect: 'two batches',
    partitionMax: 2,
    bytes: 2,
  },
]

const amountRows: readonly Row[] = amounts.map(
  ({ id, when, expect: expected, partitionMax = 100, max = 100, bytes }) => ({
    id: `fetch/${id}`,
    api: 'Fetch',
    when: `three batches are there and ${when}`,
    expect: expected,
    rule: 'KIP-74',
    priority: 'P0',
    async run(ground) {
      const topic = await ground.topic()
      const wire = await ground.leader(topic)
      const size = batch(10).length
      for (let sent = 0; sent < 3; sent++) await produce(wire, topic, batch(10))
      const toBytes = (batches: number): number => Math.ceil(size * batches)
      const asked = { partitionMaxBytes: toBytes(partitionMax) }
      const { records } = await fetchOne(wire, topic, asked, { maxBytes: toBytes(max) })
      expect(records?.length).toBe(toBytes(bytes))
    },
  }),
)

export const fetchRows: readonly Row[] = [
  ...versionRows,
  ...idRows,
  ...refusalRows,
  ...amountRows,
  {
    id: 'fetch/only-the-first-partition-exceeds-the-limit',
    api: 'Fetch',
    when: 'two partitions have data and maxBytes is one byte',
    expect: 'one whole batch of the first, nothing of the second, no error',
    rule: 'KIP-74',
    priority: 'P0',
    async run(ground) {
      const { topic, wire, pair } = await pairOnOneNode(ground)
      for (const index of pair) await produce(wire, topic, batch(5), { index })
      const asked = { [topic]: pair.map((partition) => ({ partition })) }
      const { responses } = await fetchWhole(wire, asked, { maxBytes: 1 })
      expect(responses[0]?.partitions.map(({ records }) => records?.length)).toEqual([batch(5).length, 0])
      expect(responses[0]?.partitions).toMatchObject([{ errorCode: 0 }, { errorCode: 0 }])
    },
  },
  {
    id: 'fetch/middle-of-a-batch-gives-it-whole',
    api: 'Fetch',
    when: 'the offset is in the middle of a batch, and the log starts there too',
    expect: '0 and the whole batch, records below included',
    rule: seen,
    priority: 'P0',
    async run(ground) {
      const topic = await ground.topic()
      const wire = await ground.leader(topic)
      await produce(wire, topic, batch(5))
      await deleteBefore(wire, topic, 3)
      const answer = await fetchOne(wire, topic, { fetchOffset: 3 })
      expect(answer).toMatchObject({ errorCode: 0, logStartOffset: 3, highWatermark: 5 })
      expect(Number(answer.records?.readBigInt64BE(0))).toBe(0)
      expect(answer.records?.readInt32BE(57)).toBe(5)
    },
  },
  {
    id: 'fetch/ends-with-the-segment',
    api: 'Fetch',
    when: 'segment.ms is 1000 and the times of six records lie 0, 500, 1000, 1001, 3000, 2500 ms after the first',
    expect: 'segments of 3, 1 and 2 records; each answer ends with one',
    rule: seen,
    priority: 'P1',
    async run(ground) {
      const topic = await ground.topic(1, { 'segment.ms': '1000' })
      const wire = await ground.leader(topic)
      const nowMs = Date.now()
      const one = (afterMs: number): Buffer => batch([{ key: 'k', value: 'v', timestampMs: nowMs + afterMs }])
      for (const afterMs of [0, 500, 1_000, 1_001, 3_000, 2_500]) await produce(wire, topic, one(afterMs))
      const counts: number[] = []
      for (let fetchOffset = 0; fetchOffset < 6; fetchOffset++) {
        counts.push(((await fetchOne(wire, topic, { fetchOffset })).records?.length ?? 0) / one(0).length)
      }
      expect(counts).toEqual([3, 2, 1, 1, 2, 1])
    },
  },
  {
    id: 'fetch/epoch-that-ended-before-diverges',
    api: 'Fetch',
    when: 'the last fetched epoch ends below the offset',
    expect: '0 with the epoch and its end, no records',
    rule: 'KIP-595',
    priority: 'P1',
    async run(ground) {
      const topic = await ground.topic()
      const wire = await ground.leader(topic)
      await produce(wire, topic, batch(3))
      const answer = await fetchOne(wire, topic, { fetchOffset: 9, lastFetchedEpoch: 0, currentLeaderEpoch: 0 })
      expect(answer).toMatchObject({ errorCode: 0, highWatermark: 3, divergingEpoch: { epoch: 0, endOffset: 3 } })
      expect(answer.records?.length).toBe(0)
    },
  },
  {
    id: 'fetch/committed-has-a-list-of-aborted',
    api: 'Fetch',
    when: 'only committed records are asked for and nothing was aborted',
    expect: 'an empty list of aborted transactions, where uncommitted has none',
    rule: 'KIP-98',
    priority: 'P0',
    async run(ground) {
      const topic = await ground.topic()
      const wire = await ground.leader(topic)
      await produce(wire, topic)
      for (const version of [4, 12]) {
        const answer = await fetchOne(wire, topic, {}, { version, isolationLevel: readCommitted })
        expect(answer.abortedTransactions).toEqual([])
      }
    },
  },
  {
    id: 'fetch/isolation-level-that-does-not-exist',
    api: 'Fetch',
    when: 'the isolation level is 7',
    expect: '-1 UNKNOWN_SERVER_ERROR for the request and each partition',
    rule: seen,
    priority: 'P1',
    async run(ground) {
      const topic = await ground.topic()
      const wire = await ground.leader(topic)
      const answer = await fetchWhole(wire, { [topic]: [{}] }, { isolationLevel: 7 })
      expect(answer).toMatchObject({ errorCode: -1, responses: [{ partitions: [{ errorCode: -1 }] }] })
    },
  },
  {
    id: 'fetch/unknown-topic-id',
    api: 'Fetch',
    when: 'no topic has the id',
    expect: '100 UNKNOWN_TOPIC_ID for the partition',
    rule: 'KIP-516',
    priority: 'P0',
    async run(ground) {
      const wire = await ground.node()
      const answer = await fetchWhole(wire, { [nobodysId]: [{}] }, { version: 13 })
      expect(answer).toMatchObject({ errorCode: 0, responses: [{ topicId: nobodysId }] })
      expect(answer.responses[0]?.partitions).toMatchObject([{ errorCode: 100, abortedTransactions: [] }])
    },
  },
  {
    id: 'fetch/not-the-leader',
    api: 'Fetch',
    when: 'a node without a replica is asked, with a leader epoch or without, in version 12',
    expect: '6 NOT_LEADER_OR_FOLLOWER, the leader not told',
    rule: seen,
    priority: 'P0',
    nodes: 3,
    async run(ground) {
      const topic = await ground.topic()
      const wire = await elsewhere(ground, topic)
      for (const currentLeaderEpoch of [-1, 0, 5]) {
        const answer = await fetchOne(wire, topic, { currentLeaderEpoch })
        expect(answer).toMatchObject({ errorCode: 6, currentLeader: null, highWatermark: -1 })
      }
    },
  },
  {
    id: 'fetch/not-the-leader-tells-who-is',
    api: 'Fetch',
    when: 'a node without a replica is asked in version 16',
    expect: '6 NOT_LEADER_OR_FOLLOWER with the leader, its epoch and its address',
    rule: 'KIP-951',
    priority: 'P0',
    nodes: 3,
    async run(ground) {
      const topic = await ground.topic()
      const { nodeId: leaderId } = await ground.leader(topic)
      const wire = await elsewhere(ground, topic)
      const id = await topicIdOf(ground, topic)
      const { responses, nodeEndpoints } = await fetchWhole(wire, { [id]: [{}] }, { version: 16 })
      const currentLeader = { leaderId, leaderEpoch: 0 }
      expect(responses[0]?.partitions).toMatchObject([{ errorCode: 6, currentLeader }])
      expect(nodeEndpoints).toMatchObject([{ nodeId: leaderId }])
    },
  },
]
