/** The committed offsets of one group: a map with no rules but one, that the last commit wins. */

export type CommittedOffset = {
  readonly offset: number
  readonly leaderEpoch: number
  readonly metadata: string
}

export type CommittedPartition = CommittedOffset & { readonly topic: string; readonly partition: number }

export class GroupOffsets {
  readonly #topics = new Map<string, Map<number, CommittedOffset>>()

  commit(topic: string, partition: number, committed: CommittedOffset): void {
    const partitions = this.#topics.get(topic) ?? new Map<number, CommittedOffset>()
    partitions.set(partition, committed)
    this.#topics.set(topic, partitions)
  }

  get(topic: string, partition: number): CommittedOffset | undefined {
    return this.#topics.get(topic)?.get(partition)
  }

  all(): CommittedPartition[] {
    return [...this.#topics].flatMap(([topic, partitions]) =>
      [...partitions].map(([partition, committed]) => ({ topic, partition, ...committed })),
    )
  }

  forgetTopic(topic: string): void {
    this.#topics.delete(topic)
  }
}
