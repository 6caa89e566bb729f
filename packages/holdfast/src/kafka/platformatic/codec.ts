/** The batch codec of the client library: native CRC-32C where its optional package is installed, all five compressions.
 *
 *  Its decompressors allocate whatever the bytes announce, so sizes are checked before they are called. */

import * as client from '@platformatic/kafka'
import { type BatchCodec, type Compression, RecordBatchError } from '../batch-layout.ts'
import { decompressByZlib } from '../crc32c.ts'
import { announcedLz4Length, announcedSnappyLength } from '../announced-length.ts'

/** Whether the checksum runs as native code; the fallback costs four times as much. */
export const isCrcNative: boolean = client.loadNativeCRC32C() !== null

export const batchCodec: BatchCodec = {
  // Handing over the library's own buffer type spares the copy that it makes of any other.
  crc32c: (bytes) => client.crc32c(client.Reader.from(bytes).buffer),
  decompress(compression, bytes, lengthMax) {
    if (compression === 'snappy') return decompress(compression, bytes, announcedSnappyLength(bytes), lengthMax)
    if (compression === 'lz4') return decompress(compression, bytes, announcedLz4Length(bytes), lengthMax)
    return decompressByZlib(compression, bytes, lengthMax)
  },
}

function decompress(compression: Compression, bytes: Buffer, announced: number, lengthMax: number): Buffer {
  if (Number.isNaN(announced)) throw broken(compression, bytes)
  if (announced > lengthMax) {
    throw new RecordBatchError('BATCH_TOO_LARGE', `${bytes.length} bytes of ${compression} exceed ${lengthMax} bytes`)
  }
  try {
    return client.compressionsAlgorithms[compression].decompressSync(bytes)
  } catch (cause) {
    throw broken(compression, bytes, cause)
  }
}

function broken(compression: Compression, bytes: Buffer, cause?: unknown): RecordBatchError {
  const message = `${bytes.length} bytes of ${compression} cannot be decompressed`
  return new RecordBatchError('CORRUPT_BATCH', message, cause === undefined ? undefined : { cause })
}
