import { gzipSync, zstdCompressSync } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { batchLayout, RecordBatchError, writeInt64 } from './batch-layout.ts'
import { crc32c, pureCodec } from './crc32c.ts'
import {
  type BatchView,
  batchOverhead,
  encodeBatch,
  encodedSize,
  type EncodableRecord,
  readBatches,
} from './record-batch.ts'

const part = fc.option(fc.uint8Array({ maxLength: 60 }).map((bytes) => Buffer.from(bytes)))
const encodable: fc.Arbitrary<EncodableRecord> = fc.record({
  key: part,
  value: part,
  headers: fc.array(fc.record({ key: fc.string({ maxLength: 12, unit: 'binary' }), value: part }), { maxLength: 4 }),
  timestampMs: fc.oneof(fc.nat(), fc.integer({ min: -1, max: 4_102_444_800_000 })),
})
const producer = { producerId: 2 ** 40, producerEpoch: 3, baseSequence: 17 }
const plain: EncodableRecord = { key: Buffer.from('k'), value: Buffer.from('value'), headers: [], timestampMs: 1_000 }

function batchOf(records: readonly EncodableRecord[]): Buffer {
  return encodeBatch(records, producer, crc32c)
}

function only(bytes: Buffer): BatchView {
  const [batch, ...others] = readBatches(bytes, pureCodec)
  if (batch === undefined || others.length > 0) throw new Error('expected exactly one batch')
  return batch
}

function partsOf(batch: BatchView, fromOffset = 0): EncodableRecord[] {
  return batch.decode(fromOffset).map(({ key, value, headers, timestampMs }) => ({ key, value, headers, timestampMs }))
}

/** Replaces the records and whatever of the head is asked for, then makes length and checksum right again. */
function forged(
  head: { count?: number; lastOffsetDelta?: number; attributes?: number; baseOffset?: number },
  body: Buffer,
) {
  const bytes = Buffer.concat([batchOf([plain]).subarray(0, batchOverhead), body])
  bytes.writeInt32BE(bytes.length - 12, batchLayout.batchLength)
  if (head.count !== undefined) bytes.writeInt32BE(head.count, batchLayout.recordCount)
  if (head.lastOffsetDelta !== undefined) bytes.writeInt32BE(head.lastOffsetDelta, batchLayout.lastOffsetDelta)
  if (head.attributes !== undefined) bytes.writeInt16BE(head.attributes, batchLayout.attributes)
  if (head.baseOffset !== undefined) writeInt64(bytes, head.baseOffset, batchLayout.baseOffset)
  bytes.writeUInt32BE(crc32c(bytes.subarray(batchLayout.attributes)), batchLayout.crc)
  return bytes
}

function bodyOf(records: readonly EncodableRecord[]): Buffer {
  return batchOf(records).subarray(batchOverhead)
}

function codeOf(read: () => unknown): string {
  try {
    read()
  } catch (error) {
    return error instanceof RecordBatchError ? error.code : `not ours: ${String(error)}`
  }
  return 'no error'
}

test('CRC-32C is the Castagnoli checksum of the standard vectors', () => {
  expect(crc32c(Buffer.from('123456789'))).toBe(0xe3069283)
  expect(crc32c(Buffer.alloc(32))).toBe(0x8a9136aa)
  expect(crc32c(Buffer.alloc(32, 0xff))).toBe(0x62a8ab43)
  expect(crc32c(Buffer.alloc(0))).toBe(0)
})

describe('round trip', () => {
  test('what was encoded comes back, and no record takes more than its announced size', () => {
    fc.assert(
      fc.property(fc.array(encodable, { minLength: 1, maxLength: 30 }), (records) => {
        const bytes = batchOf(records)
        const batch = only(bytes)

        expect(batch.crcIsValid()).toBe(true)
        expect(partsOf(batch)).toEqual(records)
        expect(batch).toMatchObject({
          ...producer,
          baseOffset: 0,
          nextOffset: records.length,
          recordCount: records.length,
        })
        expect(bytes.length).toBeLessThanOrEqual(
          records.reduce((size, record) => size + encodedSize(record), batchOverhead),
        )
      }),
    )
  })

  test('decoding in slices of any size gives the same records as decoding at once', () => {
    fc.assert(
      fc.property(
        fc.array(encodable, { minLength: 1, maxLength: 30 }),
        fc.nat(31),
        fc.integer({ min: 1, max: 9 }),
        (records, from, slice) => {
          const batch = only(batchOf(records))
          const cursor = batch.cursor(from)
          const offsets: number[] = []
          while (cursor.remaining > 0) offsets.push(...cursor.next(slice).map((record) => record.offset))

          expect(offsets).toEqual(batch.decode(from).map((record) => record.offset))
          expect(offsets).toEqual([...records.keys()].filter((offset) => offset >= from))
          expect(cursor.next(slice)).toEqual([])
        },
      ),
    )
  })
})

describe('what the head says', () => {
  test('several batches in a row are told apart and a last one that is cut off anywhere is left out', () => {
    const whole = Buffer.concat([batchOf([plain]), batchOf([plain, plain])])
    const third = batchOf([plain, plain, plain])
    for (let cut = 0; cut < third.length; cut++) {
      const counts = [...readBatches(Buffer.concat([whole, third.subarray(0, cut)]), pureCodec)].map(
        (b) => b.recordCount,
      )
      expect(counts, `cut at ${cut}`).toEqual([1, 2])
    }
  })

  test('the next offset stays above the records that compaction removed', () => {
    const batch = only(forged({ count: 1, lastOffsetDelta: 41, baseOffset: 2 ** 40 }, bodyOf([plain])))

    expect(batch.nextOffset).toBe(2 ** 40 + 42)
    expect(batch.decode(0).map((record) => record.offset)).toEqual([2 ** 40])
  })

  test('a batch that compaction emptied has no records and still moves the position', () => {
    const batch = only(forged({ count: 0, lastOffsetDelta: 9 }, Buffer.alloc(0)))

    expect([batch.nextOffset, batch.decode(0)]).toEqual([10, []])
  })

  test('with LogAppendTime every record carries the time of the broker', () => {
    const bytes = forged(
      { attributes: 0x08, count: 2, lastOffsetDelta: 1 },
      bodyOf([plain, { ...plain, timestampMs: 2_000 }]),
    )
    writeInt64(bytes, 777_000, batchLayout.maxTimestamp)

    expect(
      only(bytes)
        .decode(0)
        .map((record) => record.timestampMs),
    ).toEqual([777_000, 777_000])
  })

  test('control and transactional batches are marked', () => {
    const { isControl, isTransactional } = only(forged({ attributes: 0x30 }, bodyOf([plain])))
    expect([isControl, isTransactional]).toEqual([true, true])
    expect(only(encodeBatch([plain], { ...producer, isTransactional: true }, crc32c)).isTransactional).toBe(true)
  })
})

describe('bytes that lie', () => {
  test('a flipped bit anywhere under the checksum is noticed', () => {
    const bytes = batchOf([plain, plain])
    for (let at = batchLayout.attributes; at < bytes.length; at++) {
      const flipped = Buffer.from(bytes)
      flipped[at] = (flipped[at] as number) ^ 0x10
      const noticed = codeOf(() => {
        if (!only(flipped).crcIsValid()) throw new RecordBatchError('CORRUPT_BATCH', 'checksum')
      })
      expect(noticed, `byte ${at}`).not.toMatch(/no error|not ours/)
    }
  })

  test('each lie has its code', () => {
    const body = bodyOf([plain])
    const oldFormat = batchOf([plain])
    oldFormat[batchLayout.magic] = 1
    const shortLength = batchOf([plain])
    shortLength.writeInt32BE(48, batchLayout.batchLength)
    const unsafe = batchOf([plain])
    unsafe.writeBigInt64BE(2n ** 60n, batchLayout.baseOffset)
    const decode = (bytes: Buffer): string => codeOf(() => only(bytes).decode(0))

    expect(decode(oldFormat)).toBe('UNSUPPORTED_MAGIC')
    expect(decode(shortLength)).toBe('CORRUPT_BATCH')
    expect(decode(unsafe)).toBe('CORRUPT_BATCH')
    expect(decode(batchOf([plain]).subarray(0, -1))).toBe('INCOMPLETE_BATCH')
    expect(decode(forged({ attributes: 6 }, body))).toBe('UNSUPPORTED_COMPRESSION')
    expect(decode(forged({ attributes: 2 }, body))).toBe('UNSUPPORTED_COMPRESSION')
    expect(decode(forged({ attributes: 1 }, body))).toBe('CORRUPT_BATCH')
    expect(decode(forged({ count: 2_000_000_000 }, body))).toBe('CORRUPT_BATCH')
    expect(decode(forged({ count: 2_000_000_000, lastOffsetDelta: 2_000_000_000 }, body))).toBe('CORRUPT_BATCH')
    expect(decode(forged({ count: 2, lastOffsetDelta: 1 }, Buffer.concat([body, body])))).toBe('CORRUPT_BATCH') // one offset twice
    expect(decode(forged({}, body.subarray(0, -1)))).toBe('CORRUPT_BATCH')
  })

  test('a batch that unpacks to far more than it could honestly hold is refused, an honest one is not', () => {
    const zeros = Buffer.alloc(17 * 1024 * 1024)
    const honest = bodyOf([{ ...plain, value: Buffer.alloc(4 * 1024 * 1024) }])
    for (const [attributes, compress] of [
      [1, gzipSync],
      [4, zstdCompressSync],
    ] as const) {
      expect(codeOf(() => only(forged({ attributes }, compress(zeros))).decode(0))).toBe('BATCH_TOO_LARGE')
      expect(only(forged({ attributes }, compress(honest))).decode(0)[0]?.value?.length).toBe(4 * 1024 * 1024)
    }
  })

  test('whatever bytes come, the answer is records or one of our errors', () => {
    const seed = Buffer.concat([
      batchOf([plain, { ...plain, headers: [{ key: 'h', value: Buffer.from('v') }] }]),
      forged({ attributes: 1 }, gzipSync(bodyOf([plain]))),
    ])
    const edit = fc.record({ at: fc.nat(seed.length - 1), byte: fc.integer({ min: 0, max: 255 }) })
    fc.assert(
      fc.property(fc.array(edit, { minLength: 1, maxLength: 6 }), fc.nat(seed.length), (edits, length) => {
        const bytes = Buffer.from(seed)
        for (const { at, byte } of edits) bytes[at] = byte
        const outcome = codeOf(() => {
          for (const batch of readBatches(bytes.subarray(0, length), pureCodec)) {
            batch.crcIsValid()
            for (const record of batch.decode(0)) void [record.key, record.value, record.headers, record.keyHash(1)]
          }
        })
        expect(outcome).not.toMatch(/not ours/)
      }),
      { numRuns: 3_000 },
    )
  })
})
