/** The layout of a record batch (magic 2): its header, its records when they are not compressed, and how to make one.
 *
 *  The broker stores batches as they came. It writes three fields only: base offset and leader epoch (which the checksum
 *  does not cover) and, for topics with LogAppendTime, the timestamp (which it does). It never decompresses. */

import { crc32c } from './crc32c.ts'

/** Bytes from the base offset to the first record. */
export const batchHeaderBytes = 61
/** Base offset and length: what stands in front of the bytes that the length counts. */
const lengthPrefixBytes = 12
const crcStart = 21

const at = {
  baseOffset: 0,
  length: 8,
  leaderEpoch: 12,
  magic: 16,
  crc: 17,
  attributes: 21,
  lastOffsetDelta: 23,
  baseTimestamp: 27,
  maxTimestamp: 35,
  producerId: 43,
  producerEpoch: 51,
  baseSequence: 53,
  recordCount: 57,
} as const

const logAppendTimeBit = 0x08
const transactionalBit = 0x10
const controlBit = 0x20
const compressionBits = 0x07

export type BatchHeader = {
  readonly baseOffset: number
  readonly sizeBytes: number
  readonly leaderEpoch: number
  readonly magic: number
  readonly isCompressed: boolean
  readonly isTransactional: boolean
  readonly isControl: boolean
  /** The time of every record is `maxTimestampMs`. */
  readonly usesAppendTime: boolean
  readonly lastOffsetDelta: number
  readonly baseTimestampMs: number
  readonly maxTimestampMs: number
  readonly producerId: number
  readonly producerEpoch: number
  readonly baseSequence: number
  readonly recordCount: number
}

export type RecordHeader = { readonly key: string; readonly value: Buffer | null }

export type StoredRecord = {
  readonly offset: number
  readonly timestampMs: number
  readonly key: Buffer | null
  readonly value: Buffer | null
  readonly headers: readonly RecordHeader[]
}

export type NewRecord = {
  readonly key?: string | Uint8Array | null
  readonly value?: string | Uint8Array | null
  readonly headers?: readonly { readonly key: string; readonly value: string | Uint8Array | null }[]
  readonly timestampMs?: number
}

/** The magic number of whatever record format starts here; undefined if the bytes are too short to tell. */
export function magicOf(bytes: Buffer): number | undefined {
  return bytes.length > at.magic ? bytes.readInt8(at.magic) : undefined
}

/** Reads the header of the batch at the front of `bytes`; undefined if the batch is not there as a whole. */
export function readBatchHeader(bytes: Buffer): BatchHeader | undefined {
  if (bytes.length < batchHeaderBytes) return undefined
  const sizeBytes = bytes.readInt32BE(at.length) + lengthPrefixBytes
  if (sizeBytes < batchHeaderBytes || sizeBytes > bytes.length) return undefined
  const attributes = bytes.readInt16BE(at.attributes)
  return {
    baseOffset: Number(bytes.readBigInt64BE(at.baseOffset)),
    sizeBytes,
    leaderEpoch: bytes.readInt32BE(at.leaderEpoch),
    magic: bytes.readInt8(at.magic),
    isCompressed: (attributes & compressionBits) !== 0,
    isTransactional: (attributes & transactionalBit) !== 0,
    isControl: (attributes & controlBit) !== 0,
    usesAppendTime: (attributes & logAppendTimeBit) !== 0,
    lastOffsetDelta: bytes.readInt32BE(at.lastOffsetDelta),
    baseTimestampMs: Number(bytes.readBigInt64BE(at.baseTimestamp)),
    maxTimestampMs: Number(bytes.readBigInt64BE(at.maxTimestamp)),
    producerId: Number(bytes.readBigInt64BE(at.producerId)),
    producerEpoch: bytes.readInt16BE(at.producerEpoch),
    baseSequence: bytes.readInt32BE(at.baseSequence),
    recordCount: bytes.readInt32BE(at.recordCount),
  }
}

export function hasValidChecksum(batch: Buffer): boolean {
  return crc32c(batch, crcStart) === batch.readUInt32BE(at.crc)
}

/** What the leader writes into a batch before it stores it. Neither field is covered by the checksum. */
export function stampBatch(batch: Buffer, baseOffset: number, leaderEpoch: number): void {
  batch.writeBigInt64BE(BigInt(baseOffset), at.baseOffset)
  batch.writeInt32BE(leaderEpoch, at.leaderEpoch)
}

/** For topics with `message.timestamp.type=LogAppendTime`: the broker's time counts, and the checksum covers it. */
export function stampAppendTime(batch: Buffer, nowMs: number): void {
  batch.writeInt16BE(batch.readInt16BE(at.attributes) | logAppendTimeBit, at.attributes)
  batch.writeBigInt64BE(BigInt(nowMs), at.maxTimestamp)
  batch.writeUInt32BE(crc32c(batch, crcStart), at.crc)
}

export type BatchOptions = {
  readonly baseOffset?: number
  /** When records are missing in the middle or at the end, as after compaction. */
  readonly lastOffsetDelta?: number
  readonly offsetDeltas?: readonly number[]
  readonly producerId?: number
  readonly producerEpoch?: number
  readonly baseSequence?: number
  readonly isTransactional?: boolean
  readonly isControl?: boolean
  /** Timestamp of records that bring none. */
  readonly nowMs: number
}

/** An uncompressed batch. For tests and for what the broker writes itself (control batches, compaction). */
export function encodeBatch(records: readonly NewRecord[], options: BatchOptions): Buffer {
  const timestamps = records.map((record) => record.timestampMs ?? options.nowMs)
  const baseTimestamp = timestamps[0] ?? options.nowMs
  const body = records.map((record, index) =>
    encodeRecord(record, options.offsetDeltas?.[index] ?? index, (timestamps[index] ?? baseTimestamp) - baseTimestamp),
  )
  const batch = Buffer.concat([Buffer.alloc(batchHeaderBytes), ...body])
  const attributes = (options.isTransactional ? transactionalBit : 0) | (options.isControl ? controlBit : 0)
  batch.writeBigInt64BE(BigInt(options.baseOffset ?? 0), at.baseOffset)
  batch.writeInt32BE(batch.length - lengthPrefixBytes, at.length)
  batch.writeInt32BE(-1, at.leaderEpoch)
  batch.writeInt8(2, at.magic)
  batch.writeInt16BE(attributes, at.attributes)
  batch.writeInt32BE(options.lastOffsetDelta ?? Math.max(0, records.length - 1), at.lastOffsetDelta)
  batch.writeBigInt64BE(BigInt(Math.trunc(baseTimestamp)), at.baseTimestamp)
  batch.writeBigInt64BE(BigInt(Math.trunc(Math.max(baseTimestamp, ...timestamps))), at.maxTimestamp)
  batch.writeBigInt64BE(BigInt(options.producerId ?? -1), at.producerId)
  batch.writeInt16BE(options.producerEpoch ?? -1, at.producerEpoch)
  batch.writeInt32BE(options.baseSequence ?? -1, at.baseSequence)
  batch.writeInt32BE(records.length, at.recordCount)
  batch.writeUInt32BE(crc32c(batch, crcStart), at.crc)
  return batch
}

/** The single record of a control batch: the key is a version and 0 for abort or 1 for commit; the value is a version and
 *  the epoch of the coordinator that ended the transaction. */
export function controlRecord(outcome: 'commit' | 'abort', coordinatorEpoch: number): NewRecord {
  const key = Buffer.alloc(4)
  key.writeInt16BE(outcome === 'commit' ? 1 : 0, 2)
  const value = Buffer.alloc(6)
  value.writeInt32BE(coordinatorEpoch, 2)
  return { key, value }
}

function encodeRecord(record: NewRecord, offsetDelta: number, timestampDelta: number): Buffer {
  const parts: Buffer[] = [Buffer.from([0]), zigzag(timestampDelta), zigzag(offsetDelta)]
  parts.push(...sized(record.key ?? null), ...sized(record.value ?? null))
  const headers = record.headers ?? []
  parts.push(zigzag(headers.length))
  for (const header of headers) parts.push(...sized(header.key), ...sized(header.value))
  const body = Buffer.concat(parts)
  return Buffer.concat([zigzag(body.length), body])
}

function sized(value: string | Uint8Array | null): Buffer[] {
  if (value === null) return [zigzag(-1)]
  const bytes = Buffer.from(value as Uint8Array)
  return [zigzag(bytes.length), bytes]
}

function zigzag(value: number): Buffer {
  const bytes: number[] = []
  let rest = value < 0 ? -2 * value - 1 : 2 * value
  while (rest >= 0x80) {
    bytes.push((rest % 0x80) | 0x80)
    rest = Math.floor(rest / 0x80)
  }
  bytes.push(rest)
  return Buffer.from(bytes)
}

/** The records of an uncompressed batch; undefined if it is compressed. Throws a RangeError if the records are broken. */
export function readRecords(batch: Buffer): StoredRecord[] | undefined {
  const header = readBatchHeader(batch)
  if (header === undefined || header.isCompressed) return undefined
  const cursor: Cursor = { bytes: batch, at: batchHeaderBytes }
  const records: StoredRecord[] = []
  for (let index = 0; index < header.recordCount; index++) {
    readVarint(cursor)
    cursor.at += 1
    const createdAtMs = header.baseTimestampMs + readVarint(cursor)
    const timestampMs = header.usesAppendTime ? header.maxTimestampMs : createdAtMs
    const offset = header.baseOffset + readVarint(cursor)
    const key = readSized(cursor)
    const value = readSized(cursor)
    const headers: RecordHeader[] = []
    for (let left = readVarint(cursor); left > 0; left--) {
      headers.push({ key: readSized(cursor)?.toString() ?? '', value: readSized(cursor) })
    }
    records.push({ offset, timestampMs, key, value, headers })
  }
  return records
}

type Cursor = { readonly bytes: Buffer; at: number }

function readVarint(cursor: Cursor): number {
  let value = 0
  for (let scale = 1; ; scale *= 0x80) {
    const byte = cursor.bytes.readUInt8(cursor.at)
    cursor.at += 1
    value += (byte & 0x7f) * scale
    if (byte < 0x80) break
  }
  return value % 2 === 0 ? value / 2 : -(value + 1) / 2
}

function readSized(cursor: Cursor): Buffer | null {
  const length = readVarint(cursor)
  if (length < 0) return null
  if (cursor.at + length > cursor.bytes.length) throw new RangeError('a record is longer than its batch')
  cursor.at += length
  return cursor.bytes.subarray(cursor.at - length, cursor.at)
}
