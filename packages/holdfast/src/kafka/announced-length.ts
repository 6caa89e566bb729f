/** How long compressed bytes will be at most, read from their framing alone: what a decompression bomb cannot hide. Both
 *  functions answer NaN for bytes that are not of their format. */

const xerialMagic = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0x00])
const xerialHeaderSize = 16

/** Snappy begins with its length; Java producers cut it into chunks ("xerial") that each do. */
export function announcedSnappyLength(bytes: Buffer): number {
  if (!bytes.subarray(0, xerialMagic.length).equals(xerialMagic)) return unsignedVarint(bytes, 0, bytes.length)
  let total = 0
  let at = xerialHeaderSize
  while (at + 4 <= bytes.length) {
    const end = at + 4 + bytes.readUInt32BE(at)
    if (end > bytes.length) return Number.NaN
    total += unsignedVarint(bytes, at + 4, end)
    at = end
  }
  return at === bytes.length ? total : Number.NaN
}

function unsignedVarint(bytes: Buffer, start: number, end: number): number {
  let value = 0
  for (let index = 0; index < 5 && start + index < end; index++) {
    const byte = bytes[start + index] as number
    value += (byte & 0x7f) * 128 ** index
    if (byte < 0x80) return value
  }
  return Number.NaN
}

const lz4Magic = 0x184d2204
const lz4Flags = { blockChecksum: 0x10, contentSize: 0x08, dictionaryId: 0x01 } as const
/** No byte of an LZ4 block stands for more than 255 bytes of content. */
const lz4ExpansionMax = 255

/** An LZ4 frame names the largest size of its blocks; the last ones are counted as if they were full. */
export function announcedLz4Length(bytes: Buffer): number {
  if (bytes.length < 7 || bytes.readUInt32LE(0) !== lz4Magic) return Number.NaN
  const flags = bytes[4] as number
  const sizeCode = ((bytes[5] as number) >> 4) & 0x07
  if (sizeCode < 4) return Number.NaN
  const blockSizeMax = 2 ** (8 + 2 * sizeCode)
  let at = 7 + (flags & lz4Flags.contentSize ? 8 : 0) + (flags & lz4Flags.dictionaryId ? 4 : 0)
  let total = 0
  while (at + 4 <= bytes.length) {
    const head = bytes.readUInt32LE(at)
    const size = head & 0x7fffffff
    if (size === 0) return total
    const isStored = head >= 0x80000000
    at += 4 + size + (flags & lz4Flags.blockChecksum ? 4 : 0)
    if (at > bytes.length) return Number.NaN
    total += isStored ? size : Math.min(blockSizeMax, size * lz4ExpansionMax)
  }
  return Number.NaN
}
