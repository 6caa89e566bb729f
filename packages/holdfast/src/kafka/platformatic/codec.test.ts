import * as client from '@platformatic/kafka'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { announcedLz4Length, announcedSnappyLength } from '../announced-length.ts'
import { type Compression, compressions, RecordBatchError } from '../batch-layout.ts'
import { crc32c } from '../crc32c.ts'
import { readBatches } from '../record-batch.ts'
import { batchCodec } from './codec.ts'

const packed = compressions.filter((compression) => compression !== 'none')

function compress(compression: Compression, bytes: Buffer): Buffer {
  return Buffer.from(client.compressionsAlgorithms[compression].compressSync(bytes))
}

function codeOf(compression: Compression, bytes: Buffer, lengthMax: number): string {
  try {
    batchCodec.decompress(compression, bytes, lengthMax)
  } catch (error) {
    return error instanceof RecordBatchError ? error.code : `not ours: ${String(error)}`
  }
  return 'no error'
}

/** Snappy as Java producers write it: a header of sixteen bytes, then chunks with their lengths. */
function xerial(chunks: readonly Buffer[]): Buffer {
  const header = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0, 0, 0, 0, 1, 0, 0, 0, 1])
  const framed = chunks.map((chunk) => {
    const length = Buffer.alloc(4)
    length.writeUInt32BE(chunk.length)
    return Buffer.concat([length, chunk])
  })
  return Buffer.concat([header, ...framed])
}

test('both checksums agree on any bytes', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      expect(batchCodec.crc32c(Buffer.from(bytes))).toBe(crc32c(bytes))
    }),
  )
})

test.each(packed)('a batch that the client library packed with %s is read', (compression) => {
  const messages = ['one', 'two'].map((text) => ({ topic: 't', value: Buffer.from(text), timestamp: 1n }))
  const { buffer } = client.createRecordsBatch(messages, { compression })
  const [batch] = readBatches(buffer, batchCodec)

  expect([batch?.compression, batch?.crcIsValid()]).toEqual([compression, true])
  expect(batch?.decode(0).map((record) => String(record.value))).toEqual(['one', 'two'])
})

test.each(packed)('%s that unpacks to more than the limit is refused before it is unpacked', (compression) => {
  const bomb = compress(compression, Buffer.alloc(2_000_000))

  expect(codeOf(compression, bomb, 1_000_000)).toBe('BATCH_TOO_LARGE')
  expect(codeOf(compression, bomb, 4_000_000)).toBe('no error')
})

test('snappy in the chunks of Java producers is read, and its chunks are counted together', () => {
  const chunks = ['first ', 'second'].map((text) => compress('snappy', Buffer.from(text)))

  expect(String(batchCodec.decompress('snappy', xerial(chunks), 100))).toBe('first second')
  expect(announcedSnappyLength(xerial(chunks))).toBe(12)
  expect(codeOf('snappy', xerial(chunks), 11)).toBe('BATCH_TOO_LARGE')
})

test.each(packed)('broken %s is corrupt, whatever is broken', (compression) => {
  const whole = compress(compression, Buffer.from('some text that is worth packing, some text that is worth packing'))
  for (let cut = 0; cut < whole.length; cut++) {
    expect(codeOf(compression, whole.subarray(0, cut), 1_000), `cut at ${cut}`).not.toMatch(/not ours/)
  }
  fc.assert(
    fc.property(fc.nat(whole.length - 1), fc.nat(255), (at, byte) => {
      const bytes = Buffer.from(whole)
      bytes[at] = byte
      expect(codeOf(compression, bytes, 1_000)).not.toMatch(/not ours/)
    }),
    { numRuns: 300 },
  )
})

test('an LZ4 frame never unpacks to more than it announces', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 500 }), fc.integer({ min: 1, max: 400 }), (bytes, times) => {
      const content = Buffer.concat(Array.from({ length: times }, () => bytes))

      expect(announcedLz4Length(compress('lz4', content))).toBeGreaterThanOrEqual(content.length)
    }),
  )
})
