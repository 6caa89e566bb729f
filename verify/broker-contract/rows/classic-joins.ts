/** Rows about JoinGroup of classic groups without static members. */

import { expect } from 'vitest'
import { type Row } from '../row.ts'
import {
  ClassicMember,
  describedAs,
  loneMember,
  protocol,
  twoMembers,
  untilRebalancing,
} from '../steps/classic-member.ts'

const guide = 'protocol guide: JoinGroup'
/** Kafka and the embedded broker allow less than this for a session, but not much. */
const tooShortMs = 5
const tooLongMs = 1_800_001

export const classicJoinRows: readonly Row[] = [
  {
    id: 'join-group/new-member-is-told-its-id',
    api: 'JoinGroup',
    when: 'a new dynamic member joins without an id, version 4 and later',
    expect: '79 MEMBER_ID_REQUIRED with an id; with it 0, generation 1',
    rule: 'KIP-394',
    priority: 'P0',
    async run(ground) {
      const member = await ClassicMember.of(ground, ground.name('group'))
      const refused = await member.tryJoin()
      expect(refused).toMatchObject({ errorCode: 79, generationId: -1 })
      expect(refused.memberId).not.toBe('')
      const joined = await member.tryJoin()
      expect(joined).toMatchObject({ errorCode: 0, generationId: 1, memberId: refused.memberId })
      expect(joined).toMatchObject({ leader: refused.memberId, protocolType: 'consumer', protocolName: 'range' })
    },
  },
  {
    id: 'join-group/old-versions-join-at-once',
    api: 'JoinGroup',
    when: 'a new member joins without an id, version 3',
    expect: '0, generation 1, with an id of the broker',
    rule: 'KIP-394: only version 4 and later',
    priority: 'P0',
    async run(ground) {
      const member = await ClassicMember.of(ground, ground.name('group'))
      const joined = await member.tryJoin({}, 3)
      expect(joined).toMatchObject({ errorCode: 0, generationId: 1, leader: joined.memberId })
      expect(joined.memberId).not.toBe('')
    },
  },
  {
    id: 'join-group/member-id-nobody-has',
    api: 'JoinGroup',
    when: 'the member id is not one of the group',
    expect: '25 UNKNOWN_MEMBER_ID',
    rule: guide,
    priority: 'P0',
    async run(ground) {
      const { groupId } = await loneMember(ground)
      const stranger = await ClassicMember.of(ground, groupId)
      expect((await stranger.tryJoin({ memberId: 'nobody' })).errorCode).toBe(25)
    },
  },
  {
    id: 'join-group/member-id-without-a-group',
    api: 'JoinGroup',
    when: 'a member id is sent and the group does not exist',
    expect: '25 UNKNOWN_MEMBER_ID',
    rule: guide,
    priority: 'P0',
    async run(ground) {
      const stranger = await ClassicMember.of(ground, ground.name('group'))
      expect((await stranger.tryJoin({ memberId: 'nobody' })).errorCode).toBe(25)
    },
  },
  {
    id: 'join-group/empty-group-id',
    api: 'JoinGroup',
    when: 'the group id is empty',
    expect: '24 INVALID_GROUP_ID',
    rule: guide,
    priority: 'P0',
    async run(ground) {
      const member = await ClassicMember.of(ground, ground.name('group'))
      expect((await member.tryJoin({ groupId: '' })).errorCode).toBe(24)
    },
  },
  ...[tooShortMs, tooLongMs].map((sessionTimeoutMs): Row => {
    const word = sessionTimeoutMs === tooShortMs ? 'short' : 'long'
    return {
      id: `join-group/session-timeout-too-${word}`,
      api: 'JoinGroup',
      when: `the session timeout is too ${word}`,
      expect: '26 INVALID_SESSION_TIMEOUT',
      rule: 'group.min.session.timeout.ms, group.max.session.timeout.ms',
      priority: 'P0',
      async run(ground) {
        const member = await ClassicMember.of(ground, ground.name('group'))
        expect((await member.tryJoin({ sessionTimeoutMs })).errorCode).toBe(26)
      },
    }
  }),
  {
    id: 'join-group/no-protocols',
    api: 'JoinGroup',
    when: 'a member offers no protocol',
    expect: '23 INCONSISTENT_GROUP_PROTOCOL',
    rule: guide,
    priority: 'P0',
    async run(ground) {
      const member = await ClassicMember.of(ground, ground.name('group'))
      expect((await member.tryJoin({ protocols: [] })).errorCode).toBe(23)
    },
  },
  {
    id: 'join-group/empty-protocol-type',
    api: 'JoinGroup',
    when: 'the protocol type is empty',
    expect: '23 INCONSISTENT_GROUP_PROTOCOL',
    rule: guide,
    priority: 'P0',
    async run(ground) {
      const member = await ClassicMember.of(ground, ground.name('group'))
      expect((await member.tryJoin({ protocolType: '' })).errorCode).toBe(23)
    },
  },
  {
    id: 'join-group/other-protocol-type',
    api: 'JoinGroup',
    when: 'the group has members of another protocol type',
    expect: '23 INCONSISTENT_GROUP_PROTOCOL; the group is not disturbed',
    rule: guide,
    priority: 'P0',
    async run(ground) {
      const member = await loneMember(ground)
      const other = await ClassicMember.of(ground, member.groupId)
      expect((await other.tryJoin({ protocolType: 'connect' })).errorCode).toBe(23)
      expect(await member.heartbeat()).toBe(0)
    },
  },
  {
    id: 'join-group/no-protocol-in-common',
    api: 'JoinGroup',
    when: 'no protocol is known to all members',
    expect: '23 INCONSISTENT_GROUP_PROTOCOL; the group is not disturbed',
    rule: 'seen on 4.3.1',
    priority: 'P0',
    async run(ground) {
      const member = await loneMember(ground)
      const other = await ClassicMember.of(ground, member.groupId)
      expect((await other.tryJoin({ protocols: [protocol('sticky')] })).errorCode).toBe(23)
      expect(await member.heartbeat()).toBe(0)
    },
  },
  {
    id: 'join-group/group-takes-a-protocol-that-all-have',
    api: 'JoinGroup',
    when: 'members offer several protocols and only one is common to all',
    expect: 'that protocol, and the leader gets the metadata that belongs to it',
    rule: 'KIP-62 and before: the protocol is chosen by vote among the common ones',
    priority: 'P0',
    async run(ground) {
      const first = await ClassicMember.of(ground, ground.name('group'))
      const protocols = [protocol('sticky', 'a'), protocol('range', 'b')]
      await first.join({ protocols })
      const second = await ClassicMember.of(ground, first.groupId)
      const joining = second.join({ protocols: [protocol('range', 'c')] })
      await untilRebalancing(ground, first)
      const [other, led] = await Promise.all([joining, first.join({ protocols })])
      expect([other.protocolName, led.protocolName]).toEqual(['range', 'range'])
      const metadata = new Map(led.members.map((member) => [member.memberId, member.metadata.toString('hex')]))
      expect(metadata.get(first.memberId)).toBe(protocol('range', 'b').metadata.toString('hex'))
      expect(metadata.get(second.memberId)).toBe(protocol('range', 'c').metadata.toString('hex'))
    },
  },
  {
    id: 'join-group/members-vote-for-what-they-name-first',
    api: 'JoinGroup',
    when: 'two protocols are common to all and most members name the second first',
    expect: 'the one that more members prefer',
    rule: 'KIP-62 and before: the protocol is chosen by vote among the common ones',
    priority: 'P0',
    async run(ground) {
      const first = await ClassicMember.of(ground, ground.name('group'))
      const ranged = [protocol('range'), protocol('sticky')]
      const sticky = [protocol('sticky'), protocol('range')]
      await first.join({ protocols: ranged })
      const others = [await ClassicMember.of(ground, first.groupId), await ClassicMember.of(ground, first.groupId)]
      const joining = others.map((each) => each.join({ protocols: sticky }))
      await describedAs(ground, first.groupId, 'PreparingRebalance', 3)
      const answers = await Promise.all([...joining, first.join({ protocols: ranged })])
      expect(answers.map(({ protocolName }) => protocolName)).toEqual(['sticky', 'sticky', 'sticky'])
    },
  },
  {
    id: 'join-group/only-the-leader-hears-of-members',
    api: 'JoinGroup',
    when: 'two members have joined',
    expect: 'both in one generation with one leader; the list of members goes to the leader only',
    rule: guide,
    priority: 'P0',
    async run(ground) {
      const first = await loneMember(ground)
      const second = await ClassicMember.of(ground, first.groupId)
      const joining = second.join()
      await untilRebalancing(ground, first)
      const [follower, leader] = await Promise.all([joining, first.join()])
      expect(follower).toMatchObject({ generationId: 2, leader: first.memberId, members: [] })
      expect(leader).toMatchObject({ generationId: 2, leader: first.memberId })
      expect(leader.members.map(({ memberId }) => memberId).toSorted()).toEqual(
        [first.memberId, second.memberId].toSorted(),
      )
    },
  },
  {
    id: 'join-group/follower-that-joins-again-changes-nothing',
    api: 'JoinGroup',
    when: 'a follower of a stable group joins again with the same subscription',
    expect: '0 at once with the same generation; the leader goes on',
    rule: guide,
    priority: 'P0',
    async run(ground) {
      const [leader, follower] = await twoMembers(ground)
      expect(await follower.tryJoin()).toMatchObject({ errorCode: 0, generationId: 2, leader: leader.memberId })
      expect(await leader.heartbeat()).toBe(0)
    },
  },
  {
    id: 'join-group/follower-with-another-subscription-rebalances',
    api: 'JoinGroup',
    when: 'a follower of a stable group joins again with another subscription',
    expect: 'a rebalance: the leader hears 27, then both are in the next generation',
    rule: guide,
    priority: 'P0',
    async run(ground) {
      const [leader, follower] = await twoMembers(ground)
      const joining = follower.tryJoin({ protocols: [protocol('range', 'other')] })
      await untilRebalancing(ground, leader)
      const answers = await Promise.all([joining, leader.tryJoin()])
      expect(answers.map(({ generationId }) => generationId)).toEqual([3, 3])
    },
  },
  {
    id: 'join-group/leader-that-joins-again-rebalances',
    api: 'JoinGroup',
    when: 'the leader of a stable group joins again with the same subscription',
    expect: 'a rebalance: the follower hears 27, then both are in the next generation',
    rule: guide,
    priority: 'P0',
    async run(ground) {
      const [leader, follower] = await twoMembers(ground)
      const joining = leader.tryJoin()
      await untilRebalancing(ground, follower)
      const answers = await Promise.all([joining, follower.tryJoin()])
      expect(answers.map(({ generationId }) => generationId)).toEqual([3, 3])
    },
  },
  {
    id: 'join-group/answer-that-was-lost-is-given-again',
    api: 'JoinGroup',
    when: 'a member joins again with the same subscription before anybody has synced',
    expect: '0 with the same generation',
    rule: guide,
    priority: 'P0',
    async run(ground) {
      const member = await ClassicMember.of(ground, ground.name('group'))
      await member.join()
      expect(await member.tryJoin()).toMatchObject({ errorCode: 0, generationId: 1, leader: member.memberId })
    },
  },
  {
    id: 'join-group/member-that-stays-away-is-dropped',
    api: 'JoinGroup',
    when: 'a member does not join again within the rebalance timeout',
    expect: 'the others go on without it; its heartbeat and its join with the old id: 25 UNKNOWN_MEMBER_ID',
    rule: 'KIP-62; seen on 4.3.1',
    priority: 'P0',
    async run(ground) {
      const given = { rebalanceTimeoutMs: 300 }
      const first = await loneMember(ground, ground.name('group'), given)
      const second = await ClassicMember.of(ground, first.groupId)
      const joined = await second.join(given)
      expect(joined).toMatchObject({ errorCode: 0, generationId: 2, leader: second.memberId })
      expect(joined.members.map(({ memberId }) => memberId)).toEqual([second.memberId])
      expect(await first.heartbeat()).toBe(25)
      expect((await first.tryJoin()).errorCode).toBe(25)
    },
  },
  {
    id: 'join-group/id-that-was-given-and-not-used-holds-the-group-up',
    api: 'JoinGroup',
    when: 'one member was told its id and has not come back, and another joins',
    expect: 'the other waits; it is answered when the first leaves',
    rule: 'KIP-394: pending members',
    priority: 'P1',
    async run(ground) {
      const first = await loneMember(ground)
      const pending = await ClassicMember.of(ground, first.groupId)
      expect((await pending.tryJoin()).errorCode).toBe(79)
      let isAnswered = false
      const joining = first.tryJoin().then((answer) => {
        isAnswered = true
        return answer
      })
      const looker = await ClassicMember.of(ground, first.groupId)
      looker.memberId = first.memberId
      looker.generationId = 1
      await untilRebalancing(ground, looker)
      expect(isAnswered).toBe(false)
      expect(await pending.leave()).toBe(0)
      expect(await joining).toMatchObject({ errorCode: 0, generationId: 2 })
    },
  },
  {
    id: 'join-group/not-the-coordinator',
    api: 'JoinGroup',
    when: 'the node does not coordinate the group',
    expect: '16 NOT_COORDINATOR',
    rule: guide,
    priority: 'P0',
    nodes: 3,
    async run(ground) {
      const groupId = ground.name('group')
      const { nodeId } = await ground.coordinator(groupId)
      const stranger = new ClassicMember(await ground.node((nodeId % 3) + 1), groupId)
      expect((await stranger.tryJoin()).errorCode).toBe(16)
    },
  },
]
