/** Chance that repeats itself. One seed gives one sequence; named streams of the same seed are independent, so that one more
 *  draw in one place never disturbs what happens in another. Not for secrets. */

const uint32Range = 2 ** 32

export class SeededRandom {
  readonly #seed: number
  #a: number
  #b: number
  #c: number
  #counter = 1

  /** Any integer; only its lower 32 bits count. */
  constructor(seed: number) {
    this.#seed = seed >>> 0
    this.#a = scramble(this.#seed)
    this.#b = scramble(this.#a)
    this.#c = scramble(this.#b)
    // The first draws of near seeds are alike.
    for (let round = 0; round < 12; round++) this.#next()
  }

  /** A stream of its own: the same name gives the same stream, whatever was drawn here before. */
  stream(name: string): SeededRandom {
    let hash = this.#seed
    for (let index = 0; index < name.length; index++) hash = scramble(hash ^ name.charCodeAt(index))
    return new SeededRandom(scramble(hash))
  }

  /** A number in [0, 1). */
  fraction(): number {
    return this.#next() / uint32Range
  }

  /** An integer from `min` to `max`, both included. */
  integer(min: number, max: number): number {
    return min + Math.floor(this.fraction() * (max - min + 1))
  }

  /** True with the given probability. Draws also if that is 0 or 1, so that a changed probability moves nothing else. */
  chance(probability: number): boolean {
    return this.fraction() < probability
  }

  pick<T>(choices: readonly T[]): T {
    if (choices.length === 0) throw new RangeError('expected something to pick from, got an empty list')
    return choices[Math.floor(this.fraction() * choices.length)] as T
  }

  /** Small Fast Counter, 32 bits (public domain): passes the usual test batteries and needs no big integers. */
  #next(): number {
    const sum = (this.#a + this.#b + this.#counter) | 0
    this.#counter = (this.#counter + 1) | 0
    this.#a = this.#b ^ (this.#b >>> 9)
    this.#b = (this.#c + (this.#c << 3)) | 0
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + sum) | 0
    return sum >>> 0
  }
}

/** Spreads 32 bits so that neighbours end far apart. */
function scramble(value: number): number {
  let mixed = (value + 0x9e3779b9) | 0
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b)
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35)
  return (mixed ^ (mixed >>> 16)) >>> 0
}
