/** Remembers which offset held a commit back for longest, from what the consumers say about themselves ten times a second. */
import type { ConsumerStatus } from 'holdfast'

export type Blockage = {
  readonly partition: number
  readonly offset: number
  readonly forMs: number
  /** In the words of the consumer, when it was seen last. */
  readonly why: string
}

/** The last look at a partition, and since when the offset that was seen there holds the commit back. */
type Look = { readonly offset: number | null; readonly sinceMs: number; readonly atMs: number }

export class Blockages {
  readonly #looks = new Map<number, Look>()
  #longest: Blockage | null = null

  get longest(): Blockage | null {
    return this.#longest
  }

  /** `nowMs` is when the status came. A partition is in the status of its owner alone. */
  note({ topic, partitions }: Pick<ConsumerStatus, 'topic' | 'partitions'>, nowMs: number): void {
    for (const { topic: name, partition, blockedBy } of partitions) {
      if (name !== topic) continue
      if (blockedBy === null) {
        this.#looks.set(partition, { offset: null, sinceMs: nowMs, atMs: nowMs })
        continue
      }
      const { offset, why } = blockedBy
      const before = this.#looks.get(partition)
      // Its own clock starts again with each change of state, and counts the time that it waited behind others: ours goes on
      // while the offset stays the same, and begins after the last look that saw another one.
      const sinceMs =
        before?.offset === offset ? before.sinceMs : Math.max(nowMs - blockedBy.forMs, before?.atMs ?? -Infinity)
      this.#looks.set(partition, { offset, sinceMs, atMs: nowMs })
      const forMs = nowMs - sinceMs
      if (forMs > (this.#longest?.forMs ?? 0)) this.#longest = { partition, offset, forMs, why }
    }
  }
}
