/** Decides which of the entries that may start does so first: the one that was accepted first, over all partitions. A record
 *  that waited for its lane, or for another attempt, goes before younger ones, so that busy keys do not fall behind and the
 *  line, which the oldest unfinished record holds, moves as soon as it can.
 *
 *  Most entries come in their turn and go through a queue; only those that come late are sorted. */
import type { Entry } from './entry.ts'
import { EntryHeap } from './entry-heap.ts'
import { ReadyQueue } from './ready-queue.ts'

/** Numbers records in the order in which a subscription accepts them. */
export class Turns {
  #next = 0

  take(): number {
    return this.#next++
  }
}

export class ReadyEntries<R> {
  readonly #inTurn = new ReadyQueue<Entry<R>>()
  readonly #late = new EntryHeap<R>((entry) => entry.turn)
  #newestTurn = -1

  get size(): number {
    return this.#inTurn.size + this.#late.size
  }

  push(entry: Entry<R>): void {
    if (this.#inTurn.size === 0 || entry.turn > this.#newestTurn) {
      this.#newestTurn = entry.turn
      this.#inTurn.push(entry)
    } else this.#late.push(entry)
  }

  /** Removes and returns the oldest. */
  shift(): Entry<R> | undefined {
    const late = this.#late.first
    if (late === undefined) return this.#inTurn.shift()
    const inTurn = this.#inTurn.first
    return inTurn !== undefined && inTurn.turn < late.turn ? this.#inTurn.shift() : this.#late.shift()
  }
}
