/** Three ways to write runs of unfinished and finished offsets, which take turns from the committed offset up: the length
 *  of every run, or, where the records of one kind are few and mostly single, only the gaps between them. All numbers are
 *  in Golomb's code, whose units are measured from the runs. Which way is best for given runs is decided by the caller. */
import { GolombCode, unitCodeBits } from './golomb.ts'
import { numberBits, type SevenBitReader, type SevenBitWriter } from './seven-bit-text.ts'

/** A run that is so much longer than the mean says nothing about the others: it must not set their unit. */
const outlierRatio = 32
const outlierRoundsMax = 3

/** What is written: the gaps between the records of one kind, or the runs of both. */
export type RunsForm = 'unfinishedGaps' | 'finishedGaps' | 'runs'

/** No form writes a pair of runs in less. */
export const pairBitsMin = 2

export type UsualLengths = { readonly unfinished: number; readonly finished: number }

/** Writes and reads pairs of runs, an unfinished and a finished one, in one of the three forms. */
export class RunsCode {
  readonly form: RunsForm
  readonly #unfinished: GolombCode
  readonly #finished: GolombCode
  /** What a gap of nothing takes, where only gaps are written. */
  readonly #zeroBits: number

  private constructor(form: RunsForm, unfinished: GolombCode, finished: GolombCode) {
    this.form = form
    this.#unfinished = unfinished
    this.#finished = finished
    this.#zeroBits = finished.bits(0)
  }

  /** With the units that suit runs of these lengths. */
  static for(form: RunsForm, { unfinished, finished }: UsualLengths): RunsCode {
    switch (form) {
      case 'unfinishedGaps':
        return RunsCode.#ofGaps(form, finished / unfinished)
      case 'finishedGaps':
        return RunsCode.#ofGaps(form, unfinished / finished)
      case 'runs':
        return new RunsCode(form, GolombCode.forMean(unfinished - 1), GolombCode.forMean(finished - 1))
    }
  }

  /** The mean gap is the other kind's share over that of the kind whose gaps are written. */
  static #ofGaps(form: RunsForm, mean: number): RunsCode {
    const gaps = GolombCode.forMean(mean)
    return new RunsCode(form, gaps, gaps)
  }

  /** Reads the units. */
  static read(text: SevenBitReader, form: RunsForm): RunsCode {
    const first = GolombCode.read(text)
    return new RunsCode(form, first, form === 'runs' ? GolombCode.read(text) : first)
  }

  /** How many bits come before the pairs when they have so many symbols. */
  headerBits(symbols: number): number {
    return (this.form === 'runs' ? 2 * unitCodeBits : unitCodeBits) + numberBits(symbols)
  }

  /** How many bits a pair takes. */
  pairBits(unfinished: number, finished: number): number {
    switch (this.form) {
      case 'unfinishedGaps':
        return this.#finished.bits(finished) + (unfinished - 1) * this.#zeroBits
      case 'finishedGaps':
        return this.#unfinished.bits(unfinished) + (finished - 1) * this.#zeroBits
      case 'runs':
        return this.#unfinished.bits(unfinished - 1) + this.#finished.bits(finished - 1)
    }
  }

  /** How many numbers, or pairs of them, a pair takes. */
  pairSymbols(unfinished: number, finished: number): number {
    switch (this.form) {
      case 'unfinishedGaps':
        return unfinished
      case 'finishedGaps':
        return finished
      case 'runs':
        return 1
    }
  }

  /** Writes the first `count` runs. */
  write(text: SevenBitWriter, runs: Float64Array, count: number): void {
    let symbols = 0
    for (let at = 0; at < count; at += 2) symbols += this.pairSymbols(runs[at] as number, runs[at + 1] as number)
    text.write(this.#unfinished.unitCode, unitCodeBits)
    if (this.form === 'runs') text.write(this.#finished.unitCode, unitCodeBits)
    text.writeNumber(symbols)
    for (let at = 0; at < count; at += 2) this.#writePair(text, runs[at] as number, runs[at + 1] as number)
  }

  #writePair(text: SevenBitWriter, unfinished: number, finished: number): void {
    switch (this.form) {
      case 'unfinishedGaps':
        // The gap between two unfinished neighbours is 0.
        for (let neighbour = 1; neighbour < unfinished; neighbour++) this.#finished.write(text, 0)
        this.#finished.write(text, finished)
        return
      case 'finishedGaps':
        this.#unfinished.write(text, unfinished)
        for (let neighbour = 1; neighbour < finished; neighbour++) this.#unfinished.write(text, 0)
        return
      case 'runs':
        this.#unfinished.write(text, unfinished - 1)
        this.#finished.write(text, finished - 1)
    }
  }

  /** Spoils the text if it makes no sense; some pairs may have been read then. */
  readRuns(text: SevenBitReader, onPair: (unfinished: number, finished: number) => void): void {
    const symbols = text.readNumber()
    // A count that the text cannot hold would only be found wrong at the end of a long loop.
    if (symbols === 0 || symbols > text.remainingBits) return void text.spoil()
    switch (this.form) {
      case 'unfinishedGaps':
        return this.#readGapsOfUnfinished(text, symbols, onPair)
      case 'finishedGaps':
        return this.#readGapsOfFinished(text, symbols, onPair)
      case 'runs':
        for (let left = symbols; left > 0 && !text.isSpoiled; left--) {
          const unfinished = this.#unfinished.read(text) + 1
          onPair(unfinished, this.#finished.read(text) + 1)
        }
    }
  }

  #readGapsOfUnfinished(text: SevenBitReader, symbols: number, onPair: (unfinished: number, finished: number) => void) {
    let unfinished = 0
    for (let left = symbols; left > 0 && !text.isSpoiled; left--) {
      unfinished += 1
      const gap = this.#finished.read(text)
      if (gap === 0) continue
      onPair(unfinished, gap)
      unfinished = 0
    }
    if (unfinished > 0) text.spoil()
  }

  #readGapsOfFinished(text: SevenBitReader, symbols: number, onPair: (unfinished: number, finished: number) => void) {
    let unfinished = 0
    let finished = 0
    for (let left = symbols; left > 0 && !text.isSpoiled; left--) {
      const gap = this.#unfinished.read(text)
      if (gap > 0) {
        if (finished > 0) onPair(unfinished, finished)
        unfinished = gap
        finished = 0
      } else if (finished === 0) return void text.spoil()
      finished += 1
    }
    onPair(unfinished, finished)
  }
}

/** The mean lengths of the first `count` runs, without those far above them. `runs` holds lengths ≥ 1, an unfinished run
 *  first. */
export function usualLengths(runs: Float64Array, count: number): UsualLengths {
  let unfinished = 0
  let finished = 0
  let longest = 0
  for (let at = 0; at < count; at += 2) {
    const ofUnfinished = runs[at] as number
    const ofFinished = runs[at + 1] as number
    unfinished += ofUnfinished
    finished += ofFinished
    longest = Math.max(longest, ofUnfinished, ofFinished)
  }
  const pairs = count / 2
  const means = { unfinished: unfinished / pairs, finished: finished / pairs }
  if (longest <= outlierRatio * Math.min(means.unfinished, means.finished)) return means
  return {
    unfinished: usualLength(runs, 0, count, means.unfinished),
    finished: usualLength(runs, 1, count, means.finished),
  }
}

/** The mean of one kind, again and again without what is far above the mean before. */
function usualLength(runs: Float64Array, first: 0 | 1, count: number, meanOfAll: number): number {
  let mean = meanOfAll
  for (let round = 0; round < outlierRoundsMax; round++) {
    const limit = outlierRatio * mean
    let sum = 0
    let counted = 0
    for (let at = first; at < count; at += 2) {
      const run = runs[at] as number
      if (run > limit) continue
      sum += run
      counted += 1
    }
    mean = sum / counted
    if (counted === count / 2) break
  }
  return mean
}
