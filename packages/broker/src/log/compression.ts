/** Opens and closes the records of a batch. Node brings gzip and zstd; snappy and LZ4 are in files of their own.
 *
 *  A batch is stored as it came; it is opened to check what Kafka checks in single records, to look for a time, to compact,
 *  and where a topic asks for another codec than its producer used. */

import { gunzipSync, gzipSync, zstdCompressSync, zstdDecompressSync } from 'node:zlib'

import { packLz4, unpackLz4 } from './lz4.ts'
import { packSnappy, unpackSnappy } from './snappy.ts'

/** By the number that a batch carries in its attributes. */
const codecs = ['uncompressed', 'gzip', 'snappy', 'lz4', 'zstd'] as const

export type Codec = (typeof codecs)[number]

/** Of opened records. A request has at most 100 MiB; what grows to more than this in memory is meant to do harm. */
const openedBytesMax: number = 256 * 1024 * 1024

/** Undefined for numbers that mean nothing. */
export function codecByNumber(number: number): Codec | undefined {
  return codecs[number]
}

/** -1 for `producer`, which stands in topic settings where any codec is taken as it comes. */
export function numberOfCodec(name: string): number {
  return codecs.indexOf(name as Codec)
}

/** Throws if the bytes are not what the codec makes, or if they grow beyond all reason. */
export function unpack(codec: Codec, packed: Buffer): Buffer {
  switch (codec) {
    case 'uncompressed':
      return packed
    case 'gzip':
      return gunzipSync(packed, { maxOutputLength: openedBytesMax })
    case 'zstd':
      return zstdDecompressSync(packed, { maxOutputLength: openedBytesMax })
    case 'snappy':
      return unpackSnappy(packed, openedBytesMax)
    case 'lz4':
      return unpackLz4(packed, openedBytesMax)
  }
}

export function pack(codec: Codec, records: Buffer): Buffer {
  switch (codec) {
    case 'uncompressed':
      return records
    case 'gzip':
      return gzipSync(records)
    case 'zstd':
      return zstdCompressSync(records)
    case 'snappy':
      return packSnappy(records)
    case 'lz4':
      return packLz4(records)
  }
}
