/** Where the fields of a record batch (format v2) lie, what encoder and decoder need from outside, and how both fail.
 *  The layout is the whole agreement between `record-batch.ts` and `encode-batch.ts`. */

/** Byte positions within a batch. */
export const batchLayout = {
  baseOffset: 0,
  batchLength: 8,
  partitionLeaderEpoch: 12,
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
  records: 61,
} as const

/** `batchLength` counts the bytes that follow it. */
export const batchLengthEnd = 12
export const supportedMagic = 2

export const attributeBits = { compression: 0x07, logAppendTime: 0x08, transactional: 0x10, control: 0x20 } as const

/** In the order of their numbers on the wire. */
export const compressions = ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const
export type Compression = (typeof compressions)[number]

/** What a batch cannot do by itself; over sockets the client library lends it, in the simulator `crc32c.ts`. */
export type BatchCodec = {
  /** CRC-32C (Castagnoli) as an unsigned number. Must not keep or change the bytes. */
  crc32c(bytes: Buffer): number
  /** Throws a `RecordBatchError` when the result would pass `lengthMax`, the compression is unknown or the bytes are broken. */
  decompress(compression: Compression, bytes: Buffer, lengthMax: number): Buffer
}

/** CORRUPT_BATCH the bytes contradict themselves · INCOMPLETE_BATCH not even the first batch of an answer is whole ·
 *  UNSUPPORTED_MAGIC a format from before Kafka 0.11 · UNSUPPORTED_COMPRESSION no decoder for it here ·
 *  BATCH_TOO_LARGE decompressing would take more memory than any honest batch. */
export type RecordBatchErrorCode =
  | 'CORRUPT_BATCH'
  | 'INCOMPLETE_BATCH'
  | 'UNSUPPORTED_MAGIC'
  | 'UNSUPPORTED_COMPRESSION'
  | 'BATCH_TOO_LARGE'

export class RecordBatchError extends Error {
  override readonly name = 'RecordBatchError'
  readonly code: RecordBatchErrorCode

  constructor(code: RecordBatchErrorCode, message: string, options?: { readonly cause?: unknown }) {
    super(message, options)
    this.code = code
  }
}

const twoTo32 = 2 ** 32

/** Offsets, ids and timestamps are numbers here; whatever does not fit exactly is refused instead of rounded. */
export function readInt64(bytes: Buffer, at: number): number {
  const value = bytes.readInt32BE(at) * twoTo32 + bytes.readUInt32BE(at + 4)
  if (!Number.isSafeInteger(value)) throw new RangeError(`the 64-bit number at byte ${at} is not a safe integer`)
  return value
}

export function writeInt64(bytes: Buffer, value: number, at: number): void {
  if (!Number.isSafeInteger(value)) throw new RangeError(`${value} is not a safe integer`)
  bytes.writeInt32BE(Math.floor(value / twoTo32), at)
  bytes.writeUInt32BE(value >>> 0, at + 4)
}
