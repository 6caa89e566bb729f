/** Encodes records into one uncompressed batch that can be sent, kept and sent again unchanged. When to close a batch and
 *  which sequence it gets is the producer's business. */

import type { Header } from '../model/record.ts'
import { attributeBits, batchLayout, batchLengthEnd, supportedMagic, writeInt64 } from './batch-layout.ts'

export type EncodableRecord = {
  readonly key: Buffer | null
  readonly value: Buffer | null
  readonly headers: readonly Header[]
  readonly timestampMs: number
}

/** Who sends the batch; −1 three times for a producer that is not idempotent. */
export type ProducerStamp = {
  readonly producerId: number
  readonly producerEpoch: number
  readonly baseSequence: number
  /** The batch belongs to the producer's open transaction. @default false */
  readonly isTransactional?: boolean
}

/** Bytes of a batch without records. */
export const batchOverhead: number = batchLayout.records

/** The longest a 32-bit and a 64-bit varint get. */
const varintSizeMax = 5
const varlongSizeMax = 10

/** At most so many bytes does the record add to a batch, wherever it stands in it. */
export function encodedSize(record: EncodableRecord): number {
  let size = 1 + varlongSizeMax + 5 * varintSizeMax + (record.key?.length ?? 0) + (record.value?.length ?? 0)
  for (const { key, value } of record.headers) size += 2 * varintSizeMax + Buffer.byteLength(key) + (value?.length ?? 0)
  return size
}

/** `crc32c` sees the part of the batch that the checksum covers. `records` must not be empty. */
export function encodeBatch(
  records: readonly EncodableRecord[],
  producer: ProducerStamp,
  crc32c: (bytes: Buffer) => number,
): Buffer {
  const first = records[0]
  if (first === undefined) throw new RangeError('a batch needs at least one record')
  const baseTimestampMs = first.timestampMs
  let maxTimestampMs = baseTimestampMs
  let size = batchOverhead
  const bodySizes: number[] = []
  for (const [index, record] of records.entries()) {
    const bodySize = recordBodySize(record, record.timestampMs - baseTimestampMs, index)
    bodySizes.push(bodySize)
    size += varintSize(bodySize) + bodySize
    if (record.timestampMs > maxTimestampMs) maxTimestampMs = record.timestampMs
  }
  const writer = new BatchWriter(Buffer.allocUnsafe(size))
  for (const [index, record] of records.entries()) {
    writer.record(record, record.timestampMs - baseTimestampMs, index, bodySizes[index] as number)
  }
  const bytes = writer.bytes
  writeInt64(bytes, 0, batchLayout.baseOffset)
  bytes.writeInt32BE(size - batchLengthEnd, batchLayout.batchLength)
  bytes.writeInt32BE(-1, batchLayout.partitionLeaderEpoch)
  bytes.writeInt8(supportedMagic, batchLayout.magic)
  bytes.writeInt16BE(producer.isTransactional === true ? attributeBits.transactional : 0, batchLayout.attributes)
  bytes.writeInt32BE(records.length - 1, batchLayout.lastOffsetDelta)
  writeInt64(bytes, baseTimestampMs, batchLayout.baseTimestamp)
  writeInt64(bytes, maxTimestampMs, batchLayout.maxTimestamp)
  writeInt64(bytes, producer.producerId, batchLayout.producerId)
  bytes.writeInt16BE(producer.producerEpoch, batchLayout.producerEpoch)
  bytes.writeInt32BE(producer.baseSequence, batchLayout.baseSequence)
  bytes.writeInt32BE(records.length, batchLayout.recordCount)
  bytes.writeUInt32BE(crc32c(bytes.subarray(batchLayout.attributes)), batchLayout.crc)
  return bytes
}

function recordBodySize(record: EncodableRecord, timestampDelta: number, offsetDelta: number): number {
  let size = 1 + varintSize(timestampDelta) + varintSize(offsetDelta) + bytesSize(record.key) + bytesSize(record.value)
  size += varintSize(record.headers.length)
  for (const { key, value } of record.headers) {
    const keyLength = Buffer.byteLength(key)
    size += varintSize(keyLength) + keyLength + bytesSize(value)
  }
  return size
}

/** Null travels as length −1, which takes one byte. */
function bytesSize(bytes: Buffer | null): number {
  return bytes === null ? 1 : varintSize(bytes.length) + bytes.length
}

function varintSize(value: number): number {
  let zigzag = value < 0 ? -2 * value - 1 : 2 * value
  let size = 1
  for (; zigzag >= 0x80; size++) zigzag = Math.floor(zigzag / 128)
  return size
}

class BatchWriter {
  readonly bytes: Buffer
  #position: number = batchLayout.records

  constructor(bytes: Buffer) {
    this.bytes = bytes
  }

  record(record: EncodableRecord, timestampDelta: number, offsetDelta: number, bodySize: number): void {
    this.#varint(bodySize)
    this.bytes[this.#position++] = 0 // attributes, unused
    this.#varint(timestampDelta)
    this.#varint(offsetDelta)
    this.#nullable(record.key)
    this.#nullable(record.value)
    this.#varint(record.headers.length)
    for (const { key, value } of record.headers) {
      this.#varint(Buffer.byteLength(key))
      this.#position += this.bytes.write(key, this.#position, 'utf8')
      this.#nullable(value)
    }
  }

  #nullable(part: Buffer | null): void {
    if (part === null) {
      this.#varint(-1)
      return
    }
    this.#varint(part.length)
    this.bytes.set(part, this.#position)
    this.#position += part.length
  }

  #varint(value: number): void {
    let zigzag = value < 0 ? -2 * value - 1 : 2 * value
    for (; zigzag >= 0x80; zigzag = Math.floor(zigzag / 128)) {
      this.bytes[this.#position++] = (zigzag % 128) | 0x80
    }
    this.bytes[this.#position++] = zigzag
  }
}
