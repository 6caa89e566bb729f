/** Decides which partitions go to the same member: partition p of a topic and partition p of each of its delay topics (R22),
 *  so that who handles a record first handles its later attempts too. Works with every assignor, which then sees sources only.
 *
 *  A delay partition whose source partition does not exist, or went to a member that did not subscribe to the delay topic,
 *  is dealt out evenly among those who did. */
import { partitionName, type TopicPartition } from '../model/topic-partition.ts'
import {
  type Assignor,
  byTopicAndPartition,
  type GroupMember,
  sharesOf,
  subscribersByTopic,
  unitOf,
} from './assignors.ts'
import { claimsOf, inTwoRounds } from './sticky-assignor.ts'

/** The delay topics of each source. */
export type DelayTopics = ReadonlyMap<string, readonly string[]>

/** `isCooperative` if the assignor's members may still own what they are not given. */
export function coAssign(assign: Assignor, delayTopics: DelayTopics, isCooperative: boolean): Assignor {
  const sourceOf = new Map([...delayTopics].flatMap(([source, topics]) => topics.map((topic) => [topic, source])))
  return (members, counts) => {
    const follow = ({ topic, partition }: TopicPartition): TopicPartition[] =>
      (delayTopics.get(topic) ?? [])
        .filter((delayTopic) => partition < (counts.get(delayTopic) ?? 0))
        .map((delayTopic) => ({ topic: delayTopic, partition }))
    const shares = assign(withoutTopics(members, sourceOf), counts)
    const followers = addFollowers(shares, members, follow)
    for (const [memberId, share] of dealRest(members, [...sourceOf.keys()], counts, followers, isCooperative))
      shares.get(memberId)?.push(...share)
    for (const share of shares.values()) share.sort(byTopicAndPartition)
    if (!isCooperative) return shares
    const isFollower = (at: TopicPartition): boolean => followers.has(partitionName(at))
    return inTwoRounds(shares, members, (at) => {
      const source = isFollower(at) ? { ...at, topic: sourceOf.get(at.topic) ?? at.topic } : at
      return [source, ...follow(source).filter(isFollower)]
    })
  }
}

function withoutTopics(members: readonly GroupMember[], topics: ReadonlyMap<string, unknown>): GroupMember[] {
  return members.map((member) => ({ ...member, topics: member.topics.filter((name) => !topics.has(name)) }))
}

/** Gives each source partition's delay partitions to its owner, if it wants them; returns the names of those. */
function addFollowers(
  shares: ReadonlyMap<string, TopicPartition[]>,
  members: readonly GroupMember[],
  follow: (at: TopicPartition) => readonly TopicPartition[],
): ReadonlySet<string> {
  const followers = new Set<string>()
  for (const { memberId, topics } of members) {
    const share = shares.get(memberId) ?? []
    const wanted = new Set(topics)
    for (const at of share.flatMap(follow).filter(({ topic }) => wanted.has(topic))) {
      followers.add(partitionName(at))
      share.push(at)
    }
  }
  return followers
}

/** Delay partitions that follow no source. */
function dealRest(
  members: readonly GroupMember[],
  delayTopics: readonly string[],
  counts: ReadonlyMap<string, number>,
  followers: ReadonlySet<string>,
  isCooperative: boolean,
): Map<string, TopicPartition[]> {
  const subscribers = subscribersByTopic(members)
  const claims = claimsOf(isCooperative ? members : [])
  const rest = delayTopics
    .flatMap((topic) => Array.from({ length: counts.get(topic) ?? 0 }, (_, partition) => ({ topic, partition })))
    .filter((at) => !followers.has(partitionName(at)))
    .sort(byTopicAndPartition)
  const units = rest.map((at) =>
    unitOf(at, subscribers.get(at.topic) ?? [], () => claims.get(partitionName(at))?.owner ?? null),
  )
  return sharesOf(
    units,
    members.map(({ memberId }) => memberId),
  )
}
