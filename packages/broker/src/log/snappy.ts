/** Snappy, by Google's format description: reads everything, writes literals only, which every reader takes.
 *
 *  Java clients wrap blocks in the framing of xerial's snappy-java, librdkafka sends one bare block; both are read. */

import { GrowingBuffer, slice } from './growing-buffer.ts'

/** `\x82SNAPPY\0`, then two versions of four bytes each. */
const xerialMagic: Buffer = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0])
const xerialHeaderBytes = 16
/** What snappy-java takes at a time. */
const blockBytes = 32 * 1024

const literal = 0
const copyWith1Byte = 1
const copyWith2Bytes = 2
/** From this length code on, one to four bytes hold the length of a literal. */
const longLiteralCode = 60

/** Throws a RangeError if the bytes are broken. */
export function unpackSnappy(packed: Buffer, lengthMax: number): Buffer {
  if (!packed.subarray(0, xerialMagic.length).equals(xerialMagic)) return unpackBlock(packed, lengthMax)
  const blocks: Buffer[] = []
  let left = lengthMax
  for (let at = xerialHeaderBytes; at < packed.length;) {
    const length = slice(packed, at, 4).readInt32BE(0)
    const block = unpackBlock(slice(packed, at + 4, length), left)
    blocks.push(block)
    left -= block.length
    at += 4 + length
  }
  return Buffer.concat(blocks)
}

function unpackBlock(packed: Buffer, lengthMax: number): Buffer {
  const output = new GrowingBuffer(lengthMax)
  const { value: expected, at: start } = readVarint(packed)
  for (let at = start; at < packed.length;) {
    const tag = packed.readUInt8(at++)
    switch (tag & 3) {
      case literal: {
        const code = tag >>> 2
        const extra = Math.max(0, code - longLiteralCode + 1)
        const length = (extra === 0 ? code : slice(packed, at, extra).readUIntLE(0, extra)) + 1
        output.append(slice(packed, at + extra, length))
        at += extra + length
        break
      }
      case copyWith1Byte:
        output.repeat(((tag >>> 5) << 8) | packed.readUInt8(at), ((tag >>> 2) & 7) + 4)
        at += 1
        break
      case copyWith2Bytes:
        output.repeat(packed.readUInt16LE(at), (tag >>> 2) + 1)
        at += 2
        break
      default:
        output.repeat(packed.readUInt32LE(at), (tag >>> 2) + 1)
        at += 4
    }
  }
  if (output.length !== expected) throw new RangeError(`expected ${expected} bytes, ${output.length} came out`)
  return output.result()
}

function readVarint(bytes: Buffer): { value: number; at: number } {
  let value = 0
  for (let at = 0; at < 5; at++) {
    const byte = bytes.readUInt8(at)
    value += (byte & 0x7f) * 2 ** (7 * at)
    if (byte < 0x80) return { value, at: at + 1 }
  }
  throw new RangeError('the length in front is longer than five bytes')
}

export function packSnappy(records: Buffer): Buffer {
  const header: Buffer = Buffer.concat([xerialMagic, Buffer.alloc(xerialHeaderBytes - xerialMagic.length)])
  header.writeInt32BE(1, 8)
  header.writeInt32BE(1, 12)
  const pieces = [header]
  for (let at = 0; at < records.length; at += blockBytes) {
    const block = packBlock(records.subarray(at, at + blockBytes))
    const length = Buffer.alloc(4)
    length.writeInt32BE(block.length)
    pieces.push(length, block)
  }
  return Buffer.concat(pieces)
}

/** One literal whose length takes two bytes. */
function packBlock(bytes: Buffer): Buffer {
  const front: number[] = []
  let rest = bytes.length
  for (; rest >= 0x80; rest >>>= 7) front.push((rest & 0x7f) | 0x80)
  const last = bytes.length - 1
  front.push(rest, ((longLiteralCode + 1) << 2) | literal, last & 0xff, last >>> 8)
  return Buffer.concat([Buffer.from(front), bytes])
}
