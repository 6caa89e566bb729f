/** Reads the fields of a Kafka answer from one contiguous buffer, in both encodings: flexible (compact lengths, tagged
 *  fields) and the older fixed one. Reading past the end throws a `RangeError`. */

import { readInt64 } from './batch-layout.ts'

export class AnswerReader {
  readonly bytes: Buffer
  readonly isFlexible: boolean
  #position = 0

  constructor(bytes: Buffer, isFlexible: boolean) {
    this.bytes = bytes
    this.isFlexible = isFlexible
  }

  int16(): number {
    return this.bytes.readInt16BE(this.#advance(2))
  }

  int32(): number {
    return this.bytes.readInt32BE(this.#advance(4))
  }

  int64(): number {
    return readInt64(this.bytes, this.#advance(8))
  }

  uuid(): string {
    const start = this.#advance(16)
    const hex = this.bytes.toString('hex', start, start + 16)
    return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`
  }

  /** `null` becomes the empty string. */
  string(): string {
    const length = Math.max(0, this.isFlexible ? this.#unsignedVarint() - 1 : this.int16())
    const start = this.#advance(length)
    return this.bytes.toString('utf8', start, start + length)
  }

  /** A view; empty for null. */
  view(): Buffer {
    const length = Math.max(0, this.isFlexible ? this.#unsignedVarint() - 1 : this.int32())
    const start = this.#advance(length)
    return this.bytes.subarray(start, start + length)
  }

  /** Empty for null. Tagged fields of an element are read by `element`. */
  array<T>(element: () => T): T[] {
    const length = Math.max(0, this.isFlexible ? this.#unsignedVarint() - 1 : this.int32())
    // Every element takes at least a byte, so a lying length ends here and not in the memory.
    if (length > this.bytes.length - this.#position)
      throw new RangeError(`${length} elements announced, too few bytes left`)
    const elements: T[] = []
    for (let index = 0; index < length; index++) elements.push(element())
    return elements
  }

  /** Reads the tagged fields, if this encoding has any; those without a reader are passed over. */
  tags(readers: Readonly<Record<number, () => void>> = {}): void {
    if (!this.isFlexible) return
    for (let count = this.#unsignedVarint(); count > 0; count--) {
      const tag = this.#unsignedVarint()
      const size = this.#unsignedVarint()
      const start = this.#advance(size)
      const readField = readers[tag]
      if (readField === undefined) continue
      this.#position = start
      readField()
      this.#position = start + size
    }
  }

  #advance(size: number): number {
    const start = this.#position
    if (size > this.bytes.length - start)
      throw new RangeError(`expected ${size} more bytes, ${this.bytes.length - start} left`)
    this.#position = start + size
    return start
  }

  #unsignedVarint(): number {
    let value = 0
    for (let index = 0; index < 5; index++) {
      const byte = this.bytes[this.#advance(1)] as number
      value += (byte & 0x7f) * 128 ** index
      if (byte < 0x80) return value
    }
    throw new RangeError('a length is longer than five bytes')
  }
}
