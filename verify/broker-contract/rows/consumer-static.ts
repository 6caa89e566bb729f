/** Static members of consumer groups: who owns an instance id, and how it is handed on. */

import { expect } from 'vitest'
import { type Ground, type Row } from '../row.ts'
import { configureGroup, ConsumerMember, indexes, settled } from '../steps/consumer-member.ts'

const rule = 'KIP-848, static membership'

async function staticMember(ground: Ground, topic: string): Promise<ConsumerMember> {
  const member = await ConsumerMember.of(ground, ground.name('group'), ground.name('instance'))
  await member.join([topic])
  await settled(ground, member)
  return member
}

export const consumerStaticRows: readonly Row[] = [
  {
    id: 'consumer-group-heartbeat/unreleased-instance',
    api: 'ConsumerGroupHeartbeat',
    when: 'somebody joins with the instance id of a member that is there, under another member id or the same',
    expect: '111 UNRELEASED_INSTANCE_ID; the owner is not disturbed',
    rule,
    priority: 'P0',
    async run(ground) {
      const topic = await ground.topic()
      const owner = await staticMember(ground, topic)
      expect((await owner.other(owner.instanceId).join([topic])).errorCode).toBe(111)
      expect((await owner.join([topic])).errorCode).toBe(111)
      expect((await owner.heartbeat()).errorCode).toBe(0)
    },
  },
  {
    id: 'consumer-group-heartbeat/fenced-instance',
    api: 'ConsumerGroupHeartbeat',
    when: 'a member id speaks for an instance that belongs to another',
    expect: '82 FENCED_INSTANCE_ID to a heartbeat, to leaving and to going away',
    rule,
    priority: 'P0',
    async run(ground) {
      const owner = await staticMember(ground, await ground.topic())
      const other = owner.other(owner.instanceId)
      for (const memberEpoch of [owner.epoch, -1, -2]) {
        expect((await other.heartbeat({ memberEpoch })).errorCode).toBe(82)
      }
    },
  },
  {
    id: 'consumer-group-heartbeat/unknown-instance',
    api: 'ConsumerGroupHeartbeat',
    when: 'a heartbeat with an epoch names an instance id that the group does not know',
    expect: '25 UNKNOWN_MEMBER_ID, also to going away',
    rule,
    priority: 'P0',
    async run(ground) {
      const owner = await staticMember(ground, await ground.topic())
      for (const memberEpoch of [owner.epoch, -2]) {
        expect((await owner.heartbeat({ memberEpoch, instanceId: 'nobody' })).errorCode).toBe(25)
      }
    },
  },
  {
    id: 'consumer-group-heartbeat/static-member-may-leave-its-instance-out',
    api: 'ConsumerGroupHeartbeat',
    when: 'a static member sends a heartbeat without its instance id',
    expect: '0',
    rule: 'seen on 4.3.1',
    priority: 'P1',
    async run(ground) {
      const owner = await staticMember(ground, await ground.topic())
      expect((await owner.heartbeat({ instanceId: null })).errorCode).toBe(0)
    },
  },
  {
    id: 'consumer-group-heartbeat/static-member-goes-away',
    api: 'ConsumerGroupHeartbeat',
    when: 'a static member sends epoch −2',
    expect: '0 with epoch −2; the group keeps its epoch and the member its partitions, and only epoch −2 is served',
    rule,
    priority: 'P0',
    async run(ground) {
      const owner = await staticMember(ground, await ground.topic(2))
      const [epoch, before] = [owner.epoch, await owner.describe()]
      expect(await owner.leave(-2)).toMatchObject({ errorCode: 0, memberEpoch: -2 })
      const group = await owner.describe()
      expect([group.groupState, group.groupEpoch]).toEqual(['Reconciling', before.groupEpoch])
      expect(group.members[0]).toMatchObject({ memberEpoch: -2, assignment: before.members[0]?.assignment })
      expect((await owner.heartbeat({ memberEpoch: epoch })).errorCode).toBe(110)
      expect((await owner.leave(-2)).errorCode).toBe(0)
    },
  },
  {
    id: 'consumer-group-heartbeat/static-member-comes-back',
    api: 'ConsumerGroupHeartbeat',
    when: 'a static member went away with −2 and a new process joins with its instance id',
    expect: '0 with the same epoch and partitions, without a new assignment; the old member id is fenced (82)',
    rule,
    priority: 'P0',
    async run(ground) {
      const topic = await ground.topic(3)
      const owner = await staticMember(ground, topic)
      const { epoch } = owner
      const before = await owner.describe()
      await owner.leave(-2)
      const heir = owner.other(owner.instanceId)
      const answer = await heir.join([topic])
      expect(answer).toMatchObject({ errorCode: 0, memberEpoch: epoch })
      expect(indexes(heir.assigned)).toEqual([0, 1, 2])
      const group = await heir.describe()
      expect([group.groupEpoch, group.members.map(({ memberId }) => memberId)]).toEqual([
        before.groupEpoch,
        [heir.memberId],
      ])
      expect((await owner.heartbeat({ memberEpoch: epoch })).errorCode).toBe(82)
      expect(await owner.commit(topic, 1, { generationIdOrMemberEpoch: epoch })).toBe(25)
    },
  },
  {
    id: 'consumer-group-heartbeat/static-member-comes-back-under-its-id',
    api: 'ConsumerGroupHeartbeat',
    when: 'a static member went away with −2 and joins again with the same member id',
    expect: '0 with the same epoch and partitions',
    rule,
    priority: 'P0',
    async run(ground) {
      const topic = await ground.topic(2)
      const owner = await staticMember(ground, topic)
      const { epoch } = owner
      await owner.leave(-2)
      expect(await owner.join([topic])).toMatchObject({ errorCode: 0, memberEpoch: epoch })
      expect(indexes(owner.assigned)).toEqual([0, 1])
    },
  },
  {
    id: 'consumer-group-heartbeat/static-member-leaves-for-good',
    api: 'ConsumerGroupHeartbeat',
    when: 'a static member sends epoch −1',
    expect: '0 with epoch −1; its instance id is free and its partitions go to the others',
    rule,
    priority: 'P0',
    async run(ground) {
      const topic = await ground.topic(2)
      const owner = await staticMember(ground, topic)
      const other = owner.other()
      await other.join([topic])
      await settled(ground, owner, other)
      expect(await owner.leave()).toMatchObject({ errorCode: 0, memberEpoch: -1 })
      await settled(ground, other)
      expect(indexes(other.assigned)).toEqual([0, 1])
      expect((await other.other(owner.instanceId).join([topic])).errorCode).toBe(0)
    },
  },
  {
    id: 'consumer-group-heartbeat/static-member-that-stays-away',
    api: 'ConsumerGroupHeartbeat',
    when: 'a static member went away with −2 and does not come back within the session timeout',
    expect: 'it is taken out, and its partitions go to the others',
    rule,
    priority: 'P1',
    async run(ground) {
      const topic = await ground.topic(2)
      const owner = await staticMember(ground, topic)
      const other = owner.other()
      await other.join([topic])
      await settled(ground, owner, other)
      await expireSoon(ground, owner)
      await owner.leave(-2)
      await ground.until(async () => {
        await other.acknowledge()
        return indexes(other.assigned).length === 2
      }, 'the other has everything')
    },
  },
]

/** From its next heartbeat on, which is sent here, a member has a short session. */
async function expireSoon(ground: Ground, member: ConsumerMember): Promise<void> {
  await configureGroup(ground, member.groupId, { 'consumer.session.timeout.ms': '1000' })
  await member.heartbeat()
}
