/** Entries in order of a number of theirs, the lowest first, and those with the same number in the order in which they were
 *  accepted: a binary heap. */
import type { Entry } from './entry.ts'

export class EntryHeap<R> {
  readonly #entries: Entry<R>[] = []
  readonly #rank: (entry: Entry<R>) => number

  constructor(rank: (entry: Entry<R>) => number) {
    this.#rank = rank
  }

  get size(): number {
    return this.#entries.length
  }

  /** The entry that `shift` would return. */
  get first(): Entry<R> | undefined {
    return this.#entries[0]
  }

  push(entry: Entry<R>): void {
    const entries = this.#entries
    let at = entries.length
    entries.push(entry)
    while (at > 0) {
      const above = (at - 1) >> 1
      const parent = entries[above]
      if (parent === undefined || !this.#isBefore(entry, parent)) break
      entries[at] = parent
      at = above
    }
    entries[at] = entry
  }

  shift(): Entry<R> | undefined {
    const first = this.#entries[0]
    const last = this.#entries.pop()
    if (last !== undefined && last !== first) this.#sink(last)
    return first
  }

  /** Throws away what does not pass. */
  keep(passes: (entry: Entry<R>) => boolean): void {
    const kept = this.#entries.filter(passes)
    if (kept.length === this.#entries.length) return
    this.#entries.length = 0
    for (const entry of kept) this.push(entry)
  }

  #sink(entry: Entry<R>): void {
    const entries = this.#entries
    let at = 0
    for (;;) {
      const left = entries[2 * at + 1]
      const right = entries[2 * at + 2]
      const takesRight = right !== undefined && left !== undefined && this.#isBefore(right, left)
      const child = takesRight ? right : left
      if (child === undefined || !this.#isBefore(child, entry)) break
      entries[at] = child
      at = 2 * at + (takesRight ? 2 : 1)
    }
    entries[at] = entry
  }

  /** Without the second half records of a key that fall due together could pass each other. */
  #isBefore(one: Entry<R>, other: Entry<R>): boolean {
    const ranks = this.#rank(one) - this.#rank(other)
    return ranks < 0 || (ranks === 0 && one.turn < other.turn)
  }
}
