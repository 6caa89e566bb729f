/** The client library and we read each other's batches: two encoders and two decoders that share no line. */

import * as platformatic from '@platformatic/kafka'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { crc32c, pureCodec } from '../crc32c.ts'
import { encodeBatch, type EncodableRecord, readBatches } from '../record-batch.ts'

const part = fc.option(fc.uint8Array({ maxLength: 60 }).map((bytes) => Buffer.from(bytes)))
const encodable: fc.Arbitrary<EncodableRecord> = fc.record({
  key: part,
  value: part,
  headers: fc.array(fc.record({ key: fc.string({ maxLength: 12, unit: 'binary' }), value: part }), { maxLength: 4 }),
  timestampMs: fc.oneof(fc.nat(), fc.integer({ min: -1, max: 4_102_444_800_000 })),
})
/** The client library encodes time differences of 2³¹ ms and more wrongly (it decodes them well), so its own batches stay below. */
const closeInTime = fc
  .tuple(encodable, fc.nat(1_000_000_000))
  .map(([record, sinceMs]) => ({ ...record, timestampMs: 1_790_000_000_000 + sinceMs }))
const producer = { producerId: 2 ** 40, producerEpoch: 3, baseSequence: 17 }

test('our batches are read by the client library with the same content', () => {
  fc.assert(
    fc.property(fc.array(encodable, { minLength: 1, maxLength: 12 }), (records) => {
      const read = platformatic.readRecordsBatch(platformatic.Reader.from(encodeBatch(records, producer, crc32c)))

      expect(read.producerId).toBe(BigInt(producer.producerId))
      expect(read.firstSequence).toBe(producer.baseSequence)
      expect(
        read.records.map((record) => ({
          key: record.key,
          value: record.value,
          headers: record.headers.map(([key, value]) => ({ key: String(key), value })),
          timestampMs: Number(read.firstTimestamp + record.timestampDelta),
        })),
      ).toEqual(records)
    }),
  )
})

test('batches of the client library are read by us with the same content', () => {
  fc.assert(
    fc.property(fc.array(closeInTime, { minLength: 1, maxLength: 12 }), (records) => {
      const messages = records.map(({ key, value, headers, timestampMs }) => {
        const pairs = headers.map((header) => [Buffer.from(header.key), header.value])
        const sized = Object.assign(pairs, { size: pairs.length }) // a plain array would be encoded wrongly
        return { topic: 't', key, value, headers: sized, timestamp: BigInt(timestampMs) }
      })
      const options = { producerId: 9n, producerEpoch: 1 }
      const bytes = platformatic.createRecordsBatch(messages as never, options).buffer
      const [batch] = readBatches(bytes, pureCodec)

      expect(batch?.crcIsValid()).toBe(true)
      expect(
        batch?.decode(0).map((record) => ({
          key: record.key,
          value: record.value,
          headers: record.headers,
          timestampMs: record.timestampMs,
        })),
      ).toEqual(records)
    }),
  )
})
