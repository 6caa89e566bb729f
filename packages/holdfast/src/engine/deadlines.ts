/** Entries in the order in which their time runs out. All of one list get the same time, so the order of arrival is the
 *  order of deadlines: adding and removing cost two links, and only the head is ever looked at. */
import type { Entry } from './entry.ts'

export class Deadlines<R> {
  /** How long each entry gets, in milliseconds. */
  readonly afterMs: number
  #head: Entry<R> | null = null
  #tail: Entry<R> | null = null

  constructor(afterMs: number) {
    this.afterMs = afterMs
  }

  get nextMs(): number {
    return this.#head === null ? Infinity : this.#head.timedFromMs + this.afterMs
  }

  /** `entry.timedFromMs` must be set and must not be lower than that of the entry added before. */
  add(entry: Entry<R>): void {
    entry.sooner = this.#tail
    if (this.#tail === null) this.#head = entry
    else this.#tail.later = entry
    this.#tail = entry
  }

  remove(entry: Entry<R>): void {
    const { sooner, later } = entry
    if (sooner === null) this.#head = later
    else sooner.later = later
    if (later === null) this.#tail = sooner
    else later.sooner = sooner
    entry.sooner = null
    entry.later = null
  }

  /** Removes and returns the first entry if its time is up. */
  takeExpired(nowMs: number): Entry<R> | null {
    const head = this.#head
    if (head === null || nowMs < head.timedFromMs + this.afterMs) return null
    this.remove(head)
    return head
  }
}
