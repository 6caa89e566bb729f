/** Rows about Produce: what it answers when it stores, and where and how often it does. */

import { expect } from 'vitest'
import { type Row } from '../row.ts'
import { batch, changed, elsewhere, fetchOne, offsetAt, produce } from '../steps/log-steps.ts'

const latest = -1
const newest = -3
const seen = 'seen on 4.3.1'
const codecs = ['uncompressed', 'gzip', 'snappy', 'lz4', 'zstd'] as const

const codecRows: readonly Row[] = codecs.map((codec, codecNumber) => ({
  id: `produce/compression-type-${codec}-packs-again`,
  api: 'Produce',
  when: `a topic has compression.type=${codec} and batches of every codec come`,
  expect: `0, and all are read under ${codec}, their records unchanged`,
  rule: 'topic configs: compression.type',
  priority: 'P1',
  async run(ground) {
    const topic = await ground.topic(1, { 'compression.type': codec })
    const wire = await ground.leader(topic)
    for (const sent of [0, 1, 2, 3, 4]) {
      expect(await produce(wire, topic, batch(2, { codecNumber: sent }))).toMatchObject({ errorCode: 0 })
    }
    for (const fetchOffset of [0, 2, 4, 6, 8]) {
      const { records } = await fetchOne(wire, topic, { fetchOffset, partitionMaxBytes: 1 })
      expect((records?.readInt16BE(21) ?? -1) & 7).toBe(codecNumber)
      expect(records?.readInt32BE(57)).toBe(2)
    }
  },
}))

const versionRows: readonly Row[] = [3, 5, 7, 8, 9, 10, 11, 12].map((version) => ({
  id: `produce/version-${version}-stores`,
  api: 'Produce',
  when: `three records come in version ${version}`,
  expect: `0, base offset 0, no append time, log start ${version < 5 ? 'not told' : '0'}`,
  rule: 'protocol guide: Produce',
  priority: 'P0',
  async run(ground) {
    const topic = await ground.topic()
    const wire = await ground.leader(topic)
    const answer = await produce(wire, topic, batch(3), { version })
    const logStartOffset = version < 5 ? -1 : 0
    expect(answer).toMatchObject({ errorCode: 0, baseOffset: 0, logAppendTimeMs: -1, logStartOffset, recordErrors: [] })
    expect(await offsetAt(wire, topic, latest)).toMatchObject({ offset: 3 })
  },
}))

export const produceRows: readonly Row[] = [
  ...versionRows,
  ...codecRows,
  {
    id: 'produce/acks-0-has-no-answer',
    api: 'Produce',
    when: 'acks is 0',
    expect: 'no answer; the next request is answered, and the record is there',
    rule: 'protocol guide: Produce, acks',
    priority: 'P0',
    async run(ground) {
      const topic = await ground.topic()
      const wire = await ground.leader(topic)
      await wire.call('Produce', 9, {
        acks: 0,
        timeoutMs: 1_000,
        topics: [{ name: topic, partitions: [{ index: 0, records: batch() }] }],
      })
      expect(await offsetAt(wire, topic, latest)).toMatchObject({ offset: 1 })
    },
  },
  {
    id: 'produce/acks-0-error-closes-the-connection',
    api: 'Produce',
    when: 'acks is 0 and the checksum is wrong',
    expect: 'the connection is closed, because there is no answer that could tell',
    rule: seen,
    priority: 'P0',
    async run(ground) {
      const topic = await ground.topic()
      const wire = await ground.leader(topic)
      const flipped = batch()
      flipped[flipped.length - 1] = (flipped.at(-1) ?? 0) ^ 1
      const topics = [{ name: topic, partitions: [{ index: 0, records: flipped }] }]
      await wire.call('Produce', 9, { acks: 0, timeoutMs: 1_000, topics })
      await wire.closed
    },
  },
  {
    id: 'produce/partition-named-twice-counts-once',
    api: 'Produce',
    when: 'a partition is named twice in a request',
    expect: '0 once, and only what was named last is stored',
    rule: seen,
    priority: 'P1',
    async run(ground) {
      const topic = await ground.topic()
      const wire = await ground.leader(topic)
      const partitions = [batch(1), batch(2)].map((records) => ({ index: 0, records }))
      const answer = await wire.call('Produce', 9, {
        acks: -1,
        timeoutMs: 1_000,
        topics: [{ name: topic, partitions }],
      })
      expect(answer.responses.flatMap((each) => each.partitions)).toMatchObject([{ errorCode: 0, baseOffset: 0 }])
      expect(await offsetAt(wire, topic, latest)).toMatchObject({ offset: 2 })
    },
  },
  {
    id: 'produce/one-bad-partition-leaves-the-others-alone',
    api: 'Produce',
    when: 'a request names a partition that exists and one that does not',
    expect: '0 and 3 UNKNOWN_TOPIC_OR_PARTITION',
    rule: 'protocol guide: Produce',
    priority: 'P0',
    async run(ground) {
      const topic = await ground.topic()
      const wire = await ground.leader(topic)
      const partitions = [0, 7].map((index) => ({ index, records: batch() }))
      const answer = await wire.call('Produce', 9, {
        acks: -1,
        timeoutMs: 1_000,
        topics: [{ name: topic, partitions }],
      })
      const answered = answer.responses.flatMap((each) => each.partitions)
      expect(new Map(answered.map(({ index, errorCode }) => [index, errorCode]))).toEqual(
        new Map([
          [0, 0],
          [7, 3],
        ]),
      )
    },
  },
  {
    id: 'produce/cut-off-second-batch-is-passed-over',
    api: 'Produce',
    when: 'bytes that are no whole batch follow the batch',
    expect: '0; they are not stored',
    rule: seen,
    priority: 'P1',
    async run(ground) {
      const topic = await ground.topic()
      const wire = await ground.leader(topic)
      const sent = batch()
      expect(await produce(wire, topic, Buffer.concat([sent, Buffer.alloc(5)]))).toMatchObject({ errorCode: 0 })
      const { records } = await fetchOne(wire, topic)
      expect(records?.length).toBe(sent.length)
    },
  },
  {
    id: 'produce/append-time-is-told-and-written',
    api: 'Produce',
    when: 'a topic has message.timestamp.type=LogAppendTime and records of long ago come',
    expect: '0 with the time of the broker, which the batch carries from then on, marked in its attributes',
    rule: 'topic configs: message.timestamp.type',
    priority: 'P0',
    async run(ground) {
      const topic = await ground.topic(1, { 'message.timestamp.type': 'LogAppendTime' })
      const wire = await ground.leader(topic)
      const answer = await produce(wire, topic, batch([{ value: 'v', timestampMs: 1_000 }]))
      expect(answer).toMatchObject({ errorCode: 0 })
      expect(answer.logAppendTimeMs).toBeGreaterThan(1_600_000_000_000)
      const { records } = await fetchOne(wire, topic)
      expect(records?.readInt16BE(21)).toBe(8)
      expect(Number(records?.readBigInt64BE(35))).toBe(answer.logAppendTimeMs)
    },
  },
  {
    id: 'produce/newest-time-in-the-header-is-corrected',
    api: 'Produce',
    when: 'the header of a batch names a newest time that no record has',
    expect: '0; −3 finds the newest time of the records',
    rule: seen,
    priority: 'P1',
    async run(ground) {
      const topic = await ground.topic()
      const wire = await ground.leader(topic)
      const nowMs = Date.now()
      const sent = changed(batch([{ timestampMs: nowMs }]), (bytes) => bytes.writeBigInt64BE(BigInt(nowMs + 9e6), 35))
      expect(await produce(wire, topic, sent)).toMatchObject({ errorCode: 0 })
      expect(await offsetAt(wire, topic, newest)).toMatchObject({ offset: 0, timestamp: nowMs })
    },
  },
  {
    id: 'produce/log-start-is-told',
    api: 'Produce',
    when: 'records were deleted before',
    expect: '0 with the offset at which the log starts now',
    rule: 'KIP-107',
    priority: 'P1',
    async run(ground) {
      const topic = await ground.topic()
      const wire = await ground.leader(topic)
      await produce(wire, topic, batch(5))
      const topics = [{ name: topic, partitions: [{ partitionIndex: 0, offset: 3 }] }]
      await wire.call('DeleteRecords', 2, { timeoutMs: 30_000, topics })
      expect(await produce(wire, topic)).toMatchObject({ errorCode: 0, baseOffset: 5, logStartOffset: 3 })
    },
  },
  {
    id: 'produce/leader-epoch-and-offset-are-written',
    api: 'Produce',
    when: 'a batch is read back',
    expect: 'its base offset and leader epoch are those of the log, everything else is as it was sent',
    rule: 'protocol guide: record batch',
    priority: 'P0',
    async run(ground) {
      const topic = await ground.topic()
      const wire = await ground.leader(topic)
      await produce(wire, topic, batch(2))
      const sent = batch(3)
      await produce(wire, topic, sent)
      const { records } = await fetchOne(wire, topic, { fetchOffset: 2 })
      expect(Number(records?.readBigInt64BE(0))).toBe(2)
      expect(records?.readInt32BE(12)).toBe(0)
      expect(records?.subarray(16)).toEqual(sent.subarray(16))
    },
  },
  {
    id: 'produce/not-the-leader-tells-who-is',
    api: 'Produce',
    when: 'a node that does not lead the partition is asked, in version 10',
    expect: '6 NOT_LEADER_OR_FOLLOWER with the leader, its epoch and its address',
    rule: 'KIP-951',
    priority: 'P0',
    nodes: 3,
    async run(ground) {
      const topic = await ground.topic()
      const leader = await ground.leader(topic)
      const wire = await elsewhere(ground, topic)
      const topics = [{ name: topic, partitions: [{ index: 0, records: batch() }] }]
      const { responses, nodeEndpoints } = await wire.call('Produce', 10, { acks: -1, timeoutMs: 1_000, topics })
      const currentLeader = { leaderId: leader.nodeId, leaderEpoch: 0 }
      expect(responses[0]?.partitions).toMatchObject([{ errorCode: 6, currentLeader }])
      expect(nodeEndpoints).toMatchObject([{ nodeId: leader.nodeId }])
    },
  },
]
