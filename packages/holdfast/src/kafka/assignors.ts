/** How the leader of a classic group divides partitions among members. Pure and deterministic: the order in which members
 *  or topics are given changes nothing.
 *
 *  Members of other clients take what they are given as long as the protocol's name is one they offered, so a name must
 *  keep its meaning: `range` deals out each topic by itself in runs, `roundrobin` deals all partitions out one by one.
 *  Ours goes further where round robin does not balance: members with different subscriptions are levelled too. */

import { type TopicPartition } from '../model/topic-partition.ts'

export type GroupMember = { readonly memberId: string; readonly topics: readonly string[] }

/** Number of partitions by topic. A topic that is missing here is assigned to nobody. */
export type PartitionCounts = ReadonlyMap<string, number>

export type Assignment = ReadonlyMap<string, readonly TopicPartition[]>

export type Assignor = (
  members: readonly GroupMember[],
  partitionCounts: PartitionCounts,
) => Map<string, TopicPartition[]>

/** Each partition goes to the member that has the fewest so far among those that subscribed to its topic, then shares are
 *  levelled as far as the subscriptions allow. With equal subscriptions that is plain round robin over the sorted members. */
export const assignEagerly: Assignor = (members, partitionCounts) => {
  const shares = emptyShares(members)
  const subscribers = subscribersByTopic(members)
  // Topics with few subscribers first: what only few may take should not meet them when they are full.
  const topics = [...subscribers.keys()].sort(
    (a, b) => (subscribers.get(a)?.length ?? 0) - (subscribers.get(b)?.length ?? 0) || compare(a, b),
  )
  for (const topic of topics) {
    const candidates = subscribers.get(topic) ?? []
    for (let partition = 0; partition < (partitionCounts.get(topic) ?? 0); partition++) {
      const taker = smallest(candidates, shares)
      shares.get(taker)?.push({ topic, partition })
    }
  }
  level(shares, subscribers)
  for (const share of shares.values()) share.sort(byTopicAndPartition)
  return shares
}

/** Each topic by itself: its partitions in runs, the first members one more where it does not come out even. */
export const assignRanges: Assignor = (members, partitionCounts) => {
  const shares = emptyShares(members)
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

/** What we offer when we join, in order of preference. kafkajs calls round robin by another name. */
export const assignorNames: readonly string[] = ['roundrobin', 'RoundRobinAssigner', 'range']

const assignors: ReadonlyMap<string, Assignor> = new Map([
  ['roundrobin', assignEagerly],
  ['RoundRobinAssigner', assignEagerly],
  ['range', assignRanges],
])

/** The assignor of the protocol that the coordinator chose; undefined for one we never offered. */
export function assignorNamed(name: string): Assignor | undefined {
  return assignors.get(name)
}

type Shares = ReadonlyMap<string, TopicPartition[]>

/** `to` may take `partition` from `from`. */
type Move = { readonly from: string; readonly to: string; readonly partition: TopicPartition }

/** Moves partitions, over third members if need be, until no share is larger by two than one it could feed. Each round
 *  makes the sum of squares smaller, so this ends, and no other division has a smaller one. */
function level(shares: Shares, subscribers: ReadonlyMap<string, readonly string[]>): void {
  for (let moves = findMoves(shares, subscribers); moves !== null; moves = findMoves(shares, subscribers)) {
    for (const { from, to, partition } of moves) {
      const share = shares.get(from) ?? []
      share.splice(share.indexOf(partition), 1)
      shares.get(to)?.push(partition)
    }
  }
}

/** A chain of moves that takes one partition from a large share and ends at one that is smaller by two. */
function findMoves(shares: Shares, subscribers: ReadonlyMap<string, readonly string[]>): Move[] | null {
  const smallestSize = Math.min(...[...shares.values()].map((share) => share.length))
  for (const [giver, giversShare] of shares) {
    if (giversShare.length < smallestSize + 2) continue
    const arrivals = new Map<string, Move | null>([[giver, null]])
    // A map's iterator also visits what is added on the way: this walks breadth first.
    for (const from of arrivals.keys()) {
      for (const partition of shares.get(from) ?? []) {
        for (const to of subscribers.get(partition.topic) ?? []) {
          if (arrivals.has(to)) continue
          arrivals.set(to, { from, to, partition })
          if ((shares.get(to)?.length ?? 0) + 2 <= giversShare.length) return chainTo(to, arrivals)
        }
      }
    }
  }
  return null
}

function chainTo(end: string, arrivals: ReadonlyMap<string, Move | null>): Move[] {
  const moves: Move[] = []
  for (let move = arrivals.get(end) ?? null; move !== null; move = arrivals.get(move.from) ?? null) moves.unshift(move)
  return moves
}

/** The first of the candidates that have the fewest. */
function smallest(candidates: readonly string[], shares: ReadonlyMap<string, readonly TopicPartition[]>): string {
  let best = candidates[0] ?? ''
  for (const candidate of candidates) {
    if ((shares.get(candidate)?.length ?? 0) < (shares.get(best)?.length ?? 0)) best = candidate
  }
  return best
}

function emptyShares(members: readonly GroupMember[]): Map<string, TopicPartition[]> {
  const ids = members.map(({ memberId }) => memberId).sort(compare)
  return new Map(ids.map((memberId) => [memberId, []]))
}

/** Member ids by topic, sorted. */
function subscribersByTopic(members: readonly GroupMember[]): Map<string, string[]> {
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

/** By code unit, the same on every machine. */
function compare(a: string, b: string): number {
  if (a === b) return 0
  return a < b ? -1 : 1
}

function byTopicAndPartition(a: TopicPartition, b: TopicPartition): number {
  return compare(a.topic, b.topic) || a.partition - b.partition
}
