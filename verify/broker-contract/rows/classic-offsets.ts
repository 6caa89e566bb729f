/** Rows about OffsetCommit and OffsetFetch of classic groups. Those of transactions stand with the transactions. */

import { expect } from 'vitest'
import { type Ground, type Row, type Wire } from '../row.ts'
import { ClassicMember, describedAs, loneMember, untilRebalancing } from '../steps/classic-member.ts'

const commitGuide = 'protocol guide: OffsetCommit'
const fetchGuide = 'protocol guide: OffsetFetch'
/** `offset.metadata.max.bytes`, which counts UTF-16 units. */
const metadataUnitsMax = 4_096
const nobody = { generationId: -1, memberId: '' }

type Committed = { readonly committedOffset: number; readonly metadata: string | null; readonly leaderEpoch: number }

async function committed(wire: Wire, groupId: string, topic: string, partition = 0): Promise<Committed | undefined> {
  const topics = [{ name: topic, partitionIndexes: [partition] }]
  const answer = await wire.call('OffsetFetch', 7, { groupId, topics })
  const found = answer.topics[0]?.partitions[0]
  if (found === undefined) return undefined
  return { committedOffset: found.committedOffset, metadata: found.metadata, leaderEpoch: found.committedLeaderEpoch }
}

/** Commits from outside of a group, as tools do. Returns the code of each partition. */
async function commitFromOutside(
  wire: Wire,
  groupId: string,
  name: string,
  partitions: readonly { readonly index?: number; readonly offset: number; readonly metadata?: string | null }[],
): Promise<readonly number[]> {
  const answer = await wire.call('OffsetCommit', 7, {
    groupId,
    generationIdOrMemberEpoch: nobody.generationId,
    memberId: nobody.memberId,
    topics: [
      {
        name,
        partitions: partitions.map(({ index = 0, offset, metadata = '' }) => ({
          partitionIndex: index,
          committedOffset: offset,
          committedMetadata: metadata,
        })),
      },
    ],
  })
  return answer.topics[0]?.partitions.map(({ errorCode }) => errorCode) ?? []
}

async function outside(ground: Ground): Promise<{ wire: Wire; groupId: string; topic: string }> {
  const [topic, groupId] = [await ground.topic(2), ground.name('group')]
  return { wire: await ground.coordinator(groupId), groupId, topic }
}

export const classicOffsetRows: readonly Row[] = [
  {
    id: 'offset-commit/of-a-member',
    api: 'OffsetCommit',
    when: 'a member commits in the current generation',
    expect: '0, and OffsetFetch returns offset, metadata and leader epoch; the last commit wins, also a lower one',
    rule: commitGuide,
    priority: 'P0',
    async run(ground) {
      const topic = await ground.topic()
      const member = await loneMember(ground)
      expect(await member.commit(topic, 7)).toBe(0)
      const partitions = [{ partitionIndex: 0, committedOffset: 4, committedLeaderEpoch: 0, committedMetadata: 'why' }]
      expect(await member.commit(topic, 0, { topics: [{ name: topic, partitions }] })).toBe(0)
      const found = await committed(member.wire, member.groupId, topic)
      expect(found).toEqual({ committedOffset: 4, metadata: 'why', leaderEpoch: 0 })
    },
  },
  {
    id: 'offset-commit/from-outside-makes-the-group',
    api: 'OffsetCommit',
    when: 'generation −1 and no member id, and the group does not exist',
    expect: '0; the group exists then and is Empty',
    rule: commitGuide,
    priority: 'P0',
    async run(ground) {
      const { wire, groupId, topic } = await outside(ground)
      expect(await commitFromOutside(wire, groupId, topic, [{ offset: 3 }])).toEqual([0])
      expect(await committed(wire, groupId, topic)).toMatchObject({ committedOffset: 3, metadata: '' })
      await describedAs(ground, groupId, 'Empty', 0)
    },
  },
  {
    id: 'offset-commit/from-outside-of-a-living-group',
    api: 'OffsetCommit',
    when: 'generation −1 and no member id, and the group has members',
    expect: '25 UNKNOWN_MEMBER_ID; nothing is committed',
    rule: 'seen on 4.3.1',
    priority: 'P0',
    async run(ground) {
      const topic = await ground.topic()
      const { wire, groupId } = await loneMember(ground)
      expect(await commitFromOutside(wire, groupId, topic, [{ offset: 3 }])).toEqual([25])
      expect(await committed(wire, groupId, topic)).toMatchObject({ committedOffset: -1 })
    },
  },
  {
    id: 'offset-commit/unknown-member',
    api: 'OffsetCommit',
    when: 'the member id is not one of the group',
    expect: '25 UNKNOWN_MEMBER_ID',
    rule: commitGuide,
    priority: 'P0',
    async run(ground) {
      const topic = await ground.topic()
      const member = await loneMember(ground)
      expect(await member.commit(topic, 1, { memberId: 'nobody' })).toBe(25)
    },
  },
  {
    id: 'offset-commit/after-leaving',
    api: 'OffsetCommit',
    when: 'the member has left',
    expect: '25 UNKNOWN_MEMBER_ID; what was committed before stays',
    rule: commitGuide,
    priority: 'P0',
    async run(ground) {
      const topic = await ground.topic()
      const member = await loneMember(ground)
      await member.commit(topic, 1)
      await member.leave()
      expect(await member.commit(topic, 2)).toBe(25)
      expect(await committed(member.wire, member.groupId, topic)).toMatchObject({ committedOffset: 1 })
    },
  },
  {
    id: 'offset-commit/of-a-zombie',
    api: 'OffsetCommit',
    when: 'a member was dropped because its session ended, and another one took over and committed',
    expect: '25 UNKNOWN_MEMBER_ID; the commit of the other stays',
    rule: 'session.timeout.ms',
    priority: 'P0',
    async run(ground) {
      const topic = await ground.topic()
      const zombie = await loneMember(ground, ground.name('group'), { sessionTimeoutMs: 200 })
      await describedAs(ground, zombie.groupId, 'Empty', 0)
      const next = await loneMember(ground, zombie.groupId)
      expect(await next.commit(topic, 9)).toBe(0)
      expect(await zombie.commit(topic, 4)).toBe(25)
      expect(await committed(next.wire, next.groupId, topic)).toMatchObject({ committedOffset: 9 })
    },
  },
  ...[-1, 1].map((difference): Row => {
    const word = difference < 0 ? 'past' : 'future'
    return {
      id: `offset-commit/${word}-generation`,
      api: 'OffsetCommit',
      when: `the generation is a ${word} one`,
      expect: '22 ILLEGAL_GENERATION; nothing is committed',
      rule: commitGuide,
      priority: 'P0',
      async run(ground) {
        const topic = await ground.topic()
        const member = await loneMember(ground)
        await member.join()
        await member.sync({ assignments: [] })
        const generationIdOrMemberEpoch = member.generationId + difference
        expect(await member.commit(topic, 1, { generationIdOrMemberEpoch })).toBe(22)
        expect(await committed(member.wire, member.groupId, topic)).toMatchObject({ committedOffset: -1 })
      },
    }
  }),
  {
    id: 'offset-commit/unknown-group',
    api: 'OffsetCommit',
    when: 'a generation is sent and the group does not exist, version 9',
    expect: '69 GROUP_ID_NOT_FOUND',
    rule: 'KIP-848; seen on 4.3.1',
    priority: 'P0',
    async run(ground) {
      const topic = await ground.topic()
      const member = await ClassicMember.of(ground, ground.name('group'))
      const given = { memberId: 'nobody', generationIdOrMemberEpoch: 1 }
      expect(await member.commit(topic, 1, given, 9)).toBe(69)
    },
  },
  {
    id: 'offset-commit/unknown-group-in-an-old-version',
    api: 'OffsetCommit',
    when: 'a generation is sent and the group does not exist, version 8',
    expect: '22 ILLEGAL_GENERATION',
    rule: 'seen on 4.3.1',
    priority: 'P0',
    async run(ground) {
      const topic = await ground.topic()
      const member = await ClassicMember.of(ground, ground.name('group'))
      const given = { memberId: 'nobody', generationIdOrMemberEpoch: 1 }
      expect(await member.commit(topic, 1, given, 8)).toBe(22)
    },
  },
  {
    id: 'offset-commit/between-join-and-sync',
    api: 'OffsetCommit',
    when: 'the group waits for the assignment',
    expect: '27 REBALANCE_IN_PROGRESS in the new generation, 22 ILLEGAL_GENERATION in the old one',
    rule: 'seen on 4.3.1',
    priority: 'P0',
    async run(ground) {
      const topic = await ground.topic()
      const member = await loneMember(ground)
      await member.tryJoin()
      expect(await member.commit(topic, 1)).toBe(27)
      expect(await member.commit(topic, 1, { generationIdOrMemberEpoch: 1 })).toBe(22)
    },
  },
  {
    id: 'offset-commit/while-the-group-waits-for-joins',
    api: 'OffsetCommit',
    when: 'the group rebalances and the member has not joined again yet',
    expect: '0 in the generation that ends: what was handled may be committed before joining',
    rule: 'seen on 4.3.1',
    priority: 'P0',
    async run(ground) {
      const topic = await ground.topic()
      const member = await loneMember(ground)
      const second = await ClassicMember.of(ground, member.groupId)
      const joining = second.join()
      await untilRebalancing(ground, member)
      expect(await member.commit(topic, 6)).toBe(0)
      await Promise.all([joining, member.join()])
      expect(await committed(member.wire, member.groupId, topic)).toMatchObject({ committedOffset: 6 })
    },
  },
  {
    id: 'offset-commit/keeps-the-session-alive',
    api: 'OffsetCommit',
    when: 'a member commits again and again and sends no heartbeat',
    expect: '0 each time, for longer than its session timeout',
    rule: 'KIP-62: every request of a member renews its session',
    priority: 'P1',
    async run(ground) {
      const topic = await ground.topic()
      const member = await loneMember(ground, ground.name('group'), { sessionTimeoutMs: 2_000 })
      let commits = 0
      await ground.until(async () => {
        expect(await member.commit(topic, commits)).toBe(0)
        commits += 1
        return commits === 120
      }, 'the session would have ended')
      expect(await member.heartbeat()).toBe(0)
    },
  },
  {
    id: 'offset-commit/metadata-too-large',
    api: 'OffsetCommit',
    when: 'the metadata of one of two partitions has 4,097 characters',
    expect: '12 OFFSET_METADATA_TOO_LARGE for that partition, 0 for the other, which is committed',
    rule: 'offset.metadata.max.bytes',
    priority: 'P0',
    async run(ground) {
      const { wire, groupId, topic } = await outside(ground)
      const codes = await commitFromOutside(wire, groupId, topic, [
        { index: 0, offset: 1, metadata: 'x'.repeat(metadataUnitsMax + 1) },
        { index: 1, offset: 2, metadata: 'x'.repeat(metadataUnitsMax) },
      ])
      expect(codes).toEqual([12, 0])
      expect(await committed(wire, groupId, topic, 0)).toMatchObject({ committedOffset: -1 })
      expect(await committed(wire, groupId, topic, 1)).toMatchObject({ committedOffset: 2 })
    },
  },
  {
    id: 'offset-commit/metadata-is-counted-in-characters',
    api: 'OffsetCommit',
    when: 'the metadata has 4,096 characters of three bytes each',
    expect: '0: the limit counts UTF-16 units, not bytes',
    rule: 'seen on 4.3.1',
    priority: 'P1',
    async run(ground) {
      const { wire, groupId, topic } = await outside(ground)
      const metadata = '€'.repeat(metadataUnitsMax)
      expect(await commitFromOutside(wire, groupId, topic, [{ offset: 1, metadata }])).toEqual([0])
      expect(await committed(wire, groupId, topic)).toMatchObject({ metadata })
    },
  },
  {
    id: 'offset-commit/null-metadata',
    api: 'OffsetCommit',
    when: 'the metadata is null',
    expect: '0, and it is read back as the empty text',
    rule: 'seen on 4.3.1',
    priority: 'P1',
    async run(ground) {
      const { wire, groupId, topic } = await outside(ground)
      expect(await commitFromOutside(wire, groupId, topic, [{ offset: 1, metadata: null }])).toEqual([0])
      expect(await committed(wire, groupId, topic)).toMatchObject({ committedOffset: 1, metadata: '' })
    },
  },
  {
    id: 'offset-commit/unknown-topic',
    api: 'OffsetCommit',
    when: 'the topic does not exist',
    expect: '3 UNKNOWN_TOPIC_OR_PARTITION',
    rule: commitGuide,
    priority: 'P0',
    async run(ground) {
      const { wire, groupId } = await outside(ground)
      expect(await commitFromOutside(wire, groupId, ground.name('missing'), [{ offset: 1 }])).toEqual([3])
    },
  },
  {
    id: 'offset-commit/unknown-partition',
    api: 'OffsetCommit',
    when: 'one of two partitions does not exist',
    expect: '3 UNKNOWN_TOPIC_OR_PARTITION for that one, 0 for the other',
    rule: commitGuide,
    priority: 'P0',
    async run(ground) {
      const { wire, groupId, topic } = await outside(ground)
      const answer = await commitFromOutside(wire, groupId, topic, [
        { index: 1, offset: 1 },
        { index: 2, offset: 1 },
      ])
      expect(new Set(answer)).toEqual(new Set([0, 3]))
      expect(await committed(wire, groupId, topic, 1)).toMatchObject({ committedOffset: 1 })
    },
  },
  {
    id: 'offset-commit/empty-group-id',
    api: 'OffsetCommit',
    when: 'the group id is empty, from outside',
    expect: '0: the group without a name may keep offsets, for clients that always could',
    rule: 'KIP-289; seen on 4.3.1',
    priority: 'P1',
    only: { on: 'embedded', reason: 'on a shared Kafka others look whether this group exists; seen on 4.3.1' },
    async run(ground) {
      const topic = await ground.topic()
      const wire = await ground.coordinator('')
      expect(await commitFromOutside(wire, '', topic, [{ offset: 1 }])).toEqual([0])
      expect(await committed(wire, '', topic)).toMatchObject({ committedOffset: 1 })
    },
  },
  {
    id: 'offset-commit/not-the-coordinator',
    api: 'OffsetCommit',
    when: 'the node does not coordinate the group',
    expect: '16 NOT_COORDINATOR for each partition',
    rule: commitGuide,
    priority: 'P0',
    nodes: 3,
    async run(ground) {
      const { wire, groupId, topic } = await outside(ground)
      const elsewhere = await ground.node((wire.nodeId % 3) + 1)
      expect(await commitFromOutside(elsewhere, groupId, topic, [{ offset: 1 }, { index: 1, offset: 1 }])).toEqual([
        16, 16,
      ])
    },
  },
  {
    id: 'offset-fetch/nothing-committed',
    api: 'OffsetFetch',
    when: 'the group never committed the partition, or does not exist',
    expect: '0 with offset −1, leader epoch −1 and empty metadata',
    rule: 'seen on 4.3.1',
    priority: 'P0',
    async run(ground) {
      const { wire, groupId, topic } = await outside(ground)
      const nothing = { committedOffset: -1, metadata: '', leaderEpoch: -1 }
      expect(await committed(wire, groupId, topic)).toEqual(nothing)
      await commitFromOutside(wire, groupId, topic, [{ index: 1, offset: 1 }])
      expect(await committed(wire, groupId, topic)).toEqual(nothing)
    },
  },
  {
    id: 'offset-fetch/all-of-a-group',
    api: 'OffsetFetch',
    when: 'no topics are named (null), version 2 and later',
    expect: 'every committed partition and no other',
    rule: 'KIP-88',
    priority: 'P0',
    async run(ground) {
      const { wire, groupId, topic } = await outside(ground)
      await commitFromOutside(wire, groupId, topic, [{ index: 1, offset: 5 }])
      const answer = await wire.call('OffsetFetch', 7, { groupId, topics: null })
      expect(answer).toMatchObject({
        errorCode: 0,
        topics: [{ name: topic, partitions: [{ partitionIndex: 1, committedOffset: 5, errorCode: 0 }] }],
      })
    },
  },
  {
    id: 'offset-fetch/several-groups-at-once',
    api: 'OffsetFetch',
    when: 'two groups are asked for, one with topics and one without, version 8',
    expect: 'each group with its own offsets',
    rule: 'KIP-709',
    priority: 'P0',
    async run(ground) {
      const { wire, groupId, topic } = await outside(ground)
      const other = ground.name('group')
      const otherWire = await ground.coordinator(other)
      await commitFromOutside(wire, groupId, topic, [{ offset: 1 }])
      await commitFromOutside(otherWire, other, topic, [{ offset: 2 }])
      const topics = [{ name: topic, partitionIndexes: [0] }]
      const groups = [
        { groupId, topics },
        { groupId: other, topics: null },
      ]
      const answer = await wire.call('OffsetFetch', 8, { groups })
      const found = new Map(answer.groups.map((group) => [group.groupId, group]))
      expect(found.get(groupId)?.topics[0]?.partitions[0]).toMatchObject({ committedOffset: 1, errorCode: 0 })
      const isHere = otherWire.nodeId === wire.nodeId
      if (isHere) expect(found.get(other)?.topics[0]?.partitions[0]).toMatchObject({ committedOffset: 2 })
      else expect(found.get(other)).toMatchObject({ errorCode: 16 })
    },
  },
  {
    id: 'offset-fetch/unknown-topic',
    api: 'OffsetFetch',
    when: 'the topic does not exist',
    expect: '0 with offset −1',
    rule: 'seen on 4.3.1',
    priority: 'P0',
    async run(ground) {
      const { wire, groupId } = await outside(ground)
      const name = ground.name('missing')
      const answer = await wire.call('OffsetFetch', 7, { groupId, topics: [{ name, partitionIndexes: [0] }] })
      expect(answer.topics[0]?.partitions).toMatchObject([{ committedOffset: -1, errorCode: 0 }])
    },
  },
  {
    id: 'offset-fetch/stable-offsets-without-a-transaction',
    api: 'OffsetFetch',
    when: 'stable offsets are required and no transaction is open',
    expect: '0 with the offset',
    rule: 'KIP-447',
    priority: 'P0',
    async run(ground) {
      const { wire, groupId, topic } = await outside(ground)
      await commitFromOutside(wire, groupId, topic, [{ offset: 1 }])
      const topics = [{ name: topic, partitionIndexes: [0] }]
      const answer = await wire.call('OffsetFetch', 7, { groupId, topics, requireStable: true })
      expect(answer.topics[0]?.partitions).toMatchObject([{ committedOffset: 1, errorCode: 0 }])
    },
  },
  {
    id: 'offset-fetch/deleted-topic-takes-its-offsets',
    api: 'OffsetFetch',
    when: 'the topic was deleted',
    expect: 'offset −1 before long',
    rule: 'seen on 4.3.1',
    priority: 'P1',
    async run(ground) {
      const { wire, groupId, topic } = await outside(ground)
      await commitFromOutside(wire, groupId, topic, [{ offset: 1 }])
      await wire.call('DeleteTopics', 5, { topicNames: [topic], timeoutMs: 10_000 })
      await ground.until(
        async () => (await committed(wire, groupId, topic))?.committedOffset === -1,
        'the offset is gone',
      )
    },
  },
  {
    id: 'offset-fetch/not-the-coordinator',
    api: 'OffsetFetch',
    when: 'the node does not coordinate the group, versions 5 and 8',
    expect: '16 NOT_COORDINATOR for the group',
    rule: fetchGuide,
    priority: 'P0',
    nodes: 3,
    async run(ground) {
      const { wire, groupId, topic } = await outside(ground)
      const elsewhere = await ground.node((wire.nodeId % 3) + 1)
      const topics = [{ name: topic, partitionIndexes: [0] }]
      expect((await elsewhere.call('OffsetFetch', 5, { groupId, topics })).errorCode).toBe(16)
      const answer = await elsewhere.call('OffsetFetch', 8, { groups: [{ groupId, topics }] })
      expect(answer.groups).toMatchObject([{ groupId, errorCode: 16 }])
    },
  },
]
