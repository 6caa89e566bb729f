/** Golomb's code: the shortest one, to within a few hundredths of a bit, for numbers that are geometrically distributed,
 *  such as the gaps between records that finish by chance. A number is divided by a unit that suits the mean: the quotient
 *  is written as that many ones and a zero, the rest in binary, where the lower rests take one bit less.
 *
 *  A quotient above a bound is replaced by the number itself, so that a compacted gap of a billion offsets among small ones
 *  costs ten bytes and not a billion ones, and so that a reader is never led through them. */
import { bitWidth, type SevenBitReader, type SevenBitWriter } from './seven-bit-text.ts'

/** So many ones say that the number itself follows; by chance one number in a million is that far above the mean. */
const escapeOnes = 20
const escapeWidthBits = 6
const narrowBits = 24
const smallNumbers = 32
/** How many bits `unitCode` takes. */
export const unitCodeBits = 9

export class GolombCode {
  /** What `unitOf` makes the unit from: three significant bits and an exponent, within 6 % of any unit. */
  readonly unitCode: number
  readonly #unit: number
  readonly #restBits: number
  /** Rests below it take one bit less. */
  readonly #shortRests: number
  /** Of small numbers, which are nearly all where there are so many that it matters. */
  readonly #bitsOfSmall: Uint8Array

  constructor(unitCode: number) {
    this.unitCode = unitCode
    this.#unit = unitOf(unitCode)
    this.#restBits = bitWidth(this.#unit - 1)
    this.#shortRests = 2 ** this.#restBits - this.#unit
    this.#bitsOfSmall = Uint8Array.from({ length: smallNumbers }, (_, value) => this.#measure(value))
  }

  /** The code that suits numbers ≥ 0 of this mean best (Gallager and Van Voorhis). */
  static forMean(mean: number): GolombCode {
    if (!(mean > 0)) return new GolombCode(0)
    const unit = Math.log((1 + 2 * mean) / (1 + mean)) / Math.log1p(1 / mean)
    let unitCode = 0
    while (unitOf(unitCode) < unit && unitOf(unitCode + 1) <= Number.MAX_SAFE_INTEGER) unitCode += 1
    return new GolombCode(unitCode)
  }

  static read(text: SevenBitReader): GolombCode {
    const unitCode = text.read(unitCodeBits)
    return new GolombCode(unitOf(unitCode) <= Number.MAX_SAFE_INTEGER ? unitCode : text.spoil())
  }

  /** How many bits `write` takes. */
  bits(value: number): number {
    return value < smallNumbers ? (this.#bitsOfSmall[value] as number) : this.#measure(value)
  }

  /** Writes a safe integer ≥ 0. */
  write(text: SevenBitWriter, value: number): void {
    const quotient = this.#quotient(value)
    if (quotient >= escapeOnes) return writeEscaped(text, value)
    const rest = value - quotient * this.#unit
    const restBits = rest < this.#shortRests ? this.#restBits - 1 : this.#restBits
    const restCode = rest < this.#shortRests ? rest : rest + this.#shortRests
    const ones = (2 << quotient) - 2
    // One write instead of two: nearly all numbers are that small.
    if (quotient + restBits < narrowBits) return text.write((ones << restBits) | restCode, quotient + 1 + restBits)
    text.write(ones, quotient + 1)
    text.write(restCode, restBits)
  }

  read(text: SevenBitReader): number {
    let quotient = 0
    while (quotient < escapeOnes && text.read(1) === 1) quotient += 1
    if (quotient === escapeOnes) {
      const width = text.read(escapeWidthBits)
      return width <= bitWidth(Number.MAX_SAFE_INTEGER) ? text.read(width) : text.spoil()
    }
    if (this.#restBits === 0) return quotient
    const start = text.read(this.#restBits - 1)
    const rest = start < this.#shortRests ? start : 2 * start + text.read(1) - this.#shortRests
    return quotient * this.#unit + rest
  }

  #measure(value: number): number {
    const quotient = this.#quotient(value)
    if (quotient >= escapeOnes) return escapeOnes + escapeWidthBits + bitWidth(value)
    const rest = value - quotient * this.#unit
    return quotient + 1 + (rest < this.#shortRests ? this.#restBits - 1 : this.#restBits)
  }

  /** Exact: up to 2 ** 53 a quotient of doubles does not round up to an integer that it does not reach. */
  #quotient(value: number): number {
    return Math.floor(value / this.#unit)
  }
}

function writeEscaped(text: SevenBitWriter, value: number): void {
  const width = bitWidth(value)
  text.write(2 ** escapeOnes - 1, escapeOnes)
  text.write(width, escapeWidthBits)
  text.write(value, width)
}

/** 1, 2, … 16 by ones, then to 32 by twos, to 64 by fours, and so on. */
function unitOf(unitCode: number): number {
  return unitCode < 8 ? unitCode + 1 : (9 + (unitCode % 8)) * 2 ** (Math.floor(unitCode / 8) - 1)
}
