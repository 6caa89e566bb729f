/** Takes the record data of a Fetch answer apart: first into batches by their 61-byte heads, then, when somebody has room
 *  for them, batches into records. Nothing is decoded twice and nothing is copied unless it was compressed.
 *
 *  All bytes are suspect: a batch that lies about a length, a count or an offset ends in a `RecordBatchError` before it
 *  costs memory or time. What to do about such a batch, and which batches to leave out (control, aborted), is decided
 *  elsewhere. */

import { ByteReader } from '../model/byte-reader.ts'
import { KafkaRecord } from '../model/record.ts'
import {
  attributeBits,
  type BatchCodec,
  batchLayout,
  batchLengthEnd,
  type Compression,
  compressions,
  readInt64,
  RecordBatchError,
  supportedMagic,
} from './batch-layout.ts'

export type { BatchCodec, Compression, RecordBatchErrorCode } from './batch-layout.ts'
export { batchOverhead, encodeBatch, encodedSize, type EncodableRecord, type ProducerStamp } from './encode-batch.ts'

/** Length, attributes, timestamp, offset, key, value and header count take at least a byte each. */
const recordSizeMin = 7

/** A batch may grow this many times by decompression … */
const decompressionRatioMax = 100
/** … but always up to here, because a large batch of equal records is honest and compresses a thousandfold … */
const decompressedFree = 16 * 1024 * 1024
/** … and never beyond this. */
const decompressedMax = 64 * 1024 * 1024

/** The whole batches in `records`, in order. A last batch that was cut off by the fetch limit is left out. Throws where
 *  the first thing comes up that cannot be read, so that everything before it has been handed out already. */
export function* readBatches(records: Buffer, codec: BatchCodec): Generator<BatchView, void, undefined> {
  let start = 0
  while (records.length - start > batchLayout.magic) {
    const batchLength = records.readInt32BE(start + batchLayout.batchLength)
    if (batchLength < batchLayout.records - batchLengthEnd) {
      throw corrupt(start, `its length is ${batchLength}, less than the head of a batch`)
    }
    const magic = records[start + batchLayout.magic]
    if (magic !== supportedMagic) {
      throw new RecordBatchError('UNSUPPORTED_MAGIC', `expected record format 2, got ${magic} at byte ${start}`)
    }
    const end = start + batchLengthEnd + batchLength
    if (end > records.length) break
    yield new BatchView(records.subarray(start, end), codec)
    start = end
  }
  if (start === 0 && records.length > 0) {
    throw new RecordBatchError('INCOMPLETE_BATCH', `${records.length} bytes of records hold no whole batch`)
  }
}

/** One batch, its head decoded, its records not yet. */
export class BatchView {
  readonly baseOffset: number
  /** One above the last offset that the batch covers, also if compaction removed its last records. */
  readonly nextOffset: number
  readonly leaderEpoch: number
  /** Transaction markers; never shown to users. */
  readonly isControl: boolean
  readonly isTransactional: boolean
  readonly compression: Compression
  readonly producerId: number
  readonly producerEpoch: number
  readonly baseSequence: number
  readonly baseTimestampMs: number
  readonly maxTimestampMs: number
  /** All records carry the broker's time of appending, which is `maxTimestampMs`. */
  readonly usesLogAppendTime: boolean
  readonly recordCount: number
  readonly sizeInBytes: number
  readonly #bytes: Buffer
  readonly #codec: BatchCodec

  /** `bytes` is exactly one batch of format 2. */
  constructor(bytes: Buffer, codec: BatchCodec) {
    const attributes = bytes.readInt16BE(batchLayout.attributes)
    const lastOffsetDelta = bytes.readInt32BE(batchLayout.lastOffsetDelta)
    const recordCount = bytes.readInt32BE(batchLayout.recordCount)
    const compression = compressions[attributes & attributeBits.compression]
    this.baseOffset = readHeadInt64(bytes, batchLayout.baseOffset)
    if (compression === undefined) {
      throw new RecordBatchError(
        'UNSUPPORTED_COMPRESSION',
        `batch at offset ${this.baseOffset} uses compression ${attributes & attributeBits.compression}, known are 0 to 4`,
      )
    }
    if (this.baseOffset < 0 || lastOffsetDelta < 0) {
      throw corrupt(this.baseOffset, `it covers ${lastOffsetDelta} offsets from ${this.baseOffset}`)
    }
    this.nextOffset = this.baseOffset + lastOffsetDelta + 1
    this.leaderEpoch = bytes.readInt32BE(batchLayout.partitionLeaderEpoch)
    this.isControl = (attributes & attributeBits.control) !== 0
    this.isTransactional = (attributes & attributeBits.transactional) !== 0
    this.compression = compression
    this.producerId = readHeadInt64(bytes, batchLayout.producerId)
    this.producerEpoch = bytes.readInt16BE(batchLayout.producerEpoch)
    this.baseSequence = bytes.readInt32BE(batchLayout.baseSequence)
    this.baseTimestampMs = readHeadInt64(bytes, batchLayout.baseTimestamp)
    this.maxTimestampMs = readHeadInt64(bytes, batchLayout.maxTimestamp)
    this.usesLogAppendTime = (attributes & attributeBits.logAppendTime) !== 0
    this.recordCount = recordCount
    this.sizeInBytes = bytes.length
    this.#bytes = bytes
    this.#codec = codec
    // More records than offsets is a lie whatever the compression; it also bounds what a cursor may be asked to hold.
    if (recordCount < 0 || recordCount > lastOffsetDelta + 1) {
      throw corrupt(this.baseOffset, `it announces ${recordCount} records within ${lastOffsetDelta + 1} offsets`)
    }
  }

  /** Nothing in the batch may be believed before this was asked: Kafka's own CRC covers all but offset and epoch. */
  crcIsValid(): boolean {
    const covered = this.#bytes.subarray(batchLayout.attributes)
    return this.#codec.crc32c(covered) === this.#bytes.readUInt32BE(batchLayout.crc)
  }

  /** Decompresses the batch if need be and stands before its first record at or after `fromOffset`. */
  cursor(fromOffset: number): RecordCursor {
    const packed = this.#bytes.subarray(batchLayout.records)
    const body =
      this.compression === 'none'
        ? packed
        : this.#codec.decompress(this.compression, packed, decompressedLengthMax(packed.length))
    if (this.recordCount * recordSizeMin > body.length) {
      throw corrupt(this.baseOffset, `it announces ${this.recordCount} records in ${body.length} bytes`)
    }
    return new RecordCursor(this, body, fromOffset)
  }

  /** All records at or after `fromOffset` at once. */
  decode(fromOffset: number): KafkaRecord[] {
    return this.cursor(fromOffset).next(this.recordCount)
  }
}

/** A place between two records of a batch; decoding may stop there and go on later. */
export class RecordCursor {
  readonly #batch: BatchView
  readonly #reader: ByteReader
  readonly #fromOffset: number
  #remaining: number
  #lastOffset: number

  constructor(batch: BatchView, body: Buffer, fromOffset: number) {
    this.#batch = batch
    this.#reader = new ByteReader(body, 0, body.length)
    this.#fromOffset = fromOffset
    this.#remaining = batch.recordCount
    this.#lastOffset = batch.baseOffset - 1
  }

  /** Records not yet looked at; those below the first wanted offset count until they have been passed. */
  get remaining(): number {
    return this.#remaining
  }

  /** Up to `max` further records; fewer only at the end of the batch. */
  next(max: number): KafkaRecord[] {
    const records: KafkaRecord[] = []
    try {
      while (records.length < max && this.#remaining > 0) {
        const record = this.#read()
        this.#remaining--
        if (record !== null) records.push(record)
      }
    } catch (cause) {
      if (cause instanceof RangeError) throw corrupt(this.#batch.baseOffset, cause.message, cause)
      throw cause
    }
    return records
  }

  #read(): KafkaRecord | null {
    const reader = this.#reader
    const start = reader.position
    const length = reader.varint()
    const bodyStart = reader.position
    if (length < recordSizeMin - 1) throw new RangeError(`a record of ${length} bytes`)
    reader.skip(length)
    const end = reader.position
    reader.position = bodyStart + 1 // over the attributes, which no version of Kafka uses
    const timestampDelta = reader.varint()
    const offset = this.#batch.baseOffset + reader.varint()
    if (offset <= this.#lastOffset || offset >= this.#batch.nextOffset) {
      throw new RangeError(`offset ${offset} outside ${this.#lastOffset + 1} to ${this.#batch.nextOffset - 1}`)
    }
    this.#lastOffset = offset
    if (offset < this.#fromOffset) {
      reader.position = end
      return null
    }
    const keyLength = reader.varint()
    const keyStart = keyLength < 0 ? -1 : reader.position
    if (keyLength > 0) reader.skip(keyLength)
    const keyEnd = reader.position
    const valueLength = reader.varint()
    const valueStart = valueLength < 0 ? -1 : reader.position
    if (valueLength > 0) reader.skip(valueLength)
    const valueEnd = reader.position
    checkHeaders(reader, end)
    const batch = this.#batch
    const timestampMs = batch.usesLogAppendTime ? batch.maxTimestampMs : batch.baseTimestampMs + timestampDelta
    return new KafkaRecord(offset, timestampMs, end - start, reader.bytes, {
      keyStart,
      keyEnd,
      valueStart,
      valueEnd,
      headersStart: valueEnd,
      end,
    })
  }
}

/** Walks over the headers without decoding them, because the record's getter must never be the one to fail. */
function checkHeaders(reader: ByteReader, end: number): void {
  const count = reader.varint()
  if (count < 0 || count > end - reader.position) throw new RangeError(`${count} headers`)
  for (let index = 0; index < count; index++) {
    const keyLength = reader.varint()
    if (keyLength < 0) throw new RangeError(`a header name of ${keyLength} bytes`)
    reader.skip(keyLength)
    const valueLength = reader.varint()
    if (valueLength > 0) reader.skip(valueLength)
  }
  if (reader.position !== end) throw new RangeError(`a record that ends ${end - reader.position} bytes early`)
}

function decompressedLengthMax(compressedLength: number): number {
  return Math.min(Math.max(compressedLength * decompressionRatioMax, decompressedFree), decompressedMax)
}

function readHeadInt64(bytes: Buffer, at: number): number {
  try {
    return readInt64(bytes, at)
  } catch (cause) {
    throw new RecordBatchError('CORRUPT_BATCH', 'the head of a batch holds a number beyond 2⁵³', { cause })
  }
}

function corrupt(at: number, problem: string, cause?: unknown): RecordBatchError {
  return new RecordBatchError('CORRUPT_BATCH', `the batch at ${at} is corrupt: ${problem}`, { cause })
}
