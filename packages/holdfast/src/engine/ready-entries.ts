/** Decides which of the entries that may start does so first: the one that was accepted first, over all partitions. A record
 *  that waited for its lane, or for another attempt, goes before younger ones, so that busy keys do not fall behind and the
 *  line, which the oldest unfinished record holds, moves as soon as it can.
 *
 *  Most entries come in their turn and go through a queue; only those that come late are sorted. */
import { type Entry } from './entry.ts'
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
  #newestTurn = -1
  /** A binary heap, the oldest first. */
  readonly #late: Entry<R>[] = []

  get size(): number {
    return this.#inTurn.size + this.#late.length
  }

  push(entry: Entry<R>): void {
    if (this.#inTurn.size === 0 || entry.turn > this.#newestTurn) {
      this.#newestTurn = entry.turn
      this.#inTurn.push(entry)
    } else this.#insert(entry)
  }

  /** Removes and returns the oldest. */
  shift(): Entry<R> | undefined {
    const late = this.#late[0]
    if (late === undefined) return this.#inTurn.shift()
    const inTurn = this.#inTurn.first
    if (inTurn !== undefined && inTurn.turn < late.turn) return this.#inTurn.shift()
    const last = this.#late.pop()
    if (last !== undefined && last !== late) this.#sink(last)
    return late
  }

  #insert(entry: Entry<R>): void {
    const heap = this.#late
    let at = heap.length
    heap.push(entry)
    while (at > 0) {
      const above = (at - 1) >> 1
      const parent = heap[above]
      if (parent === undefined || parent.turn <= entry.turn) break
      heap[at] = parent
      at = above
    }
    heap[at] = entry
  }

  #sink(entry: Entry<R>): void {
    const heap = this.#late
    let at = 0
    for (;;) {
      const left = heap[2 * at + 1]
      const right = heap[2 * at + 2]
      const takesRight = right !== undefined && left !== undefined && right.turn < left.turn
      const child = takesRight ? right : left
      if (child === undefined || child.turn >= entry.turn) break
      heap[at] = child
      at = 2 * at + (takesRight ? 2 : 1)
    }
    heap[at] = entry
  }
}
