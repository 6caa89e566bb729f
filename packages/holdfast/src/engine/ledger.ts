/** Knows which records of one partition are unfinished, and from that where the group may resume (R8).
 *
 *  The unfinished entries are a linked list, oldest first: the lowest one is the head, whatever the span of offsets above
 *  it, and a gap that compaction or a transaction marker left has no entry, so it never holds the line. */
import { nextAfter, type NextOffset, startAt } from '../model/next-offset.ts'
import type { Entry } from './entry.ts'

export class Ledger<R> {
  #oldest: Entry<R> | null = null
  #newest: Entry<R> | null = null
  #position: NextOffset
  #accepted = 0
  #size = 0
  #passed = 0
  #highestFinished = -1

  /** `position` is the first offset that is expected. */
  constructor(position: NextOffset) {
    this.#position = position
  }

  /** Throws unless the entry is at or above the position: a record accepted twice would be finished once. */
  add(entry: Entry<R>): void {
    if (entry.offset < this.#position) throw new RangeError(`offset ${entry.offset} is below ${this.#position}`)
    entry.older = this.#newest
    if (this.#newest === null) this.#oldest = entry
    else this.#newest.newer = entry
    this.#newest = entry
    this.#position = nextAfter(entry.offset)
    this.#accepted += 1
    this.#size += 1
  }

  /** Counts a record that needs no entry because it was finished before. */
  pass(offset: number): void {
    if (offset < this.#position) throw new RangeError(`offset ${offset} is below ${this.#position}`)
    this.#position = nextAfter(offset)
    this.#accepted += 1
    this.#passed += 1
    // All that finished before lies below the position.
    this.#highestFinished = offset
  }

  /** Moves the position over offsets that hold no record for us: markers, aborted or compacted ranges. */
  skipTo(position: NextOffset): void {
    if (position > this.#position) this.#position = position
  }

  /** Both links are cleared: a finished entry must not keep its neighbours alive. */
  finish(entry: Entry<R>): void {
    const { older, newer } = entry
    if (older === null && this.#oldest !== entry) throw new RangeError(`offset ${entry.offset} is not unfinished`)
    if (older === null) this.#oldest = newer
    else older.newer = newer
    if (newer === null) this.#newest = older
    else newer.older = older
    entry.older = null
    entry.newer = null
    this.#size -= 1
    if (entry.offset > this.#highestFinished) this.#highestFinished = entry.offset
  }

  /** Where the group may resume without losing a record: every record below it has its outcome. Never decreases. */
  committable(): NextOffset {
    return this.#oldest === null ? this.#position : startAt(this.#oldest.offset)
  }

  /** The next offset to accept; everything below it is finished or in the list. */
  get position(): NextOffset {
    return this.#position
  }

  get oldest(): Entry<R> | null {
    return this.#oldest
  }

  /** How many records are unfinished. */
  get size(): number {
    return this.#size
  }

  /** How many records were ever accepted; the arrival number of the next entry. */
  get accepted(): number {
    return this.#accepted
  }

  /** How many entries were finished; those that needed none are not counted. */
  get finished(): number {
    return this.#accepted - this.#passed - this.#size
  }

  /** The highest offset that was finished; −1 before the first. */
  get highestFinished(): number {
    return this.#highestFinished
  }

  /** How many finished records wait above the line for the oldest unfinished one. */
  get finishedAbove(): number {
    return this.#oldest === null ? 0 : this.#accepted - this.#oldest.arrival - this.#size
  }

  /** How many offsets lie between the line and the position. */
  get span(): number {
    return this.#oldest === null ? 0 : this.#position - this.#oldest.offset
  }
}
