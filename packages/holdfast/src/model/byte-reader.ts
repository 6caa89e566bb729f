/** Reads the variable-length integers of Kafka records from a stretch of bytes, in order.
 *
 *  It decides only whether the bytes are numbers within their bounds; what the numbers mean is left to its callers.
 *  Every violation is a `RangeError`, so that whoever knows which batch is being read can say so. */

/** Exact doubles end at 2⁵³, so a 64-bit varint may use eight groups of seven bits, or more while they are zero. */
const groupsMax = 10

export class ByteReader {
  readonly bytes: Buffer
  position: number
  /** Exclusive; reading past it throws. */
  end: number

  constructor(bytes: Buffer, position: number, end: number) {
    this.bytes = bytes
    this.position = position
    this.end = end
  }

  /** One zigzag varint. Lengths and deltas are nearly always one or two bytes, so those take the short way. */
  varint(): number {
    const bytes = this.bytes
    const at = this.position
    if (at + 1 < this.end) {
      const first = bytes[at] as number
      if (first < 0x80) {
        this.position = at + 1
        return (first >>> 1) ^ -(first & 1)
      }
      const second = bytes[at + 1] as number
      if (second < 0x80) {
        this.position = at + 2
        const value = (first & 0x7f) | (second << 7)
        return (value >>> 1) ^ -(value & 1)
      }
    }
    return this.#longVarint()
  }

  /** Moves over one byte whose value does not matter. */
  skipByte(): void {
    this.skip(1)
  }

  skip(length: number): void {
    if (length > this.end - this.position) {
      throw new RangeError(`${length} bytes announced, ${this.end - this.position} left`)
    }
    this.position += length
  }

  /** Double arithmetic, because timestamp deltas pass 2³¹. */
  #longVarint(): number {
    let value = 0
    let scale = 1
    for (let group = 0; group < groupsMax; group++) {
      if (this.position >= this.end) throw new RangeError('a number runs past the end of its bytes')
      const byte = this.bytes[this.position++] as number
      value += (byte & 0x7f) * scale
      if (byte < 0x80) {
        if (!Number.isSafeInteger(value)) throw new RangeError('a number is not a safe integer')
        return value % 2 === 0 ? value / 2 : -(value + 1) / 2
      }
      scale *= 128
    }
    throw new RangeError('a number is longer than ten bytes')
  }
}
