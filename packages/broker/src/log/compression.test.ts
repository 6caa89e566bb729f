import fc from 'fast-check'
import { describe, expect, test } from 'vitest'

import { type Codec, codecByNumber, numberOfCodec, pack, unpack } from './compression.ts'
import { unpackLz4 } from './lz4.ts'
import { batchHeaderBytes, encodeBatch } from './record-batch.ts'
import { unpackSnappy } from './snappy.ts'

const packing: readonly Codec[] = ['gzip', 'snappy', 'lz4', 'zstd']

/** What Kafka 4.3.1 made of the same twelve records on topics with `compression.type` snappy and lz4. */
const byKafka = {
  snappy:
    'glNOQVBQWQAAAAABAAAAAQAAAJaGBIBUAAAABmtleUJ0aGUgc2FtZSB3b3JkcyBhZ2FpbiBhbmQJChwsIDAAVAAAApIrAAAxASsABJIrAAAyASsABpIr' +
    'AAAzASsACJIrAAA0ASsACpIrAAA1ASsADJIrAAA2ASsADpIrAAA3ASsAEJIrAAA4ASsAEpIrABQ5AFYAABQBKwREdHquAQQxMAEsABaWLAAEMQA=',
  lz4:
    'BCJNGGBAgpcAAADyElQAAAAGa2V5QnRoZSBzYW1lIHdvcmRzIGFnYWluIGFuZAoAjywgMABUAAACKwASEDErAB8EKwASEDIrAB8GKwASEDMrAB8IKwAS' +
    'EDQrAB8KKwASEDUrAB8MKwASEDYrAB8OKwASEDcrAB8QKwASEDgrAB8SKwASYDkAVgAAFCsAH0SuAQ0gMTAsAB8WLAAQUCwgMTEAAAAAAA==',
}

function twelveRecords(): Buffer {
  const records = Array.from({ length: 12 }, (_, index) => {
    return { key: 'key', value: `the same words again and again, ${index}` }
  })
  return encodeBatch(records, { nowMs: 0 }).subarray(batchHeaderBytes)
}

describe('what Kafka packed is opened', () => {
  test('with snappy', () => {
    expect(unpack('snappy', Buffer.from(byKafka.snappy, 'base64'))).toEqual(twelveRecords())
  })

  test('with LZ4', () => {
    expect(unpack('lz4', Buffer.from(byKafka.lz4, 'base64'))).toEqual(twelveRecords())
  })

  test('and so is a bare snappy block, which librdkafka sends', () => {
    const framed = Buffer.from(byKafka.snappy, 'base64')
    expect(unpack('snappy', framed.subarray(20))).toEqual(twelveRecords())
  })
})

test('every codec gives back what it was given, at any size', () => {
  const sizes = fc.oneof(fc.nat(100), fc.constantFrom(0, 1, 32_767, 32_768, 32_769, 65_535, 65_536, 65_537, 200_000))
  fc.assert(
    fc.property(fc.constantFrom(...packing), sizes, fc.nat(255), (codec, size, seed) => {
      const bytes = Buffer.from(Array.from({ length: size }, (_, index) => (index * seed) % 251))
      expect(unpack(codec, pack(codec, bytes)).equals(bytes)).toBe(true)
    }),
    { numRuns: 60 },
  )
})

test('broken bytes are an error or other bytes, never a hang', () => {
  fc.assert(
    fc.property(
      fc.constantFrom('snappy' as const, 'lz4' as const),
      fc.nat(150),
      fc.nat(255),
      fc.nat(150),
      (codec, at, byte, length) => {
        const bytes = Buffer.from(byKafka[codec], 'base64')
        bytes[at] = byte
        try {
          unpack(codec, bytes.subarray(0, length))
        } catch (error) {
          expect(error).toBeInstanceOf(RangeError)
        }
      },
    ),
    { numRuns: 2_000 },
  )
})

test('what grows beyond the limit is an error', () => {
  expect(() => unpackSnappy(Buffer.from(byKafka.snappy, 'base64'), 100)).toThrow(RangeError)
  expect(() => unpackLz4(Buffer.from(byKafka.lz4, 'base64'), 100)).toThrow(RangeError)
})

test('names and numbers of codecs are those of the protocol', () => {
  expect([0, 1, 2, 3, 4, 5].map(codecByNumber)).toEqual(['uncompressed', ...packing, undefined])
  expect([...packing, 'producer'].map(numberOfCodec)).toEqual([1, 2, 3, 4, -1])
})
