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
    const sources = members.map((member) => ({
      ...member,
      topics: member.topics.filter((name) => !sourceOf.has(name)),
    }))
    const shares = assign(sources, counts)
    const follow = (at: TopicPartition): TopicPartition[] =>
      (delayTopics.get(at.topic) ?? [])
        .filter((topic) => at.partition < (counts.get(topic) ?? 0))
        .map((topic) => ({ topic, partition: at.partition }))
    const topicsOf = new Map(members.map(({ memberId, topics }) => [memberId, new Set(topics)]))
    const taken = new Set<string>()
    for (const [memberId, share] of shares) {
      const followers = share.flatMap(follow).filter(({ topic }) => topicsOf.get(memberId)?.has(topic))
      for (const at of followers) taken.add(partitionName(at))
      share.push(...followers)
    }
    for (const [memberId, share] of dealRest(members, [...sourceOf.keys()], counts, taken, isCooperative))
      shares.get(memberId)?.push(...share)
    for (const share of shares.values()) share.sort(byTopicAndPartition)
    if (!isCooperative) return shares
    const unitOfPartition = (at: TopicPartition): TopicPartition[] => {
      const source = {
        topic: taken.has(partitionName(at)) ? (sourceOf.get(at.topic) ?? at.topic) : at.topic,
        partition: at.partition,
      }
      return [source, ...follow(source).filter((each) => taken.has(partitionName(each)))]
    }
    return inTwoRounds(shares, members, unitOfPartition)
  }
}

/** Delay partitions that follow no source. */
function dealRest(
  members: readonly GroupMember[],
  delayTopics: readonly string[],
  counts: ReadonlyMap<string, number>,
  taken: ReadonlySet<string>,
  isCooperative: boolean,
): Map<string, TopicPartition[]> {
  const subscribers = subscribersByTopic(members)
  const claims = claimsOf(isCooperative ? members : [])
  const rest = delayTopics
    .flatMap((topic) => Array.from({ length: counts.get(topic) ?? 0 }, (_, partition) => ({ topic, partition })))
    .filter((at) => !taken.has(partitionName(at)))
    .sort(byTopicAndPartition)
  const units = rest.map((at) =>
    unitOf(at, subscribers.get(at.topic) ?? [], () => claims.get(partitionName(at))?.owner ?? null),
  )
  return sharesOf(
    units,
    members.map(({ memberId }) => memberId),
  )
}
