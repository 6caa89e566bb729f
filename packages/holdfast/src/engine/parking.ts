/** Entries that wait for their time, soonest due first: a binary heap. Those of a partition that left are swept out at once:
 *  in a delay topic they would be kept alive, with the bytes that they were read from, for up to an hour. */
import { type Entry } from './entry.ts'

export class Parking<R> {
  readonly #heap: Entry<R>[] = []

  get nextDueMs(): number {
    return this.#heap[0]?.dueMs ?? Infinity
  }

  add(entry: Entry<R>): void {
    const heap = this.#heap
    let at = heap.length
    heap.push(entry)
    while (at > 0) {
      const above = (at - 1) >> 1
      const parent = heap[above]
      if (parent === undefined || parent.dueMs <= entry.dueMs) break
      heap[at] = parent
      at = above
    }
    heap[at] = entry
  }

  /** Throws away what belongs to ownerships that are over. */
  sweep(): void {
    const kept = this.#heap.filter((entry) => !entry.owner.isOver)
    if (kept.length === this.#heap.length) return
    this.#heap.length = 0
    for (const entry of kept) this.add(entry)
  }

  /** Removes and returns the soonest entry if it is due. */
  takeDue(nowMs: number): Entry<R> | null {
    const first = this.#heap[0]
    if (first === undefined || first.dueMs > nowMs) return null
    const last = this.#heap.pop()
    if (last !== undefined && last !== first) this.#sink(last)
    return first
  }

  #sink(entry: Entry<R>): void {
    const heap = this.#heap
    let at = 0
    for (;;) {
      const left = heap[2 * at + 1]
      const right = heap[2 * at + 2]
      const takesRight = right !== undefined && left !== undefined && right.dueMs < left.dueMs
      const child = takesRight ? right : left
      if (child === undefined || child.dueMs >= entry.dueMs) break
      heap[at] = child
      at = 2 * at + (takesRight ? 2 : 1)
    }
    heap[at] = entry
  }
}
