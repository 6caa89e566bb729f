/** The committed offsets of one group, and those that wait for the end of a transaction.
 *
 *  The last commit wins, and a pending offset counts as committed when it was handed in, not when its transaction ended:
 *  as in Kafka, an ordinary commit in between is newer and stays. */

export type CommittedOffset = {
  readonly offset: number
  readonly leaderEpoch: number
  readonly metadata: string
}

export type CommittedPartition = CommittedOffset & { readonly topic: string; readonly partition: number }

type Stamped = { readonly committed: CommittedOffset; readonly order: number; readonly atMs: number }
type Topics = Map<string, Map<number, Stamped>>

export class GroupOffsets {
  readonly #nowMs: () => number
  #order = 0
  readonly #topics: Topics = new Map()
  /** By producer id. */
  readonly #pending = new Map<number, Topics>()

  /** `nowMs`: since 1970. */
  constructor(nowMs: () => number) {
    this.#nowMs = nowMs
  }

  #stamp(committed: CommittedOffset): Stamped {
    return { committed, order: this.#order++, atMs: this.#nowMs() }
  }

  commit(topic: string, partition: number, committed: CommittedOffset): void {
    put(this.#topics, topic, partition, this.#stamp(committed))
  }

  /** Keeps an offset back until the transaction of its producer ends. */
  commitPending(producerId: number, topic: string, partition: number, committed: CommittedOffset): void {
    const topics: Topics = this.#pending.get(producerId) ?? new Map()
    this.#pending.set(producerId, topics)
    put(topics, topic, partition, this.#stamp(committed))
  }

  /** Makes the pending offsets of a producer count, or drops them. Returns those that count now. */
  endPending(producerId: number, outcome: 'commit' | 'abort'): CommittedPartition[] {
    const pending = entriesOf(this.#pending.get(producerId) ?? new Map())
    this.#pending.delete(producerId)
    if (outcome === 'abort') return []
    return pending.flatMap(({ topic, partition, stamped }) => {
      const known = this.#topics.get(topic)?.get(partition)
      if (known !== undefined && known.order > stamped.order) return []
      put(this.#topics, topic, partition, stamped)
      return [{ topic, partition, ...stamped.committed }]
    })
  }

  /** Whether what is committed may change as soon as a transaction ends. */
  isUnstable(topic: string, partition: number): boolean {
    return [...this.#pending.values()].some((topics) => topics.get(topic)?.has(partition) === true)
  }

  get(topic: string, partition: number): CommittedOffset | undefined {
    return this.#topics.get(topic)?.get(partition)?.committed
  }

  all(): CommittedPartition[] {
    return entriesOf(this.#topics).map(({ topic, partition, stamped }) => ({ topic, partition, ...stamped.committed }))
  }

  pending(producerId: number): CommittedPartition[] {
    const topics = this.#pending.get(producerId) ?? new Map()
    return entriesOf(topics).map(({ topic, partition, stamped }) => ({ topic, partition, ...stamped.committed }))
  }

  /** When each offset was committed, in milliseconds since 1970. */
  times(): { readonly topic: string; readonly partition: number; readonly committedAtMs: number }[] {
    return entriesOf(this.#topics).map(({ topic, partition, stamped }) => {
      return { topic, partition, committedAtMs: stamped.atMs }
    })
  }

  /** Whether nothing is committed and nothing waits for the end of a transaction. */
  get isEmpty(): boolean {
    const isEmpty = (topics: Topics): boolean => [...topics.values()].every(({ size }) => size === 0)
    return isEmpty(this.#topics) && [...this.#pending.values()].every(isEmpty)
  }

  forget(topic: string, partition: number): void {
    this.#topics.get(topic)?.delete(partition)
  }

  forgetTopic(topic: string): void {
    this.#topics.delete(topic)
    for (const topics of this.#pending.values()) topics.delete(topic)
  }
}

function put(topics: Topics, topic: string, partition: number, stamped: Stamped): void {
  const partitions = topics.get(topic) ?? new Map<number, Stamped>()
  partitions.set(partition, stamped)
  topics.set(topic, partitions)
}

function entriesOf(topics: Topics): { topic: string; partition: number; stamped: Stamped }[] {
  return [...topics].flatMap(([topic, partitions]) =>
    [...partitions].map(([partition, stamped]) => ({ topic, partition, stamped })),
  )
}
