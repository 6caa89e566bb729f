/** What the commit metadata of earlier owners says about the records from the committed offset up (R10), while they are read
 *  again: which of them are finished, and which have failed attempts behind them. Whether it may be believed was decided
 *  before it got here. */
import { nextAfter, type NextOffset } from '../model/next-offset.ts'
import type { CompletionMap } from './completion-map.ts'

export type FailedBefore = { readonly attempts: number; readonly dueMs: number }

export class InheritedMarks {
  readonly finished: CompletionMap
  /** Nothing that they speak of was written in a later epoch of the log. */
  readonly leaderEpoch: number
  /** The highest offset that they speak of; −1 when they say nothing. Asked for each record, so it is not looked for. */
  readonly highest: number
  readonly #failed: ReadonlyMap<number, FailedBefore>

  constructor(finished: CompletionMap, failed: ReadonlyMap<number, FailedBefore>, leaderEpoch: number) {
    this.finished = finished
    this.leaderEpoch = leaderEpoch
    this.#failed = failed
    this.highest = Math.max(this.highestFinished, ...failed.keys())
  }

  isFinished(offset: number): boolean {
    return this.finished.has(offset)
  }

  failedBefore(offset: number): FailedBefore | undefined {
    return this.#failed.get(offset)
  }

  /** The highest offset that is said to be finished; −1 when none is. */
  get highestFinished(): number {
    return this.finished.highest ?? -1
  }

  /** Failed attempts by offset. */
  failures(): ReadonlyMap<number, number> {
    return new Map([...this.#failed].map(([offset, { attempts }]) => [offset, attempts]))
  }

  /** The first offset from `position` up that is not finished. */
  skipFinished(position: NextOffset): NextOffset {
    for (const { start, end } of this.finished.ranges()) {
      if (start > position) break
      if (end > position) return nextAfter(end - 1)
    }
    return position
  }

  /** The offsets from `position` up to the highest finished one that are not finished, ascending. */
  *unfinishedFrom(position: number): Generator<number> {
    let offset = position
    for (const { start, end } of this.finished.ranges()) {
      for (; offset < start; offset++) yield offset
      offset = Math.max(offset, end)
    }
  }

  /** Failed records from `position` up, ascending. */
  *failedFrom(position: number): Generator<{ readonly offset: number } & FailedBefore> {
    for (const [offset, before] of this.#failed) if (offset >= position) yield { offset, ...before }
  }
}
