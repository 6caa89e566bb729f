/** Which records above the committed offset are finished (R10): the map itself, and its code, which is within a few per
 *  cent of the shortest one for records that finish by chance, and for records that finish in bursts.
 *
 *  The offsets from the line up are runs in turn: unfinished, finished, unfinished, … and the last run is a finished one.
 *  Which way of writing them is shortest depends on the runs, so all are tried. What does not fit is cut at the end of a
 *  finished run: all that is said about the offsets below remains exact. */
import { pairBitsMin, RunsCode, type RunsForm, usualLengths } from './runs-code.ts'
import type { SevenBitReader, SevenBitWriter } from './seven-bit-text.ts'

const forms: readonly RunsForm[] = ['unfinishedGaps', 'finishedGaps', 'runs']

/** What a walk through the ledger finds. */
export type LedgerWalk = {
  /** The line: the lowest unfinished offset, or the position when nothing is unfinished. */
  readonly committedOffset: number
  /** The unfinished offsets, ascending, from the line at least up to the highest finished one. Offsets that hold no record
   *  are left out: nothing will ever come for them, so they count as finished. */
  readonly unfinished: readonly number[]
  /** Anything below the line when nothing above it is finished. */
  readonly highestFinished: number
}

/** The finished offsets above a line, up to an end behind which nothing is known. */
export class CompletionMap {
  /** Ascending offsets at which finished begins and ends in turn. */
  readonly #edges: readonly number[]

  constructor(edges: readonly number[]) {
    this.#edges = edges
  }

  has(offset: number): boolean {
    let low = 0
    let high = this.#edges.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((this.#edges[middle] as number) <= offset) low = middle + 1
      else high = middle
    }
    return low % 2 === 1
  }

  /** The highest finished offset; null when the map is empty. */
  get highest(): number | null {
    const end = this.#edges.at(-1)
    return end === undefined ? null : end - 1
  }

  /** The finished ranges, ascending; `end` is the first offset behind one. */
  *ranges(): Generator<{ readonly start: number; readonly end: number }> {
    for (let at = 0; at < this.#edges.length; at += 2) {
      yield { start: this.#edges[at] as number, end: this.#edges[at + 1] as number }
    }
  }
}

/** The part of a map that fits, ready to be written. */
export type MapPlan = { readonly form: RunsForm; readonly bits: number; write(text: SevenBitWriter): void }

/** Finds the form that tells most within `room` bits, and of those that tell all, the shortest. Null when nothing is
 *  finished above the line, or not even the first run fits. Throws if the walk contradicts itself. */
export function planMap(walk: LedgerWalk, room: number): MapPlan | null {
  const runs = runsOf(walk, Math.floor(Math.max(room, 0) / pairBitsMin))
  if (runs.length === 0) return null
  const usual = usualLengths(runs, runs.length)
  let best: Cut | null = null
  for (const form of forms) {
    const cut = cutToFit(RunsCode.for(form, usual), runs, room)
    if (best === null || isBetter(cut, best)) best = cut
  }
  if (best === null || best.runs === 0) return null
  if (best.runs < runs.length) {
    // The units were those of the whole; now it is known how much is written, and what is usual there.
    const again = cutToFit(RunsCode.for(best.code.form, usualLengths(runs, best.runs)), runs, room)
    if (isBetter(again, best)) best = again
  }
  const { code, runs: count, bits } = best
  return { form: code.form, bits, write: (text) => code.write(text, runs, count) }
}

/** Reads what a plan of this form wrote. Spoils the text, and returns an empty map, if it makes no sense. */
export function readMap(text: SevenBitReader, form: RunsForm, committedOffset: number): CompletionMap {
  const code = RunsCode.read(text, form)
  const edges: number[] = []
  let end = committedOffset
  code.readRuns(text, (unfinished, finished) => {
    edges.push(end + unfinished, end + unfinished + finished)
    end += unfinished + finished
    if (end > Number.MAX_SAFE_INTEGER) text.spoil()
  })
  return new CompletionMap(text.isSpoiled ? [] : edges)
}

/** The lengths of the lowest runs from the line up to the highest finished offset: unfinished, finished, unfinished, … */
function runsOf({ committedOffset, unfinished, highestFinished }: LedgerWalk, pairsMax: number): Float64Array {
  if (highestFinished <= committedOffset || pairsMax === 0) return new Float64Array(0)
  if (unfinished[0] !== committedOffset) {
    throw new RangeError(`expected the line ${committedOffset} to be the first unfinished offset, got ${unfinished[0]}`)
  }
  const runs = new Float64Array(2 * Math.min(unfinished.length, pairsMax))
  let count = 0
  let start = committedOffset
  let last = committedOffset
  for (let at = 1; at < unfinished.length; at++) {
    const offset = unfinished[at] as number
    if (offset <= last) throw new RangeError(`unfinished offset ${offset} is not above ${last}`)
    if (offset >= highestFinished) {
      if (offset === highestFinished) throw new RangeError(`offset ${offset} is both finished and unfinished`)
      break
    }
    if (offset !== last + 1) {
      runs[count] = last + 1 - start
      runs[count + 1] = offset - last - 1
      count += 2
      if (count === runs.length) return runs
      start = offset
    }
    last = offset
  }
  runs[count] = last + 1 - start
  runs[count + 1] = highestFinished - last
  return runs.subarray(0, count + 2)
}

/** How much of the runs fits when they are written in this way. */
type Cut = { readonly code: RunsCode; readonly runs: number; readonly length: number; readonly bits: number }

function isBetter(cut: Cut, than: Cut): boolean {
  return cut.length === than.length ? cut.bits < than.bits : cut.length > than.length
}

function cutToFit(code: RunsCode, runs: Float64Array, room: number): Cut {
  // A symbol takes one bit at least, so that there are never more of them than bits.
  const roomOfPairs = room - code.headerBits(Math.max(room, 0))
  let bits = 0
  let symbols = 0
  let length = 0
  let at = 0
  for (; at < runs.length; at += 2) {
    const unfinished = runs[at] as number
    const finished = runs[at + 1] as number
    const next = bits + code.pairBits(unfinished, finished)
    if (next > roomOfPairs) break
    bits = next
    symbols += code.pairSymbols(unfinished, finished)
    length += unfinished + finished
  }
  return { code, runs: at, length, bits: code.headerBits(symbols) + bits }
}
