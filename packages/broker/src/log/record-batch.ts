/** The layout of a record batch (magic 2): its header, what the broker writes into it, and how to make one.
 *
 *  The broker stores batches as they came. It writes base offset and leader epoch (which the checksum does not cover) and,
 *  where the topic or the records ask for it, the time and the codec (which it does). What is inside is `records.ts`. */

import { codecByNumber, pack, unpack } from './compression.ts'
import { crc32c } from './crc32c.ts'
import { encodeRecord, type NewRecord, readRecords, type StoredRecord } from './records.ts'

/** Bytes from the base offset to the first record. */
export const batchHeaderBytes = 61
/** Base offset and length: what stands in front of the bytes that the length counts. */
export const lengthPrefixBytes = 12
/** The format of everything that is stored here. */
export const batchMagic = 2
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

const codecBits = 0x07
const logAppendTimeBit = 0x08
const transactionalBit = 0x10
const controlBit = 0x20
const deleteHorizonBit = 0x40

export type BatchHeader = {
  readonly baseOffset: number
  readonly sizeBytes: number
  readonly leaderEpoch: number
  readonly magic: number
  /** 0 where nothing is compressed; `compression.ts` knows the others. */
  readonly codecNumber: number
  readonly isTransactional: boolean
  readonly isControl: boolean
  /** The time of every record is `maxTimestampMs`. */
  readonly usesAppendTime: boolean
  /** When compaction may take the tombstones or the marker in the batch away; it stands where the base timestamp was. */
  readonly deleteHorizonMs: number | undefined
  readonly lastOffsetDelta: number
  readonly baseTimestampMs: number
  readonly maxTimestampMs: number
  readonly producerId: number
  readonly producerEpoch: number
  readonly baseSequence: number
  readonly recordCount: number
}

/** Reads the header of the batch at the front of `bytes`; undefined if the batch is not there as a whole. */
export function readBatchHeader(bytes: Buffer): BatchHeader | undefined {
  if (bytes.length < batchHeaderBytes) return undefined
  const sizeBytes = bytes.readInt32BE(at.length) + lengthPrefixBytes
  if (sizeBytes < batchHeaderBytes || sizeBytes > bytes.length) return undefined
  const attributes = bytes.readInt16BE(at.attributes)
  const baseTimestampMs = Number(bytes.readBigInt64BE(at.baseTimestamp))
  return {
    baseOffset: Number(bytes.readBigInt64BE(at.baseOffset)),
    sizeBytes,
    leaderEpoch: bytes.readInt32BE(at.leaderEpoch),
    magic: bytes.readInt8(at.magic),
    codecNumber: attributes & codecBits,
    isTransactional: (attributes & transactionalBit) !== 0,
    isControl: (attributes & controlBit) !== 0,
    usesAppendTime: (attributes & logAppendTimeBit) !== 0,
    deleteHorizonMs: (attributes & deleteHorizonBit) === 0 ? undefined : baseTimestampMs,
    lastOffsetDelta: bytes.readInt32BE(at.lastOffsetDelta),
    baseTimestampMs,
    maxTimestampMs: Number(bytes.readBigInt64BE(at.maxTimestamp)),
    producerId: Number(bytes.readBigInt64BE(at.producerId)),
    producerEpoch: bytes.readInt16BE(at.producerEpoch),
    baseSequence: bytes.readInt32BE(at.baseSequence),
    recordCount: bytes.readInt32BE(at.recordCount),
  }
}

/** The number in the place where every record format has its version; undefined if the bytes are too short to tell. */
export function magicOf(bytes: Buffer): number | undefined {
  return bytes.length > at.magic ? bytes.readInt8(at.magic) : undefined
}

export function hasValidChecksum(batch: Buffer): boolean {
  return crc32c(batch, crcStart) === batch.readUInt32BE(at.crc)
}

/** What the leader writes into a batch before it stores it. Neither field is covered by the checksum. */
export function stampBatch(batch: Buffer, baseOffset: number, leaderEpoch: number): void {
  batch.writeBigInt64BE(BigInt(baseOffset), at.baseOffset)
  batch.writeInt32BE(leaderEpoch, at.leaderEpoch)
}

/** Whose time counts, and the newest there is. Where it counts by appending, that is the time of every record. */
export type BatchTime = { readonly isAppendTime: boolean; readonly maxTimestampMs: number }

/** Writes the time, and the checksum that covers it. A batch that says the same already is left alone. */
export function stampTime(batch: Buffer, { isAppendTime, maxTimestampMs }: BatchTime): void {
  const attributes = batch.readInt16BE(at.attributes)
  const wanted = isAppendTime ? attributes | logAppendTimeBit : attributes & ~logAppendTimeBit
  // A time beyond 64 bits is nonsense that a client sent; it wraps around, as it does in Kafka.
  const newest = BigInt.asIntN(64, BigInt(maxTimestampMs))
  if (wanted === attributes && batch.readBigInt64BE(at.maxTimestamp) === newest) return
  batch.writeInt16BE(wanted, at.attributes)
  batch.writeBigInt64BE(newest, at.maxTimestamp)
  stampChecksum(batch)
}

function stampChecksum(batch: Buffer): void {
  batch.writeUInt32BE(crc32c(batch, crcStart), at.crc)
}

/** The bytes of the records, unpacked; undefined if the codec is unknown or they are not what it makes. */
export function openedRecords(batch: Buffer, header: BatchHeader): Buffer | undefined {
  const codec = codecByNumber(header.codecNumber)
  if (codec === undefined) return undefined
  try {
    return unpack(codec, batch.subarray(batchHeaderBytes, header.sizeBytes))
  } catch {
    // Every codec has errors of its own; to a broker they mean the same.
    return undefined
  }
}

/** The records of a batch; undefined if it cannot be opened. Throws a RangeError if the records are broken. */
export function recordsOf(batch: Buffer, header: BatchHeader): StoredRecord[] | undefined {
  const opened = openedRecords(batch, header)
  return opened === undefined ? undefined : readRecords(opened, header)
}

/** The same batch with its records, given here as they are when opened, under another codec. */
export function withCodec(batch: Buffer, records: Buffer, codecNumber: number): Buffer {
  const packed = pack(codecByNumber(codecNumber) ?? 'uncompressed', records)
  const changed = Buffer.concat([batch.subarray(0, batchHeaderBytes), packed])
  changed.writeInt32BE(changed.length - lengthPrefixBytes, at.length)
  changed.writeInt16BE((batch.readInt16BE(at.attributes) & ~codecBits) | codecNumber, at.attributes)
  stampChecksum(changed)
  return changed
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
  /** What the records are packed with. @default 0, nothing */
  readonly codecNumber?: number
  /** See the header. @default none */
  readonly deleteHorizonMs?: number | undefined
  /** Timestamp of records that bring none. */
  readonly nowMs: number
}

/** A batch for tests and for what the broker writes itself: control batches, and what compaction leaves. */
export function encodeBatch(records: readonly NewRecord[], options: BatchOptions): Buffer {
  const timestamps = records.map((record) => record.timestampMs ?? options.nowMs)
  const baseTimestamp = options.deleteHorizonMs ?? timestamps[0] ?? options.nowMs
  const body = records.map((record, index) =>
    encodeRecord(record, options.offsetDeltas?.[index] ?? index, (timestamps[index] ?? baseTimestamp) - baseTimestamp),
  )
  const batch = Buffer.concat([Buffer.alloc(batchHeaderBytes), ...body])
  const attributes =
    (options.isTransactional ? transactionalBit : 0) |
    (options.isControl ? controlBit : 0) |
    (options.deleteHorizonMs === undefined ? 0 : deleteHorizonBit)
  const newest = timestamps.reduce((max, timestamp) => Math.max(max, timestamp), timestamps[0] ?? options.nowMs)
  batch.writeBigInt64BE(BigInt(options.baseOffset ?? 0), at.baseOffset)
  batch.writeInt32BE(batch.length - lengthPrefixBytes, at.length)
  batch.writeInt32BE(-1, at.leaderEpoch)
  batch.writeInt8(batchMagic, at.magic)
  batch.writeInt16BE(attributes, at.attributes)
  batch.writeInt32BE(options.lastOffsetDelta ?? Math.max(0, records.length - 1), at.lastOffsetDelta)
  batch.writeBigInt64BE(BigInt(Math.trunc(baseTimestamp)), at.baseTimestamp)
  batch.writeBigInt64BE(BigInt(Math.trunc(newest)), at.maxTimestamp)
  batch.writeBigInt64BE(BigInt(options.producerId ?? -1), at.producerId)
  batch.writeInt16BE(options.producerEpoch ?? -1, at.producerEpoch)
  batch.writeInt32BE(options.baseSequence ?? -1, at.baseSequence)
  batch.writeInt32BE(records.length, at.recordCount)
  stampChecksum(batch)
  return options.codecNumber ? withCodec(batch, batch.subarray(batchHeaderBytes), options.codecNumber) : batch
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
