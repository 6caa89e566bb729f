import fc from 'fast-check'
import { describe, expect, test } from 'vitest'

import { errorCode, Refusal } from '../protocol/error-code.ts'
import { topicConfigDefinitions } from '../core/topic-configs.ts'
import { type LogSettings, logSettings } from './log-settings.ts'
import { crc32c } from './crc32c.ts'
import { type Marker, PartitionLog, type ReadLimits } from './partition-log.ts'
import { type BatchOptions, encodeBatch, hasValidChecksum, readBatchHeader, withCodec } from './record-batch.ts'
import type { NewRecord } from './records.ts'

const nowMs = 1_700_000_000_000
const rules: LogSettings = {
  ...logSettings((name) => topicConfigDefinitions.get(name)?.value ?? ''),
  messageBytesMax: 10_000,
}
const everything: ReadLimits = { bytesMax: 1_000_000, atLeastOneBatch: true, before: Infinity }

function batch(count: number, options: Partial<BatchOptions> = {}): Buffer {
  const records: NewRecord[] = Array.from({ length: count }, (_, index) => ({ key: `k${index}`, value: `v${index}` }))
  return encodeBatch(records, { nowMs, ...options })
}

function markerOf(producerId: number, outcome: Marker['outcome'], producerEpoch = 0): Marker {
  return { outcome, producerId, producerEpoch, coordinatorEpoch: 0 }
}

function refusalOf(action: () => unknown): number | undefined {
  try {
    action()
  } catch (error) {
    if (error instanceof Refusal) return error.code
    throw error
  }
  return undefined
}

test('the checksum is CRC-32C', () => {
  expect(crc32c(Buffer.from('123456789'))).toBe(0xe306_9283)
})

test('appending writes base offset and leader epoch and leaves every other byte alone', () => {
  const log = new PartitionLog()
  log.append(batch(3), rules, 0, nowMs)
  const sent = batch(2)
  const before = Buffer.from(sent)
  log.startEpoch(7)

  expect(log.append(sent, rules, 7, nowMs).baseOffset).toBe(3)

  const [stored] = log.read(3, everything)
  expect(readBatchHeader(stored as Buffer)).toMatchObject({ baseOffset: 3, leaderEpoch: 7 })
  expect(stored?.subarray(16)).toEqual(before.subarray(16))
  expect(sent).toEqual(before)
})

describe('a batch is refused', () => {
  const append = (records: Buffer | null, changed: Partial<LogSettings> = {}): number | undefined =>
    refusalOf(() => new PartitionLog().append(records, { ...rules, ...changed }, 0, nowMs))
  const at = (...timestamps: number[]): Buffer =>
    encodeBatch(
      timestamps.map((timestampMs) => ({ timestampMs })),
      { nowMs },
    )

  test('when a bit of it flipped', () => {
    const flipped = batch(1)
    flipped[flipped.length - 1] = (flipped.at(-1) ?? 0) ^ 1
    expect(append(flipped)).toBe(errorCode.corruptMessage)
  })

  test('when it is cut off', () => expect(append(batch(1).subarray(0, -1))).toBe(errorCode.invalidRecord))
  test('when it is larger than the topic takes', () =>
    expect(append(batch(9), { messageBytesMax: 100 })).toBe(errorCode.messageTooLarge))
  test('when it is larger than the topic takes under the codec of the topic', () => {
    const packed = encodeBatch([{ value: 'v'.repeat(1_000) }], { nowMs, codecNumber: 1 })
    expect(append(packed, { messageBytesMax: 500 })).toBeUndefined()
    expect(append(packed, { messageBytesMax: 500, codecNumber: 0 })).toBe(errorCode.messageTooLarge)
  })
  test('when there is none', () => {
    expect(append(null)).toBe(errorCode.invalidRecord)
    expect(append(Buffer.alloc(0))).toBe(errorCode.invalidRecord)
  })
  test('when there are two, but not for a piece of a second one', () => {
    expect(append(Buffer.concat([batch(1), batch(1)]))).toBe(errorCode.invalidRecord)
    expect(append(Buffer.concat([batch(1), batch(1).subarray(0, 30)]))).toBeUndefined()
  })
  test('when its format is older, and when there is no such format', () => {
    const withMagic = (magic: number): Buffer => {
      const changed = batch(1)
      changed.writeInt8(magic, 16)
      return changed
    }
    expect(append(withMagic(1))).toBe(errorCode.invalidRecord)
    expect(append(withMagic(3))).toBe(errorCode.corruptMessage)
  })
  test('when it does not begin at 0', () => expect(append(batch(1, { baseOffset: 5 }))).toBe(errorCode.invalidRecord))
  test('when a client writes a control batch', () =>
    expect(append(batch(1, { isControl: true }))).toBe(errorCode.invalidRecord))
  test('when its count does not fill its offsets', () =>
    expect(append(batch(2, { lastOffsetDelta: 5 }))).toBe(errorCode.invalidRecord))
  test('when an idempotent producer names no sequence', () =>
    expect(append(batch(1, { producerId: 5, producerEpoch: 0 }))).toBe(errorCode.invalidRecord))
  test('when its time is far ahead or far behind, unless the time of appending counts', () => {
    expect(append(at(nowMs + 3_600_000))).toBeUndefined()
    expect(append(at(nowMs, nowMs + 3_600_001))).toBe(errorCode.invalidTimestamp)
    expect(append(at(nowMs - 1_000, nowMs), { timestampBehindMsMax: 1_000 })).toBeUndefined()
    expect(append(at(nowMs - 1_001, nowMs), { timestampBehindMsMax: 1_000 })).toBe(errorCode.invalidTimestamp)
    expect(append(at(nowMs + 3_600_001), { usesAppendTime: true })).toBeUndefined()
  })
  test('when a compacted topic would get records without a key: which of them is told, whatever the codec', () => {
    for (const codecNumber of [0, 1, 2, 3, 4]) {
      const sent = encodeBatch([{ key: 'k' }, { value: 'v' }, { key: '' }, {}], { nowMs, codecNumber })
      const blamed = { code: errorCode.invalidRecord, recordErrors: [{ batchIndex: 1 }, { batchIndex: 3 }] }
      const settings = { ...rules, isCompacted: true }
      expect(() => new PartitionLog().append(sent, settings, 0, nowMs)).toThrow(
        expect.objectContaining({
          code: blamed.code,
          recordErrors: blamed.recordErrors.map((each) => expect.objectContaining(each) as object),
        }),
      )
    }
  })
  test('when its records are not what its codec makes', () => {
    const nonsense = withCodec(batch(1), Buffer.from('nonsense'), 0)
    expect(append(nonsense)).toBe(errorCode.invalidRecord)
    nonsense.writeInt16BE(1, 21)
    expect(append(withChecksum(nonsense))).toBe(errorCode.unknownServerError)
  })
})

function withChecksum(changed: Buffer): Buffer {
  changed.writeUInt32BE(crc32c(changed, 21), 17)
  return changed
}

describe('a topic with a codec of its own', () => {
  test.each([0, 1, 2, 3, 4])(
    'stores under codec %i whatever came, and leaves alone what has it already',
    (codecNumber) => {
      const log = new PartitionLog()
      const settings = { ...rules, codecNumber }
      for (const sent of [0, 1, 2, 3, 4]) log.append(batch(3, { codecNumber: sent }), settings, 0, nowMs)
      const headers = log.read(0, everything).map((bytes) => readBatchHeader(bytes))
      expect(headers.map((header) => header?.codecNumber)).toEqual(Array.from({ length: 5 }, () => codecNumber))
      expect(log.read(0, everything).every(hasValidChecksum)).toBe(true)
      expect(log.records().map(({ value }) => String(value))).toEqual(
        Array.from({ length: 15 }, (_, index) => `v${index % 3}`),
      )
    },
  )
})

test('the newest time in the header is that of the records, whatever the producer wrote there', () => {
  const log = new PartitionLog()
  const sent = encodeBatch([{ timestampMs: nowMs }], { nowMs })
  sent.writeBigInt64BE(BigInt(nowMs + 9_000_000), 35)
  log.append(withChecksum(sent), rules, 0, nowMs)
  const [stored] = log.read(0, everything)
  expect(readBatchHeader(stored as Buffer)?.maxTimestampMs).toBe(nowMs)
  expect(hasValidChecksum(stored as Buffer)).toBe(true)
})

describe('an idempotent producer', () => {
  const from = (baseSequence: number, count = 1, producerEpoch = 0): Buffer =>
    batch(count, { producerId: 5, producerEpoch, baseSequence })

  test('gets the first answer again for each of its last five batches', () => {
    const log = new PartitionLog()
    for (let sequence = 0; sequence < 12; sequence += 2) log.append(from(sequence, 2), rules, 0, nowMs)
    for (let sequence = 2; sequence < 12; sequence += 2) {
      expect(log.append(from(sequence, 2), rules, 0, nowMs)).toMatchObject({ baseOffset: sequence, isDuplicate: true })
    }
    expect(log.endOffset).toBe(12)
    expect(refusalOf(() => log.append(from(0, 2), rules, 0, nowMs))).toBe(errorCode.outOfOrderSequenceNumber)
  })

  test('must not leave a gap', () => {
    const log = new PartitionLog()
    log.append(from(0), rules, 0, nowMs)
    expect(refusalOf(() => log.append(from(2), rules, 0, nowMs))).toBe(errorCode.outOfOrderSequenceNumber)
  })

  test('may start anywhere when the log has never heard of it', () => {
    expect(new PartitionLog().append(from(40), rules, 0, nowMs).baseOffset).toBe(0)
  })

  test('starts at 0 in a new epoch and is fenced in an old one', () => {
    const log = new PartitionLog()
    log.append(from(0, 1, 1), rules, 0, nowMs)
    expect(refusalOf(() => log.append(from(1, 1, 0), rules, 0, nowMs))).toBe(errorCode.invalidProducerEpoch)
    expect(refusalOf(() => log.append(from(1, 1, 2), rules, 0, nowMs))).toBe(errorCode.outOfOrderSequenceNumber)
    expect(log.append(from(0, 1, 2), rules, 0, nowMs).baseOffset).toBe(1)
  })

  test('goes on at 0 after the largest sequence', () => {
    const log = new PartitionLog()
    log.append(from(2 ** 31 - 2, 3), rules, 0, nowMs)
    expect(log.append(from(1), rules, 0, nowMs).baseOffset).toBe(3)
  })
})

describe('reading', () => {
  test('starts with the batch that holds the offset', () => {
    const log = new PartitionLog()
    log.append(batch(3), rules, 0, nowMs)
    log.append(batch(3), rules, 0, nowMs)
    expect(log.read(4, everything).map((bytes) => readBatchHeader(bytes)?.baseOffset)).toEqual([3])
  })

  test('gives one batch whole if it must, else nothing, and cuts off what follows', () => {
    const log = new PartitionLog()
    log.append(batch(3), rules, 0, nowMs)
    log.append(batch(3), rules, 0, nowMs)
    const bytes = batch(3).length
    expect(log.read(0, { ...everything, bytesMax: 1 }).map((piece) => piece.length)).toEqual([bytes])
    expect(log.read(0, { ...everything, bytesMax: 1, atLeastOneBatch: false })).toEqual([])
    expect(log.read(0, { ...everything, bytesMax: bytes + 5 }).map((piece) => piece.length)).toEqual([bytes, 5])
  })

  test('ends with the segment: a batch more than segment.ms newer than the first begins another', () => {
    const log = new PartitionLog()
    const settings = { ...rules, segmentMs: 1_000 }
    const times = [0, 500, 1_000, 1_001, 3_000, 2_500]
    for (const time of times) log.append(encodeBatch([{ timestampMs: nowMs + time }], { nowMs }), settings, 0, nowMs)
    expect(times.map((_, offset) => log.read(offset, everything).length)).toEqual([3, 2, 1, 1, 2, 1])
  })

  test('a marker takes an offset and has no record', () => {
    const log = new PartitionLog()
    log.append(batch(2), rules, 0, nowMs)
    log.appendMarker(markerOf(9, 'commit'), 0, nowMs)
    expect([log.endOffset, log.records().length]).toEqual([3, 2])
    expect(readBatchHeader(log.read(2, everything)[0] as Buffer)?.isControl).toBe(true)
  })

  test('an open transaction holds the last stable offset, an abort lists it', () => {
    const log = new PartitionLog()
    log.append(batch(2), rules, 0, nowMs)
    log.appendTrusted(batch(2, { producerId: 9, producerEpoch: 0, baseSequence: 0, isTransactional: true }), 0)
    expect([log.lastStableOffset, log.endOffset]).toEqual([2, 4])
    log.appendMarker(markerOf(9, 'abort'), 0, nowMs)
    expect([log.lastStableOffset, log.endOffset]).toEqual([5, 5])
    expect(log.abortedBetween(0, 5)).toEqual([{ producerId: 9, firstOffset: 2, lastOffset: 4 }])
  })
})

test('compaction removes records and keeps every other offset', () => {
  const gone = fc.uniqueArray(fc.nat(11))
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 3, maxLength: 3 }), gone, (sizes, offsets) => {
      const log = new PartitionLog()
      for (const size of sizes) log.append(batch(size), rules, 0, nowMs)
      const end = log.endOffset
      const model = log.records().filter((record) => !offsets.includes(record.offset))

      log.compactAway(new Set(offsets))

      expect(log.records()).toEqual(model)
      expect(log.endOffset).toBe(end)
    }),
  )
})

test('an epoch ends where the next one starts', () => {
  const log = new PartitionLog()
  log.append(batch(3), rules, 0, nowMs)
  log.startEpoch(2)
  log.append(batch(2), rules, 2, nowMs)
  expect(log.endOfEpoch(0)).toEqual({ epoch: 0, endOffset: 3 })
  expect(log.endOfEpoch(1)).toEqual({ epoch: 0, endOffset: 3 })
  expect(log.endOfEpoch(2)).toEqual({ epoch: 2, endOffset: 5 })
  expect(log.endOfEpoch(3)).toBeUndefined()
})

test('a time finds the first record at or after it', () => {
  const log = new PartitionLog()
  const at = (timestampMs: number): NewRecord => ({ value: 'v', timestampMs })
  log.append(encodeBatch([at(10), at(30), at(20)], { nowMs }), rules, 0, nowMs)
  log.append(encodeBatch([at(40)], { nowMs }), rules, 0, nowMs)
  expect(log.findTimestamp(11, log.endOffset)).toEqual({ offset: 1, timestampMs: 30 })
  expect(log.findTimestamp(31, log.endOffset)).toEqual({ offset: 3, timestampMs: 40 })
  expect(log.findTimestamp(41, log.endOffset)).toBeUndefined()
  expect(log.newestTimestamp()).toEqual({ offset: 3, timestampMs: 40 })
})

test('a time is found inside compressed batches', () => {
  const records = [10, 30, 20].map((timestampMs) => ({ value: 'v', timestampMs }))
  for (const codecNumber of [1, 2, 3, 4]) {
    const log = new PartitionLog()
    log.append(encodeBatch(records, { nowMs, codecNumber }), rules, 0, nowMs)
    expect(log.findTimestamp(11, log.endOffset)).toEqual({ offset: 1, timestampMs: 30 })
    expect(log.newestTimestamp()).toEqual({ offset: 1, timestampMs: 30 })
  }
})

test('the newest time is told even when the log starts behind it, in the same batch', () => {
  const log = new PartitionLog()
  log.append(
    encodeBatch(
      [10, 30, 20].map((timestampMs) => ({ timestampMs })),
      { nowMs },
    ),
    rules,
    0,
    nowMs,
  )
  log.deleteBefore(2)
  expect(log.newestTimestamp()).toEqual({ offset: 1, timestampMs: 30 })
  expect(log.findTimestamp(0, log.endOffset)).toEqual({ offset: 2, timestampMs: 20 })
})

test("where the time of appending counts, it is every record's time: told, read back, found and kept by compaction", () => {
  const log = new PartitionLog()
  const byAppend = { ...rules, usesAppendTime: true }
  const old = encodeBatch(
    [
      { value: 'a', timestampMs: 5 },
      { value: 'b', timestampMs: 7 },
    ],
    { nowMs },
  )
  expect(log.append(old, byAppend, 0, nowMs)).toMatchObject({ logAppendTimeMs: nowMs })
  log.append(batch(1), byAppend, 0, nowMs + 10)

  expect(log.records().map(({ timestampMs }) => timestampMs)).toEqual([nowMs, nowMs, nowMs + 10])
  expect(log.findTimestamp(nowMs, log.endOffset)).toEqual({ offset: 0, timestampMs: nowMs })
  expect(log.findTimestamp(nowMs + 1, log.endOffset)).toEqual({ offset: 2, timestampMs: nowMs + 10 })
  log.compactAway(new Set([0]))
  expect(log.records()[0]).toMatchObject({ offset: 1, timestampMs: nowMs })
})
