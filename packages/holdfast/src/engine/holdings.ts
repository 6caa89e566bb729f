/** Knows what this member was given and has not given back, opened or not: what it claims when it joins again (R3). A part
 *  of it may be on its way back, because another member gets it. */
import { partitionName, type TopicPartition } from '../model/topic-partition.ts'

/** What an assignment changes. */
export type Change = {
  readonly retained: readonly TopicPartition[]
  readonly added: readonly TopicPartition[]
  readonly revoked: readonly TopicPartition[]
}

export class Holdings {
  #assigned: readonly TopicPartition[] = []
  /** Not of the assignment any more and not given back yet. */
  #leaving: readonly TopicPartition[] = []

  get all(): readonly TopicPartition[] {
    return this.#leaving.length === 0 ? this.#assigned : [...this.#assigned, ...this.#leaving]
  }

  /** A new generation gives us these. */
  replace(partitions: readonly TopicPartition[]): Change {
    const held = this.all
    const before = namesOf(held)
    const now = namesOf(partitions)
    this.#assigned = partitions
    this.#leaving = held.filter((at) => !now.has(partitionName(at)))
    return {
      retained: partitions.filter((at) => before.has(partitionName(at))),
      added: partitions.filter((at) => !before.has(partitionName(at))),
      revoked: this.#leaving,
    }
  }

  /** What was on its way back has arrived. */
  revokedAreGone(): void {
    this.#leaving = []
  }

  clear(): void {
    this.#assigned = []
    this.#leaving = []
  }
}

function namesOf(partitions: readonly TopicPartition[]): ReadonlySet<string> {
  return new Set(partitions.map(partitionName))
}
