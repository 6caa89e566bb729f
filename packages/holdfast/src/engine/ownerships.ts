/** Knows which partitions this member owns, each under an epoch of its own, what is true of a partition whoever owns it
 *  (its leader, a user's pause), and which attempts outlived an earlier ownership. */
import { partitionName, type TopicPartition } from '../model/topic-partition.ts'
import type { Entry } from './entry.ts'
import type { Leader, StartPosition } from './member-events.ts'
import type { SubscriptionFlow } from './subscription-flow.ts'
import { PartitionFlow, type RecordView } from './partition-flow.ts'

export class Ownerships<R> {
  readonly #view: RecordView<R>
  readonly #owned = new Map<string, PartitionFlow<R>>()
  /** By partition; an entry goes when its attempt settles. */
  readonly #leftovers = new Map<string, Set<Entry<R>>>()
  readonly #pausedTopics = new Set<string>()
  /** The highest offset that this process saw committed: Kafka does not go back from it by itself. */
  readonly #committed = new Map<string, number>()
  #leaders = new Map<string, Leader>()
  #epoch = 0

  constructor(view: RecordView<R>) {
    this.#view = view
  }

  /** By name, as of now. */
  get partitions(): ReadonlyMap<string, PartitionFlow<R>> {
    return this.#owned
  }

  /** A copy that may be walked while ownerships end. */
  all(): readonly PartitionFlow<R>[] {
    return [...this.#owned.values()]
  }

  /** Those of these partitions that are open. */
  of(partitions: readonly TopicPartition[]): readonly PartitionFlow<R>[] {
    return partitions.flatMap((at) => this.#owned.get(partitionName(at)) ?? [])
  }

  /** A new ownership begins; attempts that an earlier one left running hold their lanes in it. */
  open(start: StartPosition, subscription: SubscriptionFlow<R>): PartitionFlow<R> {
    const name = partitionName(start)
    const flow = new PartitionFlow<R>({
      ...start,
      epoch: ++this.#epoch,
      subscription,
      view: this.#view,
      leftovers: [...(this.#leftovers.get(name) ?? [])],
    })
    flow.leader = this.#leaders.get(name) ?? null
    if (this.#pausedTopics.has(start.topic)) flow.pause('user')
    this.#owned.set(name, flow)
    return flow
  }

  /** What the last ownership of this partition in this process saw committed; null if there was none. */
  committedBefore(start: StartPosition): number | null {
    return this.#committed.get(partitionName(start)) ?? null
  }

  close(flow: PartitionFlow<R>): void {
    const name = partitionName(flow)
    const stillRunning = flow.close()
    this.#owned.delete(name)
    if (flow.committed !== null) this.#committed.set(name, flow.committed)
    const leftovers = this.#leftovers.get(name) ?? new Set()
    for (const entry of stillRunning) leftovers.add(entry)
    if (leftovers.size > 0) this.#leftovers.set(name, leftovers)
  }

  /** An attempt of an ownership that is over has settled: returns the entry that waited for its lane. */
  leftoverEnded(entry: Entry<R>): Entry<R> | null {
    const name = partitionName(entry.owner)
    const leftovers = this.#leftovers.get(name)
    leftovers?.delete(entry)
    if (leftovers?.size === 0) this.#leftovers.delete(name)
    return this.#owned.get(name)?.releaseLeftover(entry) ?? null
  }

  /** Attempts that outlived the ownership of their partition and have not settled. */
  get leftovers(): number {
    let running = 0
    for (const leftovers of this.#leftovers.values()) running += leftovers.size
    return running
  }

  leadersKnown(leaders: readonly Leader[]): void {
    this.#leaders = new Map(leaders.map((leader) => [partitionName(leader), leader]))
  }

  leaderOf(name: string): Leader | null {
    return this.#leaders.get(name) ?? null
  }

  /** Pauses what is owned of a topic and what will be; returns the partitions for which that is news. */
  pauseTopic(topic: string): readonly PartitionFlow<R>[] {
    this.#pausedTopics.add(topic)
    return this.all().filter((flow) => flow.topic === topic && flow.pause('user'))
  }

  resumeTopic(topic: string): readonly PartitionFlow<R>[] {
    this.#pausedTopics.delete(topic)
    return this.all().filter((flow) => flow.topic === topic && flow.resume('user'))
  }
}
