/** Moves one member of a consumer group a step from what it has to what it should have (KIP-848, "Assignment Process").
 *
 *      stable ──must give up──▶ unrevoked ──has given up──▶ stable, or unreleased while others hold what it is to get
 *
 *  A member stays in its epoch until it has given up what it must, and gets a partition only when nobody holds it. Pure:
 *  `consumer-group.ts` decides when it is called, and with which target. */

import { type ConsumerMember, placeOf } from './consumer-member.ts'
import { common, filtered, has, joined, noPartitions, type TopicPartitions, without } from './topic-partitions.ts'

export type Surroundings = {
  readonly targetEpoch: number
  readonly target: TopicPartitions
  /** Ids of existing topics that the member subscribes to. */
  readonly subscribed: ReadonlySet<string>
  /** What the member says that it holds; null when it does not say, which confirms nothing. */
  readonly owned: TopicPartitions | null
  readonly isHeldByOthers: (topicId: string, partition: number) => boolean
}

export function reconcile(member: ConsumerMember, around: Surroundings): ConsumerMember {
  switch (member.reconciliation) {
    case 'stable':
      return member.epoch === around.targetEpoch ? dropUnsubscribed(member, around) : next(member, around)
    case 'unrevoked':
      return holds(around.owned, member.revoking) ? dropUnsubscribed(member, around) : next(member, around)
    case 'unreleased':
      return next(member, around)
  }
}

function next(member: ConsumerMember, around: Surroundings): ConsumerMember {
  const { targetEpoch, subscribed, owned, isHeldByOthers } = around
  const target = filtered(around.target, (topicId) => subscribed.has(topicId))
  const kept = common(member.assigned, target)
  const revoking = without(member.assigned, kept)
  if (holds(owned, revoking)) {
    return { ...member, previousEpoch: member.epoch, reconciliation: 'unrevoked', assigned: kept, revoking }
  }

  const missing = without(target, kept)
  const free = filtered(missing, (topicId, partition) => !isHeldByOthers(topicId, partition))
  return {
    ...member,
    epoch: targetEpoch,
    previousEpoch: member.epoch,
    reconciliation: without(missing, free).size > 0 ? 'unreleased' : 'stable',
    assigned: joined(kept, free),
    revoking: noPartitions,
    heldSince: heldSince(member, kept, free, targetEpoch),
  }
}

function heldSince(
  member: ConsumerMember,
  kept: TopicPartitions,
  taken: TopicPartitions,
  epoch: number,
): ReadonlyMap<string, number> {
  const since = new Map<string, number>()
  for (const place of placesOf(kept)) since.set(place, member.heldSince.get(place) ?? epoch)
  for (const place of placesOf(taken)) since.set(place, epoch)
  return since
}

function placesOf(partitions: TopicPartitions): readonly string[] {
  return [...partitions].flatMap(([topicId, indexes]) => [...indexes].map((index) => placeOf(topicId, index)))
}

/** A topic that the member no longer wants, or that is gone, is taken from it before there is a new target. */
function dropUnsubscribed(member: ConsumerMember, { subscribed, owned }: Surroundings): ConsumerMember {
  const assigned = filtered(member.assigned, (topicId) => subscribed.has(topicId))
  const dropped = without(member.assigned, assigned)
  if (dropped.size === 0) return member
  const revoking = joined(member.revoking, dropped)
  const next = { ...member, previousEpoch: member.epoch, assigned }
  return holds(owned, revoking) ? { ...next, reconciliation: 'unrevoked', revoking } : next
}

/** Whether the member may still hold one of these partitions: it does so until it says otherwise. */
function holds(owned: TopicPartitions | null, revoking: TopicPartitions): boolean {
  if (revoking.size === 0) return false
  return owned === null || filtered(revoking, (topicId, partition) => has(owned, topicId, partition)).size > 0
}
