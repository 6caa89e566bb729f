/** The output of a decompressor whose size is not known before the end: grows, copies from its own past, knows its limit. */

const firstBytes = 1024

export class GrowingBuffer {
  #bytes: Buffer = Buffer.allocUnsafe(firstBytes)
  #length = 0
  readonly #lengthMax: number

  constructor(lengthMax: number) {
    this.#lengthMax = lengthMax
  }

  get length(): number {
    return this.#length
  }

  /** Throws a RangeError beyond the limit. */
  append(piece: Uint8Array): void {
    const at = this.#reserve(piece.length)
    this.#bytes.set(piece, at)
  }

  /** Repeats what stands `distance` bytes back; the copy may reach into itself. Throws a RangeError if that is before the start. */
  repeat(distance: number, length: number): void {
    if (distance < 1 || distance > this.#length) {
      throw new RangeError(`a copy reaches ${distance} bytes back, ${this.#length} are there`)
    }
    const at = this.#reserve(length)
    for (let index = at; index < at + length; index++) this.#bytes[index] = this.#bytes[index - distance] as number
  }

  result(): Buffer {
    return this.#bytes.subarray(0, this.#length)
  }

  #reserve(length: number): number {
    const at = this.#length
    const needed = at + length
    if (needed > this.#lengthMax) throw new RangeError(`more than ${this.#lengthMax} bytes come out`)
    if (needed > this.#bytes.length) {
      const larger = Buffer.allocUnsafe(Math.max(needed, this.#bytes.length * 2))
      larger.set(this.#bytes.subarray(0, at))
      this.#bytes = larger
    }
    this.#length = needed
    return at
  }
}

/** `length` bytes at `at`. Throws a RangeError if they are not there, where `subarray` would give fewer. */
export function slice(bytes: Buffer, at: number, length: number): Buffer {
  if (length < 0 || at + length > bytes.length) {
    throw new RangeError(`expected ${length} bytes at position ${at}, got ${bytes.length - at}`)
  }
  return bytes.subarray(at, at + length)
}
