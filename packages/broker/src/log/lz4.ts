/** The frame format of LZ4, by its public description: reads everything but dictionaries, writes blocks as they are, which
 *  every reader takes. Checksums are not verified: the batch around it has one of its own. */

import { GrowingBuffer, slice } from './growing-buffer.ts'

const magic = 0x184d2204
const hasBlockChecksum = 0x10
const hasContentSize = 0x08
const hasContentChecksum = 0x04
const hasDictionary = 0x01
/** The top bit of a block's length says that the block is not compressed. */
const storedBit = 0x8000_0000
/** Version 1, independent blocks of at most 64 KiB, and the checksum of those two bytes. */
const plainHeader: Buffer = Buffer.from([0x04, 0x22, 0x4d, 0x18, 0x60, 0x40, 0x82])
const blockBytesMax = 64 * 1024
const shortestMatch = 4

/** Throws a RangeError if the bytes are broken. */
export function unpackLz4(packed: Buffer, lengthMax: number): Buffer {
  const output = new GrowingBuffer(lengthMax)
  for (let at = 0; at < packed.length;) at = unpackFrame(packed, at, output)
  return output.result()
}

function unpackFrame(packed: Buffer, start: number, output: GrowingBuffer): number {
  if (slice(packed, start, 4).readUInt32LE(0) !== magic) throw new RangeError('the LZ4 frame has no magic number')
  const flags = packed.readUInt8(start + 4)
  if ((flags & hasDictionary) !== 0) throw new RangeError('the LZ4 frame needs a dictionary')
  let at = start + 7 + ((flags & hasContentSize) === 0 ? 0 : 8)
  for (;;) {
    const word = packed.readUInt32LE(at)
    at += 4
    if (word === 0) return at + ((flags & hasContentChecksum) === 0 ? 0 : 4)
    const block = slice(packed, at, word % storedBit)
    if (word >= storedBit) output.append(block)
    else unpackBlock(block, output)
    at += block.length + ((flags & hasBlockChecksum) === 0 ? 0 : 4)
  }
}

/** Sequences of literals and a match; the last one has literals only. */
function unpackBlock(block: Buffer, output: GrowingBuffer): void {
  const cursor = { at: 0 }
  while (cursor.at < block.length) {
    const token = block.readUInt8(cursor.at++)
    const literals = lengthFrom(block, token >>> 4, cursor)
    output.append(slice(block, cursor.at, literals))
    cursor.at += literals
    if (cursor.at >= block.length) return
    const distance = block.readUInt16LE(cursor.at)
    cursor.at += 2
    output.repeat(distance, lengthFrom(block, token & 15, cursor) + shortestMatch)
  }
}

/** Four bits hold up to 14; 15 means that bytes follow, to be added, until one is not 255. */
function lengthFrom(block: Buffer, code: number, cursor: { at: number }): number {
  let length = code
  for (let more = code === 15; more;) {
    const byte = block.readUInt8(cursor.at++)
    length += byte
    more = byte === 255
  }
  return length
}

export function packLz4(records: Buffer): Buffer {
  const pieces = [plainHeader]
  for (let at = 0; at < records.length; at += blockBytesMax) {
    const block = records.subarray(at, at + blockBytesMax)
    const length = Buffer.alloc(4)
    length.writeUInt32LE(block.length + storedBit)
    pieces.push(length, block)
  }
  pieces.push(Buffer.alloc(4))
  return Buffer.concat(pieces)
}
