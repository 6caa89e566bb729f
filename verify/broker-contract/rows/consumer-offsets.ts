/** Offsets of consumer groups: who may commit and read them in which epoch. */

import { expect } from 'vitest'
import { type Row } from '../row.ts'
import { ConsumerMember, indexes, loneConsumer, nextAssignment } from '../steps/consumer-member.ts'

const rule = 'KIP-848, OffsetCommit and OffsetFetch'

/** The codes of one commit of several partitions. */
async function commitEach(
  member: ConsumerMember,
  topic: string,
  partitions: readonly number[],
  epoch = member.epoch,
): Promise<readonly number[]> {
  const { groupId, memberId, wire } = member
  const offsets = partitions.map((partitionIndex) => ({
    partitionIndex,
    committedOffset: 7,
    committedLeaderEpoch: -1,
    committedMetadata: '',
  }))
  const topics = [{ name: topic, partitions: offsets }]
  const stamp = { groupId, memberId, generationIdOrMemberEpoch: epoch, groupInstanceId: null }
  const answer = await wire.call('OffsetCommit', 9, { ...stamp, topics })
  return answer.topics[0]?.partitions.map(({ errorCode }) => errorCode) ?? []
}

export const consumerOffsetRows: readonly Row[] = [
  {
    id: 'offset-commit/of-a-consumer-in-its-epoch',
    api: 'OffsetCommit',
    when: 'a member of a consumer group commits in its epoch',
    expect: '0, and the offset is read back',
    rule,
    priority: 'P0',
    async run(ground) {
      const topic = await ground.topic()
      const member = await loneConsumer(ground, topic)
      expect(await member.commit(topic, 42)).toBe(0)
      const { groupId, memberId, epoch: memberEpoch } = member
      const group = { groupId, memberId, memberEpoch, topics: [{ name: topic, partitionIndexes: [0] }] }
      const answer = await member.wire.call('OffsetFetch', 9, { groups: [group], requireStable: false })
      expect(answer.groups[0]?.topics[0]?.partitions[0]).toMatchObject({ committedOffset: 42, errorCode: 0 })
    },
  },
  {
    id: 'offset-commit/stale-member-epoch',
    api: 'OffsetCommit',
    when: 'the epoch is smaller or greater than that of the member',
    expect: '113 STALE_MEMBER_EPOCH',
    rule,
    priority: 'P0',
    async run(ground) {
      const topic = await ground.topic()
      const member = await loneConsumer(ground, topic)
      const codes = await Promise.all(
        [0, 1, 3, -1].map((generationIdOrMemberEpoch) => member.commit(topic, 1, { generationIdOrMemberEpoch })),
      )
      expect(codes).toEqual([113, 113, 113, 113])
    },
  },
  {
    id: 'offset-commit/of-a-consumer-while-it-gives-up',
    api: 'OffsetCommit',
    when: 'a member that must give partitions up commits all that it has held',
    expect: '0, for those too',
    rule: 'KIP-848: work that was done is committed before a partition is given up',
    priority: 'P0',
    async run(ground) {
      const topic = await ground.topic(2)
      const first = await loneConsumer(ground, topic)
      await first.other().join([topic])
      await nextAssignment(ground, first)
      expect(await commitEach(first, topic, [0, 1])).toEqual([0, 0])
    },
  },
  {
    id: 'offset-commit/of-a-zombie-consumer',
    api: 'OffsetCommit',
    when: 'a member commits what it has given up, under the epoch in which it had it and under its new one',
    expect: '113 STALE_MEMBER_EPOCH under the old one, also for what it keeps if both are in one request',
    rule: 'KIP-848, KIP-1251; seen on 4.3.1',
    priority: 'P0',
    async run(ground) {
      const topic = await ground.topic(2)
      const first = await loneConsumer(ground, topic)
      await first.other().join([topic])
      const [kept = 0] = indexes(await nextAssignment(ground, first))
      const old = first.epoch
      await first.acknowledge()
      expect(await commitEach(first, topic, [1 - kept], old)).toEqual([113])
      expect(await commitEach(first, topic, [kept, 1 - kept], old)).toEqual([113, 113])
    },
  },
  {
    id: 'offset-commit/of-a-consumer-that-moved-on',
    api: 'OffsetCommit',
    when: 'a member commits a partition that it keeps under the epoch before, in which it had it already',
    expect: '0; 113 STALE_MEMBER_EPOCH under an epoch from before it had it',
    rule: 'KIP-1251: per-partition assignment epochs',
    priority: 'P0',
    async run(ground) {
      const topic = await ground.topic(2)
      const first = await loneConsumer(ground, topic)
      await first.other().join([topic])
      const kept = indexes(await nextAssignment(ground, first))
      const old = first.epoch
      await first.acknowledge()
      expect(first.epoch).toBe(old + 1)
      expect(await commitEach(first, topic, kept, old)).toEqual([0])
      expect(await commitEach(first, topic, kept, old - 1)).toEqual([113])
    },
  },
  {
    id: 'offset-commit/unknown-consumer',
    api: 'OffsetCommit',
    when: 'a stranger, a member that has left, or nobody in particular commits to a living consumer group',
    expect: '25 UNKNOWN_MEMBER_ID',
    rule,
    priority: 'P0',
    async run(ground) {
      const topic = await ground.topic()
      const member = await loneConsumer(ground, topic)
      const gone = member.other()
      await gone.join([topic])
      const { epoch } = gone
      await gone.leave()
      const from = [
        { memberId: 'stranger' },
        { memberId: gone.memberId, generationIdOrMemberEpoch: epoch },
        { memberId: '', generationIdOrMemberEpoch: -1 },
      ]
      expect(await Promise.all(from.map((given) => member.commit(topic, 1, given)))).toEqual([25, 25, 25])
    },
  },
  {
    id: 'offset-commit/from-outside-of-an-empty-consumer-group',
    api: 'OffsetCommit',
    when: 'a tool commits, without member and epoch, to a consumer group that everybody has left',
    expect: '0, in old versions too',
    rule,
    priority: 'P0',
    async run(ground) {
      const topic = await ground.topic()
      const member = await loneConsumer(ground, topic)
      await member.leave()
      const asTool = { memberId: '', generationIdOrMemberEpoch: -1 }
      expect([await member.commit(topic, 1, asTool), await member.commit(topic, 2, asTool, 2)]).toEqual([0, 0])
    },
  },
  {
    id: 'offset-commit/of-a-consumer-in-an-old-version',
    api: 'OffsetCommit',
    when: 'a member of a consumer group commits with version 8, which knows no member epochs',
    expect: '35 UNSUPPORTED_VERSION',
    rule: 'KIP-848; seen on 4.3.1',
    priority: 'P0',
    async run(ground) {
      const topic = await ground.topic()
      const member = await loneConsumer(ground, topic)
      expect(await member.commit(topic, 1, {}, 8)).toBe(35)
    },
  },
  {
    id: 'offset-commit/of-a-static-member-that-is-away',
    api: 'OffsetCommit',
    when: 'a static member has gone away with −2 and its process still commits under its epoch',
    expect: '113 STALE_MEMBER_EPOCH',
    rule: 'seen on 4.3.1',
    priority: 'P1',
    async run(ground) {
      const topic = await ground.topic()
      const member = await ConsumerMember.of(ground, ground.name('group'), ground.name('instance'))
      await member.join([topic])
      const generationIdOrMemberEpoch = member.epoch
      await member.leave(-2)
      expect(await member.commit(topic, 1, { generationIdOrMemberEpoch })).toBe(113)
    },
  },
  {
    id: 'offset-fetch/of-a-consumer',
    api: 'OffsetFetch',
    when: 'a member of a consumer group reads offsets in its epoch, or a tool without member and epoch',
    expect: '0',
    rule,
    priority: 'P0',
    async run(ground) {
      const member = await loneConsumer(ground, await ground.topic())
      expect(await member.fetchCode()).toBe(0)
      expect(await member.fetchCode({ memberId: null, memberEpoch: -1 })).toBe(0)
    },
  },
  {
    id: 'offset-fetch/stale-member-epoch',
    api: 'OffsetFetch',
    when: 'the epoch is smaller or greater than that of the member',
    expect: '113 STALE_MEMBER_EPOCH',
    rule,
    priority: 'P0',
    async run(ground) {
      const member = await loneConsumer(ground, await ground.topic())
      expect(await Promise.all([1, 3].map((memberEpoch) => member.fetchCode({ memberEpoch })))).toEqual([113, 113])
    },
  },
  {
    id: 'offset-fetch/unknown-consumer',
    api: 'OffsetFetch',
    when: 'a stranger reads offsets of a consumer group, or somebody without a name',
    expect: '25 UNKNOWN_MEMBER_ID',
    rule,
    priority: 'P0',
    async run(ground) {
      const member = await loneConsumer(ground, await ground.topic())
      expect(await Promise.all(['stranger', ''].map((memberId) => member.fetchCode({ memberId })))).toEqual([25, 25])
    },
  },
  {
    id: 'offset-fetch/consumer-of-no-group',
    api: 'OffsetFetch',
    when: 'a member id and an epoch are given for a group that does not exist',
    expect: '0: nobody is asked for',
    rule: 'seen on 4.3.1',
    priority: 'P1',
    async run(ground) {
      const member = await ConsumerMember.of(ground)
      expect(await member.fetchCode({ memberEpoch: 3 })).toBe(0)
    },
  },
]
