/** Who should have which partition: the two assignors that Kafka has on the server (KIP-848), pure functions of members,
 *  their subscriptions and what they were meant to have before. */

import type { TopicPartitions } from './topic-partitions.ts'

export type AssignedMember = {
  readonly memberId: string
  readonly instanceId: string | null
  /** Ids of topics. */
  readonly subscribed: ReadonlySet<string>
  /** What it was meant to have so far. */
  readonly previous: TopicPartitions
}

/** Number of partitions, by topic id. */
export type PartitionCounts = ReadonlyMap<string, number>
export type Assignor = (
  members: readonly AssignedMember[],
  topics: PartitionCounts,
) => ReadonlyMap<string, TopicPartitions>

/** In the order of `group.consumer.assignors`: the first is the one for members that do not choose. */
export const assignors: ReadonlyMap<string, Assignor> = new Map([
  ['uniform', assignUniformly],
  ['range', assignRanges],
])

type Partition = { readonly topicId: string; readonly index: number }

/** Keeps what can be kept and evens out the numbers: no member has two more than another that could take one. */
function assignUniformly(
  members: readonly AssignedMember[],
  topics: PartitionCounts,
): ReadonlyMap<string, TopicPartitions> {
  const owners = new Map<Partition, AssignedMember>()
  const counts = new Map(members.map((member) => [member, 0]))
  const countOf = (member: AssignedMember): number => counts.get(member) ?? 0
  const give = (partition: Partition, member: AssignedMember): void => {
    const from = owners.get(partition)
    if (from !== undefined) counts.set(from, countOf(from) - 1)
    owners.set(partition, member)
    counts.set(member, countOf(member) + 1)
  }
  const poorest = ({ topicId }: Partition): AssignedMember | undefined => {
    let found: AssignedMember | undefined
    for (const member of members) {
      if (!member.subscribed.has(topicId)) continue
      if (found === undefined || countOf(member) < countOf(found)) found = member
    }
    return found
  }
  const wantedBy = ({ topicId }: Partition): number =>
    members.filter(({ subscribed }) => subscribed.has(topicId)).length

  const all = partitionsOf(topics)
  for (const partition of all) {
    const { topicId, index } = partition
    const before = members.find(({ previous, subscribed }) => {
      return subscribed.has(topicId) && previous.get(topicId)?.has(index)
    })
    if (before !== undefined) give(partition, before)
  }
  // What few members want is given first, or it would land on members that are full by then.
  const free = all.filter((partition) => !owners.has(partition)).toSorted((a, b) => wantedBy(a) - wantedBy(b))
  for (const partition of free) {
    const member = poorest(partition)
    if (member !== undefined) give(partition, member)
  }
  // From the end, so that who must give gives the highest partitions and keeps the lowest, as Kafka does.
  for (let hasMoved = true; hasMoved;) {
    hasMoved = false
    for (const [partition, owner] of [...owners].toReversed()) {
      const other = poorest(partition)
      if (other === undefined || countOf(other) + 1 >= countOf(owner)) continue
      give(partition, other)
      hasMoved = true
    }
  }
  return collected(members, owners)
}

/** Every topic in ranges, in the order of the members: topics with the same members and sizes are cut alike. */
function assignRanges(
  members: readonly AssignedMember[],
  topics: PartitionCounts,
): ReadonlyMap<string, TopicPartitions> {
  const owners = new Map<Partition, AssignedMember>()
  const inOrder = members.toSorted(byInstanceThenMember)
  for (const [topicId, count] of topics) {
    const takers = inOrder.filter(({ subscribed }) => subscribed.has(topicId))
    let index = 0
    takers.forEach((member, place) => {
      const share = Math.floor(count / takers.length) + (place < count % takers.length ? 1 : 0)
      for (const end = index + share; index < end; index++) owners.set({ topicId, index }, member)
    })
  }
  return collected(members, owners)
}

function partitionsOf(topics: PartitionCounts): Partition[] {
  return [...topics].flatMap(([topicId, count]) => Array.from({ length: count }, (_, index) => ({ topicId, index })))
}

function collected(
  members: readonly AssignedMember[],
  owners: ReadonlyMap<Partition, AssignedMember>,
): ReadonlyMap<string, TopicPartitions> {
  const assigned = new Map(members.map(({ memberId }) => [memberId, new Map<string, Set<number>>()]))
  for (const [{ topicId, index }, { memberId }] of owners) {
    const topics = assigned.get(memberId)
    if (topics === undefined) continue
    const indexes = topics.get(topicId) ?? new Set<number>()
    topics.set(topicId, indexes.add(index))
  }
  return assigned
}

/** Static members first: their instances outlive their ids, so their ranges stay where they are. */
function byInstanceThenMember(left: AssignedMember, right: AssignedMember): number {
  if (left.instanceId !== null && right.instanceId !== null) return left.instanceId < right.instanceId ? -1 : 1
  if (left.instanceId !== null || right.instanceId !== null) return left.instanceId !== null ? -1 : 1
  return left.memberId < right.memberId ? -1 : 1
}
