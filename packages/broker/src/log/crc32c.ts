/** CRC-32C (Castagnoli), the checksum of record batches. Four bytes a step: a batch may be a megabyte. */

const reversedPolynomial = 0x82f63b78

const tables: readonly Uint32Array[] = makeTables()

function makeTables(): Uint32Array[] {
  const first = new Uint32Array(256)
  for (let byte = 0; byte < 256; byte++) {
    let crc = byte
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ reversedPolynomial : crc >>> 1
    first[byte] = crc >>> 0
  }
  const all = [first]
  for (let level = 1; level < 4; level++) {
    const below = all[level - 1] as Uint32Array
    all.push(Uint32Array.from(below, (crc) => ((first[crc & 0xff] as number) ^ (crc >>> 8)) >>> 0))
  }
  return all
}

export function crc32c(bytes: Uint8Array, start = 0, end: number = bytes.length): number {
  const [t0, t1, t2, t3] = tables as [Uint32Array, Uint32Array, Uint32Array, Uint32Array]
  let crc = -1
  let at = start
  for (; at + 4 <= end; at += 4) {
    crc ^=
      (bytes[at] as number) |
      ((bytes[at + 1] as number) << 8) |
      ((bytes[at + 2] as number) << 16) |
      ((bytes[at + 3] as number) << 24)
    crc =
      (t3[crc & 0xff] as number) ^
      (t2[(crc >>> 8) & 0xff] as number) ^
      (t1[(crc >>> 16) & 0xff] as number) ^
      (t0[crc >>> 24] as number)
  }
  for (; at < end; at++) crc = (t0[(crc ^ (bytes[at] as number)) & 0xff] as number) ^ (crc >>> 8)
  return (crc ^ -1) >>> 0
}
