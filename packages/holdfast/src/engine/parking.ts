/** Entries that wait for their time, soonest due first. Those of a partition that left are swept out at once: in a delay topic
 *  they would be kept alive, with the bytes that they were read from, for up to an hour. */
import type { Entry } from './entry.ts'
import { EntryHeap } from './entry-heap.ts'

export class Parking<R> {
  readonly #byDue = new EntryHeap<R>((entry) => entry.dueMs)

  get nextDueMs(): number {
    return this.#byDue.first?.dueMs ?? Infinity
  }

  add(entry: Entry<R>): void {
    this.#byDue.push(entry)
  }

  /** Throws away what belongs to ownerships that are over. */
  sweep(): void {
    this.#byDue.keep((entry) => !entry.owner.isOver)
  }

  /** Removes and returns the soonest entry if it is due. */
  takeDue(nowMs: number): Entry<R> | null {
    return this.nextDueMs > nowMs ? null : (this.#byDue.shift() ?? null)
  }
}
