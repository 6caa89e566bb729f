/** Rows about what a log does not keep: retention by time and size, and compaction.
 *
 *  On Kafka both happen in the background; the embedded broker is told to, each time that a row looks. */

import { expect } from 'vitest'
import { type BatchHeader, readBatchHeader, recordsOf } from '../../../packages/broker/src/log/record-batch.ts'
import { type StoredRecord } from '../../../packages/broker/src/log/records.ts'
import { type Ground, type Row, type Wire } from '../row.ts'
import { batch, fetchOne, offsetAt, produce } from '../steps/log-steps.ts'

const latest = -1
const earliest = -2
const hourMs = 3_600_000
const seen = 'seen on 4.3.1'
/** Every batch is a segment of its own if each is two seconds newer than the one before. */
const segmentPerBatch = { 'segment.ms': '1000' }
const stepMs = 2_000
const compacted = { ...segmentPerBatch, 'cleanup.policy': 'compact', 'min.cleanable.dirty.ratio': '0' }

async function untilStart(ground: Ground, topic: string, offset: number): Promise<void> {
  const wire = await ground.leader(topic)
  await ground.until(async () => {
    ground.kafka?.core.applyRetention()
    return (await offsetAt(wire, topic, earliest)).offset === offset
  }, `the log of ${topic} starts at ${offset}`)
}

/** Resolves when the check for old records has certainly been at every log once. */
async function untilChecked(ground: Ground): Promise<void> {
  for (let round = 0; round < 2; round++) {
    const topic = await ground.topic(1, { 'retention.ms': '1' })
    await produce(await ground.leader(topic), topic, batch([{ timestampMs: Date.now() - hourMs }]))
    await untilStart(ground, topic, 1)
  }
}

type Read = { readonly header: BatchHeader; readonly records: readonly StoredRecord[] }

/** The whole log, batch by batch. */
async function readLog(wire: Wire, topic: string): Promise<Read[]> {
  const { offset: end } = await offsetAt(wire, topic, latest)
  const read: Read[] = []
  for (let fetchOffset = 0; fetchOffset < end;) {
    const { records } = await fetchOne(wire, topic, { fetchOffset, partitionMaxBytes: 1 })
    const header = records === null || records === undefined ? undefined : readBatchHeader(records)
    if (header === undefined) break
    read.push({ header, records: recordsOf(records as Buffer, header) ?? [] })
    fetchOffset = header.baseOffset + header.lastOffsetDelta + 1
  }
  return read
}

/** `key=value@offset`, `-` for no value. */
function shown(read: readonly Read[]): string[] {
  return read.flatMap(({ records }) =>
    records.map(({ key, value, offset }) => `${String(key)}=${value === null ? '-' : String(value)}@${offset}`),
  )
}

async function untilLog(
  ground: Ground,
  topic: string,
  isSo: (read: readonly Read[]) => boolean,
  what: string,
): Promise<Read[]> {
  const wire = await ground.leader(topic)
  let read: Read[] = []
  await ground.until(async () => {
    ground.kafka?.core.compact(topic)
    read = await readLog(wire, topic)
    return isSo(read)
  }, what)
  return read
}

const packedRows: readonly Row[] = [0, 1, 2, 3, 4].map((codecNumber) => ({
  id: `fetch/compaction-keeps-the-newest-of-each-key-codec-${codecNumber}`,
  api: 'Fetch',
  when: `a compacted topic gets a=1 and b=1, then a=2, then c=1, in batches of codec ${codecNumber}`,
  expect: 'b=1 at 1 in a batch of offsets 0 to 1 and the same codec, a=2 at 2, c=1 at 3; the log still starts at 0',
  rule: 'documentation: log compaction',
  priority: 'P1',
  async run(ground) {
    const topic = await ground.topic(1, compacted)
    const wire = await ground.leader(topic)
    const startMs = Date.now() - hourMs
    const at = (step: number): { timestampMs: number } => ({ timestampMs: startMs + step * stepMs })
    const first = [
      { key: 'a', value: '1', ...at(0) },
      { key: 'b', value: '1', ...at(0) },
    ]
    await produce(wire, topic, batch(first, { codecNumber }))
    await produce(wire, topic, batch([{ key: 'a', value: '2', ...at(1) }], { codecNumber }))
    await produce(wire, topic, batch([{ key: 'c', value: '1', ...at(2) }], { codecNumber }))

    const read = await untilLog(ground, topic, (log) => log[0]?.records.length === 1, 'the first batch was compacted')

    expect(shown(read)).toEqual(['b=1@1', 'a=2@2', 'c=1@3'])
    expect(read[0]?.header).toMatchObject({ baseOffset: 0, lastOffsetDelta: 1, codecNumber, recordCount: 1 })
    expect(read[0]?.records[0]?.timestampMs).toBe(startMs)
    expect(await offsetAt(wire, topic, earliest)).toMatchObject({ offset: 0 })
    expect(await fetchOne(wire, topic, { fetchOffset: 0 })).toMatchObject({ errorCode: 0, highWatermark: 4 })
  },
}))

export const upkeepRows: readonly Row[] = [
  ...packedRows,
  {
    id: 'fetch/tombstone-stays-for-a-while',
    api: 'Fetch',
    when: 'a compacted topic gets a=1, then a without a value, then c=1',
    expect: 'the tombstone stays at 1, in a batch whose attributes and base time say when it may go',
    rule: 'KIP-534',
    priority: 'P1',
    async run(ground) {
      const topic = await ground.topic(1, { ...compacted, 'delete.retention.ms': String(hourMs) })
      const wire = await ground.leader(topic)
      const startMs = Date.now() - hourMs
      const write = (step: number, key: string, value: string | null): Promise<unknown> =>
        produce(wire, topic, batch([{ key, value, timestampMs: startMs + step * stepMs }]))
      await write(0, 'a', '1')
      await write(1, 'a', null)
      await write(2, 'c', '1')

      const isMarked = ([first]: readonly Read[]): boolean => first?.header.deleteHorizonMs !== undefined
      const read = await untilLog(ground, topic, isMarked, 'the tombstone has a time to go')

      expect(shown(read)).toEqual(['a=-@1', 'c=1@2'])
      expect(read[0]?.header.deleteHorizonMs).toBeGreaterThan(startMs + hourMs)
      expect(read[0]?.records[0]?.timestampMs).toBe(startMs + stepMs)
      expect(read[0]?.header).toMatchObject({ maxTimestampMs: startMs + stepMs })
    },
  },
  {
    id: 'fetch/tombstone-goes-in-the-end',
    api: 'Fetch',
    when: 'delete.retention.ms is 1 and compaction comes again',
    expect: 'the tombstone is gone',
    rule: 'KIP-534',
    priority: 'P1',
    async run(ground) {
      const topic = await ground.topic(1, { ...compacted, 'delete.retention.ms': '1' })
      const wire = await ground.leader(topic)
      let timestampMs = Date.now() - hourMs
      const write = (key: string, value: string | null): Promise<unknown> =>
        produce(wire, topic, batch([{ key, value, timestampMs: (timestampMs += stepMs) }]))
      await write('a', '1')
      await write('a', null)
      await ground.until(async () => {
        // Kafka compacts when something new has come.
        await write('filler', '1')
        ground.kafka?.core.compact(topic)
        return !shown(await readLog(wire, topic)).some((record) => record.startsWith('a='))
      }, 'the tombstone has gone')
    },
  },
  {
    id: 'fetch/last-batch-of-a-producer-stays-empty',
    api: 'Fetch',
    when: 'all records of the last batch of an idempotent producer are compacted away',
    expect: 'the batch stays without records, its offsets and its producer as they were',
    rule: seen,
    priority: 'P1',
    async run(ground) {
      const topic = await ground.topic(1, compacted)
      const wire = await ground.leader(topic)
      const startMs = Date.now() - hourMs
      const at = (step: number): { timestampMs: number } => ({ timestampMs: startMs + step * stepMs })
      const producer = { producerId: 4_711, producerEpoch: 0, baseSequence: 0 }
      await produce(wire, topic, batch([{ key: 'a', value: '1', ...at(0) }], producer))
      await produce(wire, topic, batch([{ key: 'a', value: '2', ...at(1) }]))
      await produce(wire, topic, batch([{ key: 'c', value: '1', ...at(2) }]))

      const isEmpty = ([first]: readonly Read[]): boolean => first?.header.recordCount === 0
      const read = await untilLog(ground, topic, isEmpty, 'the first batch is empty')

      expect(shown(read)).toEqual(['a=2@1', 'c=1@2'])
      expect(read[0]?.header).toMatchObject({ baseOffset: 0, lastOffsetDelta: 0, ...producer })
    },
  },
  {
    id: 'fetch/expired-records-go',
    api: 'Fetch',
    when: 'all records are older than retention.ms',
    expect: 'the log starts at its end; 1 OFFSET_OUT_OF_RANGE for what was there',
    rule: 'topic configs: retention.ms',
    priority: 'P1',
    async run(ground) {
      const topic = await ground.topic(1, { 'retention.ms': '60000' })
      const wire = await ground.leader(topic)
      await produce(wire, topic, batch([{ timestampMs: Date.now() - hourMs }, { timestampMs: Date.now() - hourMs }]))
      await untilStart(ground, topic, 2)
      expect(await fetchOne(wire, topic, { fetchOffset: 0 })).toMatchObject({ errorCode: 1 })
      expect(await offsetAt(wire, topic, latest)).toMatchObject({ offset: 2 })
      expect(await produce(wire, topic)).toMatchObject({ baseOffset: 2, logStartOffset: 2 })
    },
  },
  {
    id: 'fetch/segments-expire-as-a-whole',
    api: 'Fetch',
    when: 'retention.ms is a minute, the first of three segments is an hour old, the second old and new, the third old',
    expect: 'the first goes; the second stays for its new record, and the third because the second does',
    rule: seen,
    priority: 'P1',
    async run(ground) {
      const topic = await ground.topic(1, { 'retention.ms': '60000', 'segment.ms': '60000' })
      const wire = await ground.leader(topic)
      const nowMs = Date.now()
      const write = (...ages: number[]): Promise<unknown> =>
        produce(wire, topic, batch(ages.map((ageMs) => ({ timestampMs: nowMs - ageMs }))))
      await write(hourMs, hourMs)
      await write(hourMs / 2, 0)
      await write(hourMs)
      await untilStart(ground, topic, 2)
      await untilChecked(ground)
      expect(await offsetAt(wire, topic, earliest)).toMatchObject({ offset: 2 })
    },
  },
  {
    id: 'fetch/append-time-counts-for-retention',
    api: 'Fetch',
    when: 'records of an hour ago come to a topic with LogAppendTime and retention.ms of a minute',
    expect: 'they stay',
    rule: 'topic configs: message.timestamp.type',
    priority: 'P1',
    async run(ground) {
      const configs = { 'retention.ms': '60000', 'message.timestamp.type': 'LogAppendTime' }
      const topic = await ground.topic(1, configs)
      const wire = await ground.leader(topic)
      await produce(wire, topic, batch([{ timestampMs: Date.now() - hourMs }]))
      await untilChecked(ground)
      expect(await offsetAt(wire, topic, earliest)).toMatchObject({ offset: 0 })
    },
  },
  {
    id: 'fetch/too-many-bytes-go',
    api: 'Fetch',
    when: 'retention.bytes is 1.2 MB and there are three segments of two batches of 400 kB',
    expect: 'the first segment goes: without it 1.6 MB are left, without two only 0.8 MB',
    rule: 'topic configs: retention.bytes',
    priority: 'P1',
    async run(ground) {
      const topic = await ground.topic(1, { 'retention.bytes': '1200000', 'segment.bytes': '1048576' })
      const wire = await ground.leader(topic)
      for (let sent = 0; sent < 6; sent++) await produce(wire, topic, batch([{ value: Buffer.alloc(400_000) }]))
      await untilStart(ground, topic, 2)
      await untilChecked(ground)
      expect(await offsetAt(wire, topic, earliest)).toMatchObject({ offset: 2 })
    },
  },
]
