/** How the leader of a classic group divides partitions among members. Pure and deterministic: the order in which members
 *  or topics are given changes nothing.
 *
 *  Members of other clients take what they are given as long as the protocol's name is one they offered, so a name must
 *  keep its meaning: `range` deals out each topic by itself in runs, `roundrobin` deals all partitions out one by one.
 *  Ours goes further where round robin does not balance: members with different subscriptions are levelled too.
 *  `cooperative-sticky` has a file of its own; which partitions go together, `co-assignment.ts` decides. */

import type { TopicPartition } from '../model/topic-partition.ts'
import { compare, deal, type Unit } from './dealing.ts'

export type GroupMember = {
  readonly memberId: string
  readonly topics: readonly string[]
  /** What it says that it still owns; only cooperative members do. */
  readonly owned?: readonly TopicPartition[] | undefined
  /** The generation that gave it what it owns; −1 or nothing if it does not say. */
  readonly generation?: number | undefined
}

/** Number of partitions by topic. A topic that is missing here is assigned to nobody. */
export type PartitionCounts = ReadonlyMap<string, number>

export type Assignment = ReadonlyMap<string, readonly TopicPartition[]>

export type Assignor = (
  members: readonly GroupMember[],
  partitionCounts: PartitionCounts,
) => Map<string, TopicPartition[]>

/** Each partition goes to the member that has the fewest so far among those that subscribed to its topic, then shares are
 *  levelled as far as the subscriptions allow. With equal subscriptions that is plain round robin over the sorted members. */
export const assignEagerly: Assignor = (members, partitionCounts) => assignEvenly(members, partitionCounts, () => null)

/** The same, but `keeperOf` tells who had a partition: it keeps what an even division leaves it. */
export function assignEvenly(
  members: readonly GroupMember[],
  partitionCounts: PartitionCounts,
  keeperOf: (at: TopicPartition) => string | null,
): Map<string, TopicPartition[]> {
  const units: Unit<TopicPartition>[] = []
  for (const [topic, takers] of [...subscribersByTopic(members)].sort(([a], [b]) => compare(a, b))) {
    for (let partition = 0; partition < (partitionCounts.get(topic) ?? 0); partition++)
      units.push(unitOf({ topic, partition }, takers, keeperOf))
  }
  return sharesOf(
    units,
    members.map((member) => member.memberId),
  )
}

/** A keeper that did not subscribe to the topic, any more or ever, does not count. */
export function unitOf(
  at: TopicPartition,
  takers: readonly string[],
  keeperOf: (at: TopicPartition) => string | null,
): Unit<TopicPartition> {
  const keeper = keeperOf(at)
  return { content: at, takers, keeper: keeper !== null && takers.includes(keeper) ? keeper : null }
}

export function sharesOf(
  units: readonly Unit<TopicPartition>[],
  memberIds: readonly string[],
): Map<string, TopicPartition[]> {
  const shares = deal(units, memberIds)
  return new Map([...shares].map(([id, share]) => [id, share.map((unit) => unit.content).sort(byTopicAndPartition)]))
}

/** Each topic by itself: its partitions in runs, the first members one more where it does not come out even. */
export const assignRanges: Assignor = (members, partitionCounts) => {
  const ids = members.map(({ memberId }) => memberId).sort(compare)
  const shares = new Map(ids.map((memberId): [string, TopicPartition[]] => [memberId, []]))
  const subscribers = subscribersByTopic(members)
  for (const topic of [...subscribers.keys()].sort(compare)) {
    const takers = subscribers.get(topic) ?? []
    const count = partitionCounts.get(topic) ?? 0
    let partition = 0
    for (const [index, taker] of takers.entries()) {
      const end = partition + Math.floor(count / takers.length) + (index < count % takers.length ? 1 : 0)
      for (; partition < end; partition++) shares.get(taker)?.push({ topic, partition })
    }
  }
  return shares
}

/** Member ids by topic, sorted. */
export function subscribersByTopic(members: readonly GroupMember[]): Map<string, string[]> {
  const subscribers = new Map<string, string[]>()
  for (const { memberId, topics } of members.toSorted((a, b) => compare(a.memberId, b.memberId))) {
    for (const topic of new Set(topics)) {
      const known = subscribers.get(topic)
      if (known === undefined) subscribers.set(topic, [memberId])
      else known.push(memberId)
    }
  }
  return subscribers
}

export function byTopicAndPartition(a: TopicPartition, b: TopicPartition): number {
  return compare(a.topic, b.topic) || a.partition - b.partition
}
