/** Rows about static members of classic groups (KIP-345). */

import { expect } from 'vitest'
import { type Ground, type Row } from '../row.ts'
import { ClassicMember, describedAs, loneMember, protocol, untilRebalancing } from '../steps/classic-member.ts'

const rule = 'KIP-345'
const instance = 'instance-1'

/** The only member of a stable group, a static one. */
async function loneStatic(ground: Ground): Promise<ClassicMember> {
  const member = await ClassicMember.of(ground, ground.name('group'), instance)
  await member.tryJoin()
  await member.sync({ assignments: [{ memberId: member.memberId, assignment: Buffer.from('all') }] })
  return member
}

/** Another process with the same instance id, which takes the place of the first. */
async function successor(ground: Ground, first: ClassicMember): Promise<ClassicMember> {
  const next = await ClassicMember.of(ground, first.groupId, instance)
  await next.tryJoin()
  return next
}

export const classicStaticRows: readonly Row[] = [
  {
    id: 'join-group/static-member-needs-no-id',
    api: 'JoinGroup',
    when: 'a static member joins for the first time without an id',
    expect: '0 at once, no 79; the leader hears its instance id',
    rule,
    priority: 'P0',
    async run(ground) {
      const member = await ClassicMember.of(ground, ground.name('group'), instance)
      const answer = await member.tryJoin()
      expect(answer).toMatchObject({ errorCode: 0, generationId: 1 })
      expect(answer.members).toMatchObject([{ memberId: member.memberId, groupInstanceId: instance }])
    },
  },
  {
    id: 'join-group/static-member-comes-back-without-rebalance',
    api: 'JoinGroup',
    when: 'the same instance joins again without its id and with the same subscription, the group is stable',
    expect: '0 with the same generation and a new member id; its assignment is the old one',
    rule,
    priority: 'P0',
    async run(ground) {
      const first = await loneStatic(ground)
      const next = await ClassicMember.of(ground, first.groupId, instance)
      expect(await next.tryJoin()).toMatchObject({ errorCode: 0, generationId: first.generationId })
      expect(next.memberId).not.toBe(first.memberId)
      expect((await next.sync()).assignment.toString()).toBe('all')
    },
  },
  {
    id: 'join-group/static-leader-that-comes-back-skips-the-assignment',
    api: 'JoinGroup',
    when: 'the leader is a static member and comes back, version 9',
    expect: '0, it leads on, skipAssignment is true and it hears the members',
    rule: 'KIP-814',
    priority: 'P0',
    async run(ground) {
      const first = await loneStatic(ground)
      const next = await ClassicMember.of(ground, first.groupId, instance)
      const answer = await next.tryJoin({}, 9)
      expect(answer).toMatchObject({ errorCode: 0, skipAssignment: true, leader: next.memberId })
      expect(answer.members).toHaveLength(1)
    },
  },
  {
    id: 'join-group/static-leader-that-comes-back-with-an-old-version',
    api: 'JoinGroup',
    when: 'the leader is a static member and comes back, version 8',
    expect: '0, and it is told that its former id leads, so that it computes no assignment',
    rule: 'KIP-345, KIP-814',
    priority: 'P0',
    async run(ground) {
      const first = await loneStatic(ground)
      const next = await ClassicMember.of(ground, first.groupId, instance)
      const answer = await next.tryJoin({}, 8)
      expect(answer).toMatchObject({ errorCode: 0, leader: first.memberId, members: [] })
    },
  },
  {
    id: 'join-group/static-member-with-another-protocol-rebalances',
    api: 'JoinGroup',
    when: 'the same instance comes back and the group would choose another protocol',
    expect: '0 in the next generation',
    rule,
    priority: 'P1',
    async run(ground) {
      const first = await loneStatic(ground)
      const next = await ClassicMember.of(ground, first.groupId, instance)
      const answer = await next.tryJoin({ protocols: [protocol('sticky'), protocol('range')] })
      expect(answer).toMatchObject({ errorCode: 0, generationId: 2, protocolName: 'sticky' })
    },
  },
  {
    id: 'join-group/fenced-instance',
    api: 'JoinGroup',
    when: 'a member joins with the instance id of another member id',
    expect: '82 FENCED_INSTANCE_ID',
    rule,
    priority: 'P0',
    async run(ground) {
      const first = await loneStatic(ground)
      await successor(ground, first)
      expect((await first.tryJoin()).errorCode).toBe(82)
    },
  },
  {
    id: 'join-group/unknown-instance-with-a-member-id',
    api: 'JoinGroup',
    when: 'a member id and an instance id are sent and the group does not know the instance',
    expect: '25 UNKNOWN_MEMBER_ID',
    rule,
    priority: 'P0',
    async run(ground) {
      const first = await loneStatic(ground)
      expect((await first.tryJoin({ groupInstanceId: 'instance-2' })).errorCode).toBe(25)
    },
  },
  {
    id: 'sync-group/fenced-instance',
    api: 'SyncGroup',
    when: 'another process took the place of the instance',
    expect: '82 FENCED_INSTANCE_ID for the former',
    rule,
    priority: 'P0',
    async run(ground) {
      const first = await loneStatic(ground)
      await successor(ground, first)
      expect((await first.sync()).errorCode).toBe(82)
    },
  },
  {
    id: 'heartbeat/fenced-instance',
    api: 'Heartbeat',
    when: 'another process took the place of the instance',
    expect: '82 FENCED_INSTANCE_ID for the former, 0 for the new one',
    rule,
    priority: 'P0',
    async run(ground) {
      const first = await loneStatic(ground)
      const next = await successor(ground, first)
      expect([await first.heartbeat(), await next.heartbeat()]).toEqual([82, 0])
    },
  },
  {
    id: 'heartbeat/unknown-instance',
    api: 'Heartbeat',
    when: 'the group does not know the instance',
    expect: '25 UNKNOWN_MEMBER_ID',
    rule,
    priority: 'P0',
    async run(ground) {
      const first = await loneStatic(ground)
      expect(await first.heartbeat({ groupInstanceId: 'instance-2' })).toBe(25)
    },
  },
  {
    id: 'heartbeat/static-member-that-is-silent-is-dropped',
    api: 'Heartbeat',
    when: 'a static member is silent for longer than its session timeout',
    expect: '25 UNKNOWN_MEMBER_ID: it is no member any more',
    rule: 'KIP-345: static members leave by their session only',
    priority: 'P1',
    async run(ground) {
      const groupId = ground.name('group')
      const member = await ClassicMember.of(ground, groupId, instance)
      await member.tryJoin({ sessionTimeoutMs: 200 })
      await member.sync({ assignments: [] })
      await describedAs(ground, groupId, 'Empty', 0)
      expect(await member.heartbeat()).toBe(25)
    },
  },
  {
    id: 'offset-commit/fenced-instance',
    api: 'OffsetCommit',
    when: 'another process took the place of the instance',
    expect: '82 FENCED_INSTANCE_ID for the former, whose commit has no effect; 0 for the new one',
    rule,
    priority: 'P0',
    async run(ground) {
      const topic = await ground.topic()
      const first = await loneStatic(ground)
      const next = await successor(ground, first)
      expect(await next.commit(topic, 5)).toBe(0)
      expect(await first.commit(topic, 3)).toBe(82)
      const topics = [{ name: topic, partitionIndexes: [0] }]
      const found = await next.wire.call('OffsetFetch', 7, { groupId: first.groupId, topics })
      expect(found.topics[0]?.partitions[0]?.committedOffset).toBe(5)
    },
  },
  {
    id: 'leave-group/by-instance-id',
    api: 'LeaveGroup',
    when: 'a static member is removed by its instance id alone',
    expect: '0; the member is gone',
    rule,
    priority: 'P0',
    async run(ground) {
      const { wire, groupId } = await loneStatic(ground)
      const members = [{ memberId: '', groupInstanceId: instance }]
      const answer = await wire.call('LeaveGroup', 5, { groupId, members })
      expect(answer.members).toMatchObject([{ groupInstanceId: instance, errorCode: 0 }])
      await describedAs(ground, groupId, 'Empty', 0)
    },
  },
  {
    id: 'leave-group/unknown-instance',
    api: 'LeaveGroup',
    when: 'the group does not know the instance',
    expect: '25 UNKNOWN_MEMBER_ID for that member',
    rule,
    priority: 'P0',
    async run(ground) {
      const { wire, groupId } = await loneStatic(ground)
      const members = [{ memberId: '', groupInstanceId: 'instance-2' }]
      const answer = await wire.call('LeaveGroup', 5, { groupId, members })
      expect(answer).toMatchObject({ errorCode: 0, members: [{ errorCode: 25 }] })
    },
  },
  {
    id: 'leave-group/fenced-instance',
    api: 'LeaveGroup',
    when: 'the instance id belongs to another member id',
    expect: '82 FENCED_INSTANCE_ID for that member',
    rule,
    priority: 'P0',
    async run(ground) {
      const { wire, groupId } = await loneStatic(ground)
      const members = [{ memberId: 'nobody', groupInstanceId: instance }]
      const answer = await wire.call('LeaveGroup', 5, { groupId, members })
      expect(answer).toMatchObject({ errorCode: 0, members: [{ errorCode: 82 }] })
    },
  },
  {
    id: 'join-group/static-member-does-not-hold-its-place-for-ever',
    api: 'JoinGroup',
    when: 'a static follower does not join again within the rebalance timeout and its session goes on',
    expect: 'it stays a member of the next generation and keeps its id',
    rule: 'KIP-345: a rebalance does not drop static members',
    priority: 'P1',
    async run(ground) {
      // Long enough for a busy machine to have everybody join; the last rebalance waits for all of it.
      const given = { rebalanceTimeoutMs: 2_000 }
      const leader = await loneMember(ground, ground.name('group'), given)
      const absent = await ClassicMember.of(ground, leader.groupId, instance)
      const joining = absent.tryJoin(given)
      await untilRebalancing(ground, leader)
      await Promise.all([joining, leader.join(given)])
      await Promise.all([leader.sync({ assignments: [] }), absent.sync()])
      const answer = await leader.join(given)
      expect(answer).toMatchObject({ errorCode: 0, generationId: 3 })
      expect(answer.members.map(({ memberId }) => memberId)).toContain(absent.memberId)
    },
  },
]
