/** Rows about SyncGroup, Heartbeat and LeaveGroup of classic groups without static members. */

import { expect } from 'vitest'
import { type Row } from '../row.ts'
import { ClassicMember, describedAs, loneMember, twoMembers, untilRebalancing } from '../steps/classic-member.ts'

const syncGuide = 'protocol guide: SyncGroup'
const beatGuide = 'protocol guide: Heartbeat'
const leaveGuide = 'protocol guide: LeaveGroup'

export const classicSessionRows: readonly Row[] = [
  {
    id: 'sync-group/hands-out-what-the-leader-decided',
    api: 'SyncGroup',
    when: 'a follower asks before the leader has sent the assignment',
    expect: 'it waits, then each member gets its own part; protocol type and name are told (5+)',
    rule: `${syncGuide}; KIP-559`,
    priority: 'P0',
    async run(ground) {
      const first = await loneMember(ground)
      const second = await ClassicMember.of(ground, first.groupId)
      const joining = second.join()
      await untilRebalancing(ground, first)
      await Promise.all([joining, first.join()])
      const waiting = second.sync()
      const assignments = [
        { memberId: first.memberId, assignment: Buffer.from('one') },
        { memberId: second.memberId, assignment: Buffer.from('two') },
      ]
      const led = await first.sync({ assignments })
      const followed = await waiting
      expect([led.assignment.toString(), followed.assignment.toString()]).toEqual(['one', 'two'])
      expect(followed).toMatchObject({ errorCode: 0, protocolType: 'consumer', protocolName: 'range' })
    },
  },
  {
    id: 'sync-group/a-member-without-a-part-gets-none',
    api: 'SyncGroup',
    when: 'the leader assigns nothing to a member',
    expect: '0 with an empty assignment',
    rule: syncGuide,
    priority: 'P0',
    async run(ground) {
      const member = await ClassicMember.of(ground, ground.name('group'))
      await member.join()
      const answer = await member.sync({ assignments: [] })
      expect(answer).toMatchObject({ errorCode: 0 })
      expect(answer.assignment).toHaveLength(0)
    },
  },
  {
    id: 'sync-group/again-in-a-stable-group',
    api: 'SyncGroup',
    when: 'the group is stable and a member asks again, with another assignment',
    expect: '0 with the assignment that it has; what is sent is ignored',
    rule: syncGuide,
    priority: 'P0',
    async run(ground) {
      const member = await loneMember(ground)
      const answer = await member.sync({ assignments: [{ memberId: member.memberId, assignment: Buffer.from('new') }] })
      expect([answer.errorCode, answer.assignment.toString()]).toEqual([0, 'all'])
    },
  },
  {
    id: 'sync-group/unknown-member',
    api: 'SyncGroup',
    when: 'the member id is not one of the group',
    expect: '25 UNKNOWN_MEMBER_ID',
    rule: syncGuide,
    priority: 'P0',
    async run(ground) {
      const member = await loneMember(ground)
      expect((await member.sync({ memberId: 'nobody' })).errorCode).toBe(25)
    },
  },
  {
    id: 'sync-group/unknown-group',
    api: 'SyncGroup',
    when: 'the group does not exist',
    expect: '25 UNKNOWN_MEMBER_ID',
    rule: syncGuide,
    priority: 'P0',
    async run(ground) {
      const member = await ClassicMember.of(ground, ground.name('group'))
      expect((await member.sync({ memberId: 'nobody', generationId: 1 })).errorCode).toBe(25)
    },
  },
  {
    id: 'sync-group/empty-group-id',
    api: 'SyncGroup',
    when: 'the group id is empty',
    expect: '24 INVALID_GROUP_ID',
    rule: syncGuide,
    priority: 'P0',
    async run(ground) {
      const member = await loneMember(ground)
      expect((await member.sync({ groupId: '' })).errorCode).toBe(24)
    },
  },
  ...[-1, 1].map((difference): Row => {
    const word = difference < 0 ? 'past' : 'future'
    return {
      id: `sync-group/${word}-generation`,
      api: 'SyncGroup',
      when: `the generation is a ${word} one`,
      expect: '22 ILLEGAL_GENERATION',
      rule: syncGuide,
      priority: 'P0',
      async run(ground) {
        const member = await loneMember(ground)
        const answer = await member.sync({ generationId: member.generationId + difference })
        expect(answer.errorCode).toBe(22)
      },
    }
  }),
  {
    id: 'sync-group/other-protocol-name',
    api: 'SyncGroup',
    when: 'the protocol name is not the one of the group',
    expect: '23 INCONSISTENT_GROUP_PROTOCOL',
    rule: 'KIP-559',
    priority: 'P0',
    async run(ground) {
      const member = await loneMember(ground)
      expect((await member.sync({ protocolName: 'sticky' })).errorCode).toBe(23)
    },
  },
  {
    id: 'sync-group/other-protocol-type',
    api: 'SyncGroup',
    when: 'the protocol type is not the one of the group',
    expect: '23 INCONSISTENT_GROUP_PROTOCOL',
    rule: 'KIP-559',
    priority: 'P0',
    async run(ground) {
      const member = await loneMember(ground)
      expect((await member.sync({ protocolType: 'connect' })).errorCode).toBe(23)
    },
  },
  {
    id: 'sync-group/while-the-group-rebalances',
    api: 'SyncGroup',
    when: 'the group waits for its members to join again',
    expect: '27 REBALANCE_IN_PROGRESS',
    rule: syncGuide,
    priority: 'P0',
    async run(ground) {
      const member = await loneMember(ground)
      const second = await ClassicMember.of(ground, member.groupId)
      const joining = second.join()
      await untilRebalancing(ground, member)
      expect((await member.sync()).errorCode).toBe(27)
      await Promise.all([joining, member.join()])
    },
  },
  {
    id: 'sync-group/a-new-rebalance-ends-the-wait',
    api: 'SyncGroup',
    when: 'a follower waits for its assignment and a third member joins',
    expect: '27 REBALANCE_IN_PROGRESS for the follower',
    rule: syncGuide,
    priority: 'P0',
    async run(ground) {
      const first = await loneMember(ground)
      const second = await ClassicMember.of(ground, first.groupId)
      const joining = second.join()
      await untilRebalancing(ground, first)
      await Promise.all([joining, first.join()])
      const waiting = second.sync()
      const third = await ClassicMember.of(ground, first.groupId)
      const joins = third.join()
      expect((await waiting).errorCode).toBe(27)
      const answers = await Promise.all([joins, first.join(), second.join()])
      expect(answers.map(({ generationId }) => generationId)).toEqual([3, 3, 3])
    },
  },
  {
    id: 'sync-group/a-member-that-never-syncs-is-dropped',
    api: 'SyncGroup',
    when: 'a member joins and does not sync within the rebalance timeout',
    expect: 'it is no member any more: its heartbeat gets 25 UNKNOWN_MEMBER_ID',
    rule: 'KIP-735 and KAFKA-9752: pending syncs expire',
    priority: 'P1',
    async run(ground) {
      const member = await ClassicMember.of(ground, ground.name('group'))
      await member.join({ rebalanceTimeoutMs: 200 })
      await ground.until(async () => (await member.heartbeat()) === 25, 'the member is dropped')
    },
  },
  {
    id: 'sync-group/not-the-coordinator',
    api: 'SyncGroup',
    when: 'the node does not coordinate the group',
    expect: '16 NOT_COORDINATOR',
    rule: syncGuide,
    priority: 'P0',
    nodes: 3,
    async run(ground) {
      const member = await loneMember(ground)
      const elsewhere = new ClassicMember(await ground.node((member.wire.nodeId % 3) + 1), member.groupId)
      expect((await elsewhere.sync({ memberId: member.memberId, generationId: 1 })).errorCode).toBe(16)
    },
  },
  {
    id: 'heartbeat/of-a-stable-group',
    api: 'Heartbeat',
    when: 'the group is stable',
    expect: '0 NONE',
    rule: beatGuide,
    priority: 'P0',
    async run(ground) {
      const member = await loneMember(ground)
      expect(await member.heartbeat()).toBe(0)
    },
  },
  {
    id: 'heartbeat/between-join-and-sync',
    api: 'Heartbeat',
    when: 'the group waits for the assignment',
    expect: '0 NONE with the new generation, 22 ILLEGAL_GENERATION with the old one',
    rule: 'seen on 4.3.1',
    priority: 'P0',
    async run(ground) {
      const member = await loneMember(ground)
      const second = await ClassicMember.of(ground, member.groupId)
      const joining = second.join()
      await untilRebalancing(ground, member)
      await Promise.all([joining, member.join()])
      expect(await member.heartbeat()).toBe(0)
      expect(await member.heartbeat({ generationId: 1 })).toBe(22)
    },
  },
  {
    id: 'heartbeat/while-the-group-rebalances',
    api: 'Heartbeat',
    when: 'the group waits for its members to join again',
    expect: '27 REBALANCE_IN_PROGRESS, as often as it is asked',
    rule: beatGuide,
    priority: 'P0',
    async run(ground) {
      const member = await loneMember(ground)
      const second = await ClassicMember.of(ground, member.groupId)
      const joining = second.join()
      await untilRebalancing(ground, member)
      expect([await member.heartbeat(), await member.heartbeat()]).toEqual([27, 27])
      await Promise.all([joining, member.join()])
    },
  },
  {
    id: 'heartbeat/unknown-group',
    api: 'Heartbeat',
    when: 'the group does not exist',
    expect: '25 UNKNOWN_MEMBER_ID',
    rule: 'seen on 4.3.1',
    priority: 'P0',
    async run(ground) {
      const member = await ClassicMember.of(ground, ground.name('group'))
      expect(await member.heartbeat({ memberId: 'nobody', generationId: 1 })).toBe(25)
    },
  },
  {
    id: 'heartbeat/unknown-member',
    api: 'Heartbeat',
    when: 'the member id is not one of the group',
    expect: '25 UNKNOWN_MEMBER_ID',
    rule: beatGuide,
    priority: 'P0',
    async run(ground) {
      const member = await loneMember(ground)
      expect(await member.heartbeat({ memberId: 'nobody' })).toBe(25)
    },
  },
  {
    id: 'heartbeat/empty-group-id',
    api: 'Heartbeat',
    when: 'the group id is empty',
    expect: '24 INVALID_GROUP_ID',
    rule: beatGuide,
    priority: 'P0',
    async run(ground) {
      const member = await loneMember(ground)
      expect(await member.heartbeat({ groupId: '' })).toBe(24)
    },
  },
  ...[-1, 1].map((difference): Row => {
    const word = difference < 0 ? 'past' : 'future'
    return {
      id: `heartbeat/${word}-generation`,
      api: 'Heartbeat',
      when: `the generation is a ${word} one`,
      expect: '22 ILLEGAL_GENERATION',
      rule: beatGuide,
      priority: 'P0',
      async run(ground) {
        const member = await loneMember(ground)
        expect(await member.heartbeat({ generationId: member.generationId + difference })).toBe(22)
      },
    }
  }),
  {
    id: 'heartbeat/session-that-ends-frees-the-group',
    api: 'Heartbeat',
    when: 'one of two members is silent for longer than its session timeout',
    expect: 'the other hears 27 and goes on alone; the silent one gets 25 UNKNOWN_MEMBER_ID',
    rule: 'session.timeout.ms',
    priority: 'P0',
    async run(ground) {
      const first = await loneMember(ground)
      const silent = await ClassicMember.of(ground, first.groupId)
      const joining = silent.join({ sessionTimeoutMs: 300 })
      await untilRebalancing(ground, first)
      await Promise.all([joining, first.join()])
      await Promise.all([first.sync({ assignments: [] }), silent.sync()])
      await untilRebalancing(ground, first)
      expect(await first.join()).toMatchObject({ errorCode: 0, generationId: 3 })
      expect(await silent.heartbeat()).toBe(25)
    },
  },
  {
    id: 'heartbeat/not-the-coordinator',
    api: 'Heartbeat',
    when: 'the node does not coordinate the group',
    expect: '16 NOT_COORDINATOR',
    rule: beatGuide,
    priority: 'P0',
    nodes: 3,
    async run(ground) {
      const member = await loneMember(ground)
      const elsewhere = new ClassicMember(await ground.node((member.wire.nodeId % 3) + 1), member.groupId)
      expect(await elsewhere.heartbeat({ memberId: member.memberId, generationId: 1 })).toBe(16)
    },
  },
  {
    id: 'leave-group/the-last-member-leaves-an-empty-group',
    api: 'LeaveGroup',
    when: 'the only member leaves',
    expect: '0; its heartbeat gets 25 UNKNOWN_MEMBER_ID and the group is Empty',
    rule: leaveGuide,
    priority: 'P0',
    async run(ground) {
      const member = await loneMember(ground)
      expect(await member.leave()).toBe(0)
      expect(await member.heartbeat()).toBe(25)
      await describedAs(ground, member.groupId, 'Empty', 0)
    },
  },
  {
    id: 'leave-group/the-others-rebalance',
    api: 'LeaveGroup',
    when: 'one of two members leaves',
    expect: 'the other hears 27 and goes on alone in the next generation',
    rule: leaveGuide,
    priority: 'P0',
    async run(ground) {
      const [leader, follower] = await twoMembers(ground)
      expect(await leader.leave()).toBe(0)
      await untilRebalancing(ground, follower)
      expect(await follower.tryJoin()).toMatchObject({ errorCode: 0, generationId: 3, leader: follower.memberId })
    },
  },
  {
    id: 'leave-group/unknown-member',
    api: 'LeaveGroup',
    when: 'the member id is not one of the group, version 2',
    expect: '25 UNKNOWN_MEMBER_ID',
    rule: leaveGuide,
    priority: 'P0',
    async run(ground) {
      const { wire, groupId } = await loneMember(ground)
      expect((await wire.call('LeaveGroup', 2, { groupId, memberId: 'nobody' })).errorCode).toBe(25)
    },
  },
  {
    id: 'leave-group/unknown-group',
    api: 'LeaveGroup',
    when: 'the group does not exist, versions 2 and 5',
    expect: '25 UNKNOWN_MEMBER_ID: for the request in version 2, for each member in version 5',
    rule: 'KIP-345; seen on 4.3.1',
    priority: 'P0',
    async run(ground) {
      const groupId = ground.name('group')
      const wire = await ground.coordinator(groupId)
      expect((await wire.call('LeaveGroup', 2, { groupId, memberId: 'nobody' })).errorCode).toBe(25)
      const answer = await wire.call('LeaveGroup', 5, { groupId, members: [{ memberId: 'nobody' }] })
      expect(answer).toMatchObject({ errorCode: 0, members: [{ memberId: 'nobody', errorCode: 25 }] })
    },
  },
  {
    id: 'leave-group/several-members-at-once',
    api: 'LeaveGroup',
    when: 'a member and a stranger leave in one request, version 5',
    expect: '0 for the request; 0 for the member, 25 UNKNOWN_MEMBER_ID for the stranger',
    rule: 'KIP-345',
    priority: 'P0',
    async run(ground) {
      const { wire, groupId, memberId } = await loneMember(ground)
      const answer = await wire.call('LeaveGroup', 5, { groupId, members: [{ memberId }, { memberId: 'nobody' }] })
      expect(answer.errorCode).toBe(0)
      expect(answer.members.map((member) => member.errorCode)).toEqual([0, 25])
    },
  },
  {
    id: 'leave-group/empty-group-id',
    api: 'LeaveGroup',
    when: 'the group id is empty',
    expect: '24 INVALID_GROUP_ID',
    rule: leaveGuide,
    priority: 'P0',
    async run(ground) {
      const { wire, memberId } = await loneMember(ground)
      expect((await wire.call('LeaveGroup', 2, { groupId: '', memberId })).errorCode).toBe(24)
    },
  },
  {
    id: 'leave-group/not-the-coordinator',
    api: 'LeaveGroup',
    when: 'the node does not coordinate the group',
    expect: '16 NOT_COORDINATOR',
    rule: leaveGuide,
    priority: 'P0',
    nodes: 3,
    async run(ground) {
      const { groupId, memberId, wire } = await loneMember(ground)
      const elsewhere = await ground.node((wire.nodeId % 3) + 1)
      expect((await elsewhere.call('LeaveGroup', 2, { groupId, memberId })).errorCode).toBe(16)
    },
  },
]
