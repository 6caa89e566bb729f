/** Reads and writes the primitive types of the Kafka protocol. Decides nothing about messages: `codec.ts` does.
 *
 *  The reader trusts nobody: every length is checked against the bytes that are there, so that a malformed frame ends in
 *  a `MalformedFrame` and never in a huge allocation. */

/** The bytes of a request are not what its API and version promise. The connection that sent them is closed. */
export class MalformedFrame extends Error {
  override readonly name = 'MalformedFrame'
}

const uint32Range = 2 ** 32
const int32Range = 2 ** 31
const initialCapacityBytes = 512
/** A 32-bit varint has at most five groups of seven bits. */
const varintBytesMax = 5

export class WireReader {
  readonly #bytes: Buffer
  #at: number

  constructor(bytes: Buffer, start = 0) {
    this.#bytes = bytes
    this.#at = start
  }

  get remaining(): number {
    return this.#bytes.length - this.#at
  }

  get position(): number {
    return this.#at
  }

  #take(length: number): number {
    if (length < 0 || length > this.remaining) {
      throw new MalformedFrame(`expected ${length} bytes at position ${this.#at}, got ${this.remaining}`)
    }
    const from = this.#at
    this.#at += length
    return from
  }

  bool(): boolean {
    return this.int8() !== 0
  }

  int8(): number {
    return this.#bytes.readInt8(this.#take(1))
  }

  int16(): number {
    return this.#bytes.readInt16BE(this.#take(2))
  }

  int32(): number {
    return this.#bytes.readInt32BE(this.#take(4))
  }

  /** A number, because every 64-bit value that the broker interprets is far below 2^53. */
  int64(): number {
    const from = this.#take(8)
    return this.#bytes.readInt32BE(from) * uint32Range + this.#bytes.readUInt32BE(from + 4)
  }

  unsignedVarint(): number {
    let value = 0
    for (let index = 0; index < varintBytesMax; index++) {
      const byte = this.#bytes.readUInt8(this.#take(1))
      value += (byte & 0x7f) * 2 ** (7 * index)
      if (byte < 0x80) return value
    }
    throw new MalformedFrame(`a varint before position ${this.#at} is longer than ${varintBytesMax} bytes`)
  }

  uuid(): string {
    const hex = this.bytes(16).toString('hex')
    return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`
  }

  /** A view on the frame, not a copy. */
  bytes(length: number): Buffer {
    const from = this.#take(length)
    return this.#bytes.subarray(from, from + length)
  }

  utf8(length: number): string {
    const from = this.#take(length)
    return this.#bytes.toString('utf8', from, from + length)
  }

  /** −1 stands for null, as everywhere in the protocol. */
  lengthInt16(isCompact: boolean): number {
    return isCompact ? this.unsignedVarint() - 1 : this.int16()
  }

  lengthInt32(isCompact: boolean): number {
    return isCompact ? this.unsignedVarint() - 1 : this.int32()
  }

  /** Tagged fields that nobody here knows are skipped, as the protocol demands. */
  skipTaggedFields(): void {
    const count = this.unsignedVarint()
    for (let index = 0; index < count; index++) {
      this.unsignedVarint()
      this.#take(this.unsignedVarint())
    }
  }
}

export class WireWriter {
  #bytes: Buffer
  #length = 0

  constructor(capacityBytes: number = initialCapacityBytes) {
    this.#bytes = Buffer.allocUnsafe(capacityBytes)
  }

  get length(): number {
    return this.#length
  }

  /** What was written so far; a view that later writes may abandon. */
  result(): Buffer {
    return this.#bytes.subarray(0, this.#length)
  }

  #reserve(length: number): number {
    const from = this.#length
    const needed = from + length
    if (needed > this.#bytes.length) {
      const grown = Buffer.allocUnsafe(Math.max(needed, this.#bytes.length * 2))
      this.#bytes.copy(grown, 0, 0, from)
      this.#bytes = grown
    }
    this.#length = needed
    return from
  }

  bool(value: boolean): void {
    this.int8(value ? 1 : 0)
  }

  int8(value: number): void {
    const at = this.#reserve(1)
    this.#bytes.writeInt8(value, at)
  }

  int16(value: number): void {
    const at = this.#reserve(2)
    this.#bytes.writeInt16BE(value, at)
  }

  int32(value: number): void {
    const at = this.#reserve(4)
    this.#bytes.writeInt32BE(value, at)
  }

  /** A number at either end of the 64-bit range was read as the nearest double, and is written as that end again. */
  int64(value: number): void {
    if (!Number.isInteger(value)) throw new RangeError(`expected a whole number of 64 bits, got ${value}`)
    const at = this.#reserve(8)
    const high = Math.floor(value / uint32Range)
    const isBeyond = high >= int32Range || high < -int32Range
    this.#bytes.writeInt32BE(isBeyond ? (value > 0 ? int32Range - 1 : -int32Range) : high, at)
    this.#bytes.writeUInt32BE(isBeyond ? (value > 0 ? uint32Range - 1 : 0) : value - high * uint32Range, at + 4)
  }

  unsignedVarint(value: number): void {
    let rest = value
    while (rest >= 0x80) {
      const at = this.#reserve(1)
      this.#bytes[at] = (rest % 0x80) | 0x80
      rest = Math.floor(rest / 0x80)
    }
    const at = this.#reserve(1)
    this.#bytes[at] = rest
  }

  uuid(value: string): void {
    const at = this.#reserve(16)
    const written = this.#bytes.write(value.replaceAll('-', ''), at, 'hex')
    if (written !== 16) throw new TypeError(`'${value}' is not a UUID`)
  }

  bytes(value: Uint8Array): void {
    const at = this.#reserve(value.length)
    this.#bytes.set(value, at)
  }

  lengthInt16(length: number, isCompact: boolean): void {
    if (isCompact) this.unsignedVarint(length + 1)
    else this.int16(length)
  }

  lengthInt32(length: number, isCompact: boolean): void {
    if (isCompact) this.unsignedVarint(length + 1)
    else this.int32(length)
  }

  string(value: string, isCompact: boolean): void {
    const length = Buffer.byteLength(value)
    this.lengthInt16(length, isCompact)
    const at = this.#reserve(length)
    this.#bytes.write(value, at, 'utf8')
  }

  /** Overwrites an int32 written before; used for the length in front of a frame. */
  patchInt32(at: number, value: number): void {
    this.#bytes.writeInt32BE(value, at)
  }
}
