/** For tests: a member whose records may leave for delay topics and dead letters, and come back from there. The test says
 *  what becomes of each write, and what the commits of earlier owners said. */
import type { Destination } from '../model/destination.ts'
import { startAt } from '../model/next-offset.ts'
import type { GroupSettings, SubscriptionSettings } from '../model/settings.ts'
import { partitionName, type TopicPartition } from '../model/topic-partition.ts'
import { admitted, orders0 } from './engine-parts.fixture.ts'
import type { Entry } from './entry.ts'
import type { InheritedMarks } from './inherited-marks.ts'
import { chunkOf, MemberRig, noMarks, type TestRecord, topicId } from './member-rig.fixture.ts'
import type { PartitionFlow } from './partition-flow.ts'
import type { RecordedEffect } from './recorded.fixture.ts'

export { orders0 }
export const soon0 = { topic: 'orders.retry.30s', partition: 0 }
export const later0 = { topic: 'orders.retry.5m', partition: 0 }
export const delayTopics = [
  { topic: soon0.topic, delayMs: 30_000 },
  { topic: later0.topic, delayMs: 300_000 },
]
export const deadLetters = { topic: 'orders.dlq', isRequired: true }

/** One attempt in its topic, one after 30 s, one after 5 min, then the dead letters. */
export const twoDelays = { inPlaceDelaysMs: [], delaysMs: [30_000, 300_000], delayTopics, deadLetters } as const

/** A write that was asked for and not answered yet. */
export type Write = { readonly entry: Entry<TestRecord>; readonly destination: Destination }

type Start = TopicPartition & { readonly position?: number; readonly inherited?: InheritedMarks }

export class RetryRig extends MemberRig {
  /** Oldest first. */
  writes: Write[] = []

  constructor(subscription: Partial<SubscriptionSettings> = twoDelays, group: Partial<GroupSettings> = {}) {
    super({ ...group, subscription })
  }

  protected override noted(effect: RecordedEffect<TestRecord>): void {
    if (effect.verb === 'handOff') this.writes.push({ entry: effect.given[0], destination: effect.given[1] })
  }

  /** A member of a generation that owns these partitions, each from its `position` on. */
  own(starts: readonly Start[], generation = 1): this {
    if (this.flow.membership.phase === 'idle') this.step({ kind: 'start' })
    const { membership } = this.flow
    this.step({ kind: 'joined', stamp: membership.stamp, answer: { ...admitted, generationId: generation } })
    const at = starts.map(({ topic, partition }) => ({ topic, partition }))
    this.step({ kind: 'synced', stamp: membership.stamp, errorCode: 0, partitions: at })
    this.step({ kind: 'leaders', leaders: at.map((each) => ({ ...each, nodeId: 1, leaderEpoch: 0, topicId })) })
    const positioned = starts.map(({ topic, partition, position = 0, inherited = null }) => ({
      topic,
      partition,
      position: startAt(position),
      committed: startAt(position),
      leaderEpoch: 0,
      ...noMarks,
      inherited,
      cutFrom: null,
    }))
    this.step({ kind: 'positioned', stamp: membership.stamp, starts: positioned })
    return this
  }

  /** The newest fetch that asks for the partition brings these records. */
  bring(at: TopicPartition, records: readonly TestRecord[], nextOffset?: number, bytes = 1_000): void {
    const order = this.fetches.findLast((each) => each.targets.has(partitionName(at)))
    const target = order?.targets.get(partitionName(at))
    if (order === undefined || target === undefined) throw new RangeError(`${partitionName(at)} was not asked for`)
    const chunk = chunkOf(records, nextOffset, bytes)
    const part = { at, target, errorCode: 0, endOffset: 1_000, chunk, divergesAt: null, corruption: null }
    this.step({ kind: 'fetched', nodeId: order.nodeId, stamp: order.stamp, sessionId: 7, partitions: [part] })
  }

  /** The write of this offset, which is answered now. */
  #answer(offset: number): Write {
    const at = this.writes.findIndex(({ entry }) => entry.offset === offset)
    const [write] = at < 0 ? [] : this.writes.splice(at, 1)
    if (write === undefined) throw new RangeError(`offset ${offset} is not being written`)
    return write
  }

  stored(offset: number): void {
    this.step({ kind: 'handedOff', entry: this.#answer(offset).entry })
  }

  failWrite(offset: number, { isHopeless = false } = {}): void {
    const { entry } = this.#answer(offset)
    this.step({ kind: 'handOffFailed', entry, error: new Error('not enough replicas'), isHopeless })
  }

  /** The offsets that are being written, oldest first. */
  get writing(): number[] {
    return this.writes.map(({ entry }) => entry.offset)
  }

  at(place: TopicPartition): PartitionFlow<TestRecord> {
    const flow = this.flow.partitions.get(partitionName(place))
    if (flow === undefined) throw new RangeError(`${partitionName(place)} is not owned`)
    return flow
  }

  #answered = 0

  override answerCommit(errorCode = 0): void {
    this.#answered = this.commits.length
    super.answerCommit(errorCode)
  }

  /** Moves the clock and acknowledges every commit until nothing is left to tell. */
  commitNow(): void {
    for (let waited = 0; waited < 100; waited++) {
      if (this.commits.length > this.#answered) this.answerCommit()
      if ([...this.flow.partitions.values()].every((flow) => !flow.isDirty)) return
      this.advance(100)
    }
    throw new RangeError('after ten seconds there is still something to commit')
  }
}
