/** CRC-32C (Castagnoli) in plain JavaScript, eight bytes a step, and the batch codec built on it and on node:zlib.
 *
 *  Needs no package and no native code, so that the in-process port loads in no time. Over sockets the codec of the client
 *  library takes its place: five times faster, and it knows snappy and lz4. */

import { gunzipSync, zstdDecompressSync } from 'node:zlib'
import { type BatchCodec, type Compression, RecordBatchError } from './batch-layout.ts'

const polynomial = 0x82f63b78
const slices = 8
/** Slice n of a byte is its checksum with n zero bytes behind it. */
const table = createTable()

function createTable(): Int32Array {
  const entries = new Int32Array(slices * 256)
  for (let byte = 0; byte < 256; byte++) {
    let crc = byte
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ polynomial : crc >>> 1
    entries[byte] = crc
  }
  for (let at = 256; at < entries.length; at++) {
    const shorter = entries[at - 256] as number
    entries[at] = (shorter >>> 8) ^ (entries[shorter & 0xff] as number)
  }
  return entries
}

export function crc32c(bytes: Uint8Array): number {
  const t = table
  let crc = -1
  let at = 0
  for (const whole = bytes.length - (bytes.length % slices); at < whole; at += slices) {
    const low =
      crc ^
      ((bytes[at] as number) |
        ((bytes[at + 1] as number) << 8) |
        ((bytes[at + 2] as number) << 16) |
        ((bytes[at + 3] as number) << 24))
    crc =
      (t[1792 + (low & 0xff)] as number) ^
      (t[1536 + ((low >>> 8) & 0xff)] as number) ^
      (t[1280 + ((low >>> 16) & 0xff)] as number) ^
      (t[1024 + (low >>> 24)] as number) ^
      (t[768 + (bytes[at + 4] as number)] as number) ^
      (t[512 + (bytes[at + 5] as number)] as number) ^
      (t[256 + (bytes[at + 6] as number)] as number) ^
      (t[bytes[at + 7] as number] as number)
  }
  for (; at < bytes.length; at++) crc = (crc >>> 8) ^ (t[(crc ^ (bytes[at] as number)) & 0xff] as number)
  return ~crc >>> 0
}

/** Everything that Node can do by itself. */
export const pureCodec: BatchCodec = { crc32c, decompress: decompressByZlib }

/** gzip and zstd by node:zlib, which stops at `lengthMax` by itself. */
export function decompressByZlib(compression: Compression, bytes: Buffer, lengthMax: number): Buffer {
  try {
    if (compression === 'none') return bytes
    if (compression === 'gzip') return gunzipSync(bytes, { maxOutputLength: lengthMax })
    if (compression === 'zstd') return zstdDecompressSync(bytes, { maxOutputLength: lengthMax })
  } catch (cause) {
    if (cause instanceof RangeError || (cause as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') {
      throw new RecordBatchError(
        'BATCH_TOO_LARGE',
        `${bytes.length} bytes of ${compression} exceed ${lengthMax} bytes`,
        {
          cause,
        },
      )
    }
    throw new RecordBatchError('CORRUPT_BATCH', `${bytes.length} bytes of ${compression} cannot be decompressed`, {
      cause,
    })
  }
  throw new RecordBatchError('UNSUPPORTED_COMPRESSION', `no decoder for ${compression} here`)
}
