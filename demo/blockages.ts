/** Remembers which offset held a commit back for longest, from what the consumers say about themselves ten times a second. */
import type { ConsumerStatus } from 'holdfast'

export type Blockage = {
  readonly partition: number
  readonly offset: number
  readonly forMs: number
  /** In the words of the consumer, when it was seen last. */
  readonly why: string
}

type Open = { readonly offset: number; readonly sinceMs: number }

export class Blockages {
  readonly #open = new Map<number, Open>()
  #longest: Blockage | null = null

  get longest(): Blockage | null {
    return this.#longest
  }

  /** `nowMs` is when the status came. A partition is in the status of its owner alone. */
  note({ topic, partitions }: Pick<ConsumerStatus, 'topic' | 'partitions'>, nowMs: number): void {
    for (const { topic: name, partition, blockedBy } of partitions) {
      if (name !== topic) continue
      if (blockedBy === null) {
        this.#open.delete(partition)
        continue
      }
      const { offset, why } = blockedBy
      const before = this.#open.get(partition)
      // Its own clock starts again with each change of state; ours goes on while the offset stays the same.
      const sinceMs = before?.offset === offset ? before.sinceMs : nowMs - blockedBy.forMs
      this.#open.set(partition, { offset, sinceMs })
      const forMs = nowMs - sinceMs
      if (forMs > (this.#longest?.forMs ?? 0)) this.#longest = { partition, offset, forMs, why }
    }
  }
}
