/** Rows about batches that are not stored: by which code, and what is told beside it. */

import { expect } from 'vitest'
import { type Row } from '../row.ts'
import { batch, changed, elsewhere, offsetAt, produce, type ProduceGiven } from '../steps/log-steps.ts'

const latest = -1
const seen = 'seen on 4.3.1'
const farAheadMs = 7_200_000

type Refusal = {
  readonly id: string
  readonly when: string
  readonly code: number
  readonly name: string
  readonly rule?: string
  readonly priority?: 'P0' | 'P1'
  readonly configs?: Readonly<Record<string, string>>
  readonly given?: ProduceGiven
  /** Which records of the batch are blamed. */
  readonly blamed?: readonly number[]
  /** Whether the log itself refuses, and so tells where it starts. */
  readonly byLog: boolean
  sent(): Buffer
}

const refusals: readonly Refusal[] = [
  {
    id: 'acks-2',
    when: 'acks is 2',
    code: 21,
    name: 'INVALID_REQUIRED_ACKS',
    rule: 'protocol guide: Produce, acks',
    given: { acks: 2 },
    byLog: false,
    sent: () => batch(),
  },
  {
    id: 'unknown-partition-before-acks',
    when: 'acks is 2 and the partition does not exist',
    code: 3,
    name: 'UNKNOWN_TOPIC_OR_PARTITION',
    given: { acks: 2, index: 7 },
    byLog: false,
    sent: () => batch(),
  },
  {
    id: 'no-batch',
    when: 'the records are empty',
    code: 87,
    name: 'INVALID_RECORD',
    byLog: false,
    sent: () => Buffer.alloc(0),
  },
  {
    id: 'two-batches',
    when: 'a partition gets two batches in one request',
    code: 87,
    name: 'INVALID_RECORD',
    rule: 'protocol guide: Produce 3',
    byLog: false,
    sent: () => Buffer.concat([batch(), batch()]),
  },
  {
    id: 'cut-off-batch',
    when: 'the batch is cut off',
    code: 87,
    name: 'INVALID_RECORD',
    byLog: false,
    sent: () => batch().subarray(0, -1),
  },
  {
    id: 'old-format',
    when: 'the records are in format 1',
    code: 87,
    name: 'INVALID_RECORD',
    byLog: false,
    sent: () => changed(batch(), (bytes) => bytes.writeInt8(1, 16)),
  },
  {
    id: 'wrong-checksum',
    when: 'a bit of the batch flipped',
    code: 2,
    name: 'CORRUPT_MESSAGE',
    rule: 'protocol guide: record batch, CRC',
    byLog: false,
    sent: () => {
      const sent = batch()
      sent[sent.length - 1] = (sent.at(-1) ?? 0) ^ 1
      return sent
    },
  },
  {
    id: 'too-large',
    when: 'the batch is larger than max.message.bytes of the topic',
    code: 10,
    name: 'MESSAGE_TOO_LARGE',
    rule: 'topic configs: max.message.bytes',
    configs: { 'max.message.bytes': '100' },
    byLog: false,
    sent: () => batch(10),
  },
  {
    id: 'zstd-before-version-7',
    when: 'zstd comes in version 6',
    code: 76,
    name: 'UNSUPPORTED_COMPRESSION_TYPE',
    rule: 'KIP-110',
    given: { version: 6 },
    byLog: false,
    sent: () => batch(2, { codecNumber: 4 }),
  },
  {
    id: 'transactional-batch-without-id',
    when: 'a batch is transactional and the request names no transactional id',
    code: 53,
    name: 'TRANSACTIONAL_ID_AUTHORIZATION_FAILED',
    byLog: false,
    sent: () => batch(1, { isTransactional: true, producerId: 3, producerEpoch: 0, baseSequence: 0 }),
  },
  {
    id: 'base-offset',
    when: 'the base offset of the batch is not 0',
    code: 87,
    name: 'INVALID_RECORD',
    byLog: true,
    sent: () => batch(1, { baseOffset: 5 }),
  },
  {
    id: 'control-batch',
    when: 'a client writes a control batch',
    code: 87,
    name: 'INVALID_RECORD',
    byLog: true,
    sent: () => batch(1, { isControl: true }),
  },
  {
    id: 'last-offset',
    when: 'the records of the batch do not fill its offsets',
    code: 87,
    name: 'INVALID_RECORD',
    byLog: true,
    sent: () => batch(2, { lastOffsetDelta: 5 }),
  },
  {
    id: 'no-records',
    when: 'the batch holds no record',
    code: 87,
    name: 'INVALID_RECORD',
    byLog: true,
    sent: () => batch([]),
  },
  {
    id: 'count-below-records',
    when: 'the batch says one record and holds two',
    code: 87,
    name: 'INVALID_RECORD',
    byLog: true,
    sent: () => countOf(1, batch(2)),
  },
  {
    id: 'count-above-packed-records',
    when: 'a gzip batch says three records and holds two',
    code: 87,
    name: 'INVALID_RECORD',
    byLog: true,
    sent: () => countOf(3, batch(2, { codecNumber: 1 })),
  },
  {
    id: 'unknown-codec',
    when: 'the codec of the batch does not exist',
    code: -1,
    name: 'UNKNOWN_SERVER_ERROR',
    priority: 'P1',
    byLog: true,
    sent: () => changed(batch(2), (bytes) => bytes.writeInt16BE(5, 21)),
  },
  {
    id: 'not-what-the-codec-makes',
    when: 'the batch says LZ4 and is nothing of the kind',
    code: -1,
    name: 'UNKNOWN_SERVER_ERROR',
    priority: 'P1',
    byLog: true,
    sent: () => changed(batch(2), (bytes) => bytes.writeInt16BE(3, 21)),
  },
  {
    id: 'idempotent-without-sequence',
    when: 'a batch names a producer id and no sequence',
    code: 87,
    name: 'INVALID_RECORD',
    byLog: true,
    sent: () => batch(1, { producerId: 77, producerEpoch: 0 }),
  },
  ...[0, 1, 2, 3, 4].map((codecNumber) => ({
    id: `no-key-on-a-compacted-topic-codec-${codecNumber}`,
    when: `records 1 and 2 of a batch under codec ${codecNumber} have no key and the topic is compacted`,
    code: 87,
    name: 'INVALID_RECORD',
    rule: 'KIP-467',
    configs: { 'cleanup.policy': 'compact' },
    blamed: [1, 2],
    byLog: true,
    sent: () => batch([{ key: 'k', value: 'v' }, { value: 'v' }, {}], { codecNumber }),
  })),
  {
    id: 'no-key-where-records-are-deleted-too',
    when: 'a record has no key and cleanup.policy is compact,delete',
    code: 87,
    name: 'INVALID_RECORD',
    rule: 'KIP-467',
    configs: { 'cleanup.policy': 'compact,delete' },
    blamed: [0],
    byLog: true,
    sent: () => batch([{ value: 'v' }]),
  },
  {
    id: 'time-ahead',
    when: 'record 1 is two hours ahead of the broker',
    code: 32,
    name: 'INVALID_TIMESTAMP',
    rule: 'KIP-937',
    blamed: [1],
    byLog: true,
    sent: () => batch([{}, { timestampMs: Date.now() + farAheadMs }]),
  },
  {
    id: 'time-ahead-packed',
    when: 'record 1 of a gzip batch is two hours ahead of the broker',
    code: 32,
    name: 'INVALID_TIMESTAMP',
    rule: 'KIP-937',
    blamed: [1],
    byLog: true,
    sent: () => batch([{}, { timestampMs: Date.now() + farAheadMs }], { codecNumber: 1 }),
  },
  {
    id: 'time-behind',
    when: 'record 1 is older than message.timestamp.before.max.ms allows',
    code: 32,
    name: 'INVALID_TIMESTAMP',
    rule: 'KIP-937',
    configs: { 'message.timestamp.before.max.ms': '3600000' },
    blamed: [1],
    byLog: true,
    sent: () => batch([{}, { timestampMs: Date.now() - farAheadMs }]),
  },
]

function countOf(count: number, sent: Buffer): Buffer {
  return changed(sent, (bytes) => {
    bytes.writeInt32BE(count, 57)
    bytes.writeInt32BE(count - 1, 23)
  })
}

function refusalRow(refusal: Refusal): Row {
  const { id, when, code, name, rule = seen, priority = 'P0', configs, given, blamed = [], byLog } = refusal
  const blame = blamed.length === 0 ? '' : `, naming the records ${blamed.join(' and ')}`
  return {
    id: `produce/refused-${id}`,
    api: 'Produce',
    when,
    expect: `${code} ${name}${blame}; nothing is stored; the log start is ${byLog ? 'told' : '−1'}`,
    rule,
    priority,
    async run(ground) {
      const topic = await ground.topic(1, configs)
      const wire = await ground.leader(topic)
      const answer = await produce(wire, topic, refusal.sent(), given)
      expect(answer).toMatchObject({ errorCode: code, baseOffset: -1, logAppendTimeMs: -1 })
      const hasLogStart = given?.version === undefined || given.version >= 5
      expect(answer.logStartOffset).toBe(byLog && hasLogStart ? 0 : -1)
      expect(answer.recordErrors.map(({ batchIndex }) => batchIndex)).toEqual(blamed)
      expect(await offsetAt(wire, topic, latest)).toMatchObject({ offset: 0 })
    },
  }
}

export const produceRefusalRows: readonly Row[] = [
  ...refusals.map(refusalRow),
  {
    id: 'produce/senseless-bytes-take-the-whole-request',
    api: 'Produce',
    when: 'one of two partitions gets a format that does not exist',
    expect: '2 CORRUPT_MESSAGE for both; nothing is stored',
    rule: seen,
    priority: 'P1',
    async run(ground) {
      const topic = await ground.topic(2)
      const wire = await ground.leader(topic)
      const senseless = batch()
      senseless.writeInt8(3, 16)
      const partitions = [batch(), senseless].map((records, index) => ({ index, records }))
      const answer = await wire.call('Produce', 9, {
        acks: -1,
        timeoutMs: 1_000,
        topics: [{ name: topic, partitions }],
      })
      expect(answer.responses.flatMap((each) => each.partitions.map(({ errorCode }) => errorCode))).toEqual([2, 2])
      expect(await offsetAt(wire, topic, latest)).toMatchObject({ offset: 0 })
    },
  },
  {
    id: 'produce/records-are-counted-before-the-leader-is-known',
    api: 'Produce',
    when: 'two batches for one partition come to a node that does not lead it',
    expect: '87 INVALID_RECORD, not 6',
    rule: seen,
    priority: 'P1',
    nodes: 3,
    async run(ground) {
      const topic = await ground.topic()
      const wire = await elsewhere(ground, topic)
      expect(await produce(wire, topic, Buffer.concat([batch(), batch()]))).toMatchObject({ errorCode: 87 })
      expect(await produce(wire, topic)).toMatchObject({ errorCode: 6, currentLeader: null })
    },
  },
]
