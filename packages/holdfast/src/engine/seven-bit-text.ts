/** Packs numbers of any width into text of the characters U+0000 to U+007F, seven bits each, and seals it with a checksum.
 *  Brokers carry such text unchanged, and it has the same length in bytes and in UTF-16 units, whichever a broker counts.
 *
 *  Layout: a plain prefix, the bits (high ones first, zeros up to the next character), five characters of CRC-32C over all
 *  characters before them. What the bits mean is decided by those who write and read them. */

const bitsPerCharacter = 7
const sealLength = 5
/** A write of up to so many bits and the six that may be pending fit the 31 bits of a fast integer. */
const narrowBitsMax = 24
const narrowRange = 2 ** narrowBitsMax
/** The width of 2 ** 53, which stands for the largest number. */
const numberWidthMax = 54

const checksums = createChecksums()

export class SevenBitWriter {
  readonly #characters: Uint8Array
  readonly #end: number
  #length = 0
  #pending = 0
  #pendingBits = 0

  /** `lengthMax` bounds the whole text, with the prefix and the seal. */
  constructor(prefix: string, lengthMax: number) {
    this.#characters = new Uint8Array(lengthMax)
    this.#end = lengthMax - sealLength
    for (let at = 0; at < prefix.length; at++) this.#append(prefix.charCodeAt(at))
  }

  /** How many bits a text of `lengthMax` characters holds; less than zero if not even the frame fits. */
  static room(prefixLength: number, lengthMax: number): number {
    return (lengthMax - prefixLength - sealLength) * bitsPerCharacter
  }

  /** Writes the low `width` bits, at most 53, of a value that has no others. */
  write(value: number, width: number): void {
    if (width > narrowBitsMax) {
      this.write(Math.floor(value / narrowRange), width - narrowBitsMax)
      this.#writeNarrow(value % narrowRange, narrowBitsMax)
    } else this.#writeNarrow(value, width)
  }

  /** Writes a safe integer ≥ 0 of unknown size: small ones take few bits (Elias' delta code). Throws for anything else. */
  writeNumber(value: number): void {
    if (!Number.isSafeInteger(value) || value < 0) throw new RangeError(`expected a safe integer ≥ 0, got ${value}`)
    const width = bitWidth(value + 1)
    this.write(width, 2 * bitWidth(width) - 1)
    this.write(value + 1 - 2 ** (width - 1), width - 1)
  }

  /** The sealed text. Nothing may be written afterwards. */
  seal(): string {
    if (this.#pendingBits > 0) this.#writeNarrow(0, bitsPerCharacter - this.#pendingBits)
    const body = this.#characters.subarray(0, this.#length)
    const text = this.#characters.subarray(0, this.#length + sealLength)
    text.set(sealOf(body), this.#length)
    return new TextDecoder().decode(text)
  }

  #writeNarrow(value: number, width: number): void {
    let pending = (this.#pending << width) | value
    let bits = this.#pendingBits + width
    while (bits >= bitsPerCharacter) {
      bits -= bitsPerCharacter
      this.#append((pending >>> bits) & 0x7f)
    }
    pending &= (1 << bits) - 1
    this.#pending = pending
    this.#pendingBits = bits
  }

  #append(character: number): void {
    if (this.#length >= this.#end)
      throw new RangeError(`expected text of at most ${this.#characters.length} characters`)
    this.#characters[this.#length] = character
    this.#length += 1
  }
}

/** Reads what a `SevenBitWriter` wrote. Never throws: whatever is read from text that ended or that makes no sense is 0,
 *  and `isSpoiled` is true from then on. */
export class SevenBitReader {
  readonly #characters: Uint8Array
  #at: number
  #pending = 0
  #pendingBits = 0
  #isSpoiled = false

  private constructor(characters: Uint8Array, prefixLength: number) {
    this.#characters = characters
    this.#at = prefixLength
  }

  /** Null unless all characters have seven bits and the seal is right. */
  static open(text: string, prefixLength: number): SevenBitReader | null {
    const bodyLength = text.length - sealLength
    if (bodyLength < prefixLength) return null
    const characters = new Uint8Array(text.length)
    for (let at = 0; at < text.length; at++) {
      const character = text.charCodeAt(at)
      if (character > 0x7f) return null
      characters[at] = character
    }
    const body = characters.subarray(0, bodyLength)
    const isSealed = sealOf(body).every((character, at) => character === characters[bodyLength + at])
    return isSealed ? new SevenBitReader(body, prefixLength) : null
  }

  get remainingBits(): number {
    return (this.#characters.length - this.#at) * bitsPerCharacter + this.#pendingBits
  }

  get isSpoiled(): boolean {
    return this.#isSpoiled
  }

  /** True when nothing is left but the zeros that fill the last character. */
  get isAtEnd(): boolean {
    return !this.#isSpoiled && this.#at === this.#characters.length && this.#pending === 0
  }

  /** Reads `width` bits, at most 53. */
  read(width: number): number {
    if (width > this.remainingBits) return this.spoil()
    if (width <= narrowBitsMax) return this.#readNarrow(width)
    const high = this.read(width - narrowBitsMax)
    return high * narrowRange + this.#readNarrow(narrowBitsMax)
  }

  readNumber(): number {
    let widthBits = 1
    while (this.read(1) === 0) {
      widthBits += 1
      if (this.#isSpoiled || widthBits > bitWidth(numberWidthMax)) return this.spoil()
    }
    const width = 2 ** (widthBits - 1) + this.read(widthBits - 1)
    if (width > numberWidthMax) return this.spoil()
    const value = 2 ** (width - 1) + this.read(width - 1) - 1
    return Number.isSafeInteger(value) ? value : this.spoil()
  }

  /** Says that what was read makes no sense. */
  spoil(): 0 {
    this.#isSpoiled = true
    return 0
  }

  #readNarrow(width: number): number {
    let pending = this.#pending
    let bits = this.#pendingBits
    while (bits < width) {
      pending = (pending << bitsPerCharacter) | (this.#characters[this.#at] as number)
      this.#at += 1
      bits += bitsPerCharacter
    }
    bits -= width
    this.#pending = pending & ((1 << bits) - 1)
    this.#pendingBits = bits
    return pending >>> bits
  }
}

/** How many bits `SevenBitWriter.writeNumber` takes. */
export function numberBits(value: number): number {
  const width = bitWidth(value + 1)
  return 2 * bitWidth(width) - 2 + width
}

/** How many bits it takes to write a safe integer ≥ 0: none for 0. */
export function bitWidth(value: number): number {
  return value < 2 ** 32 ? 32 - Math.clz32(value) : 64 - Math.clz32(Math.floor(value / 2 ** 32))
}

function sealOf(characters: Uint8Array): number[] {
  let crc = -1
  for (let at = 0; at < characters.length; at++) {
    crc = (crc >>> 8) ^ (checksums[(crc ^ (characters[at] as number)) & 0xff] as number)
  }
  const sum = ~crc
  return [sum >>> 28, (sum >>> 21) & 0x7f, (sum >>> 14) & 0x7f, (sum >>> 7) & 0x7f, sum & 0x7f]
}

/** The engine depends on no layer but the model, so it has its own table; four kilobytes a second need no faster one. */
function createChecksums(): Int32Array {
  const castagnoli = 0x82f63b78
  const table = new Int32Array(256)
  for (let byte = 0; byte < table.length; byte++) {
    let crc = byte
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ castagnoli : crc >>> 1
    table[byte] = crc
  }
  return table
}
