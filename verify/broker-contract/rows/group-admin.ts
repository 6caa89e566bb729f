/** What tools ask about groups of either protocol and do to them: describing, listing, removing members and groups. */

import { expect } from 'vitest'
import { type Row } from '../row.ts'
import { ClassicMember, loneMember } from '../steps/classic-member.ts'
import {
  ConsumerMember,
  describeConsumerGroup,
  indexes,
  loneConsumer,
  nextAssignment,
} from '../steps/consumer-member.ts'
import { emptyGroup, offsetsOf } from '../steps/group-offsets.ts'

export const groupAdminRows: readonly Row[] = [
  {
    id: 'consumer-group-describe/stable-group',
    api: 'ConsumerGroupDescribe',
    when: 'a stable consumer group',
    expect: 'Stable, both epochs, the assignor, and its member with client, subscription, partitions and target',
    rule: 'KIP-848',
    priority: 'P0',
    async run(ground) {
      const topic = await ground.topic(2)
      const member = await ConsumerMember.of(ground, ground.name('group'), 'instance')
      await member.join([topic], { rackId: 'rack' })
      const group = await member.describe()
      const parts = {
        topicPartitions: [{ topicId: member.assigned[0]?.topicId, topicName: topic, partitions: [0, 1] }],
      }
      expect(group).toMatchObject({
        errorCode: 0,
        groupState: 'Stable',
        groupEpoch: 2,
        assignmentEpoch: 2,
        assignorName: 'uniform',
        members: [
          {
            memberId: member.memberId,
            instanceId: 'instance',
            rackId: 'rack',
            memberEpoch: 2,
            clientId: 'contract',
            clientHost: '/127.0.0.1',
            subscribedTopicNames: [topic],
            subscribedTopicRegex: '',
            assignment: parts,
            targetAssignment: parts,
            memberType: 1,
          },
        ],
      })
      expect((await member.describe(0)).members[0]?.memberId).toBe(member.memberId)
    },
  },
  {
    id: 'consumer-group-describe/while-it-reconciles',
    api: 'ConsumerGroupDescribe',
    when: 'a member was told to give partitions up and has not said that it has',
    expect: 'Reconciling; it is still shown with all of them, and with its target',
    rule: 'KIP-848; seen on 4.3.1',
    priority: 'P1',
    async run(ground) {
      const topic = await ground.topic(4)
      const first = await loneConsumer(ground, topic)
      await first.other().join([topic])
      await nextAssignment(ground, first)
      const { groupState, members } = await first.describe()
      const shown = members.find(({ memberId }) => memberId === first.memberId)
      expect(groupState).toBe('Reconciling')
      expect(indexes(shown?.assignment?.topicPartitions ?? [])).toEqual([0, 1, 2, 3])
      expect(indexes(shown?.targetAssignment?.topicPartitions ?? [])).toEqual(indexes(first.assigned))
    },
  },
  {
    id: 'consumer-group-describe/empty-group',
    api: 'ConsumerGroupDescribe',
    when: 'everybody has left a consumer group',
    expect: 'Empty, without members',
    rule: 'KIP-848',
    priority: 'P0',
    async run(ground) {
      const member = await loneConsumer(ground, await ground.topic())
      await member.leave()
      expect(await member.describe()).toMatchObject({ errorCode: 0, groupState: 'Empty', groupEpoch: 3, members: [] })
    },
  },
  {
    id: 'consumer-group-describe/unknown-group',
    api: 'ConsumerGroupDescribe',
    when: 'a group that does not exist, one of the classic protocol, and one without a name',
    expect: '69 GROUP_ID_NOT_FOUND with a message, 69 with another, and 24 INVALID_GROUP_ID',
    rule: 'KIP-848; seen on 4.3.1',
    priority: 'P0',
    async run(ground) {
      const { groupId, wire } = await loneMember(ground)
      expect(await describeConsumerGroup(wire, groupId)).toMatchObject({
        errorCode: 69,
        errorMessage: `Group ${groupId} is not a consumer group.`,
      })
      const missing = ground.name('group')
      const other = await ground.coordinator(missing)
      expect(await describeConsumerGroup(other, missing)).toMatchObject({
        errorCode: 69,
        errorMessage: `Group ${missing} not found.`,
      })
      expect((await describeConsumerGroup(wire, '')).errorCode).toBe(24)
    },
  },
  {
    id: 'consumer-group-describe/not-the-coordinator',
    api: 'ConsumerGroupDescribe',
    when: 'the node does not coordinate the group',
    expect: '16 NOT_COORDINATOR',
    rule: 'KIP-848',
    priority: 'P0',
    nodes: 3,
    async run(ground) {
      const groupId = ground.name('group')
      const { nodeId } = await ground.coordinator(groupId)
      expect((await describeConsumerGroup(await ground.node((nodeId % 3) + 1), groupId)).errorCode).toBe(16)
    },
  },
  {
    id: 'describe-groups/consumer-group',
    api: 'DescribeGroups',
    when: 'a group of the consumer protocol',
    expect: 'version 6: 69 GROUP_ID_NOT_FOUND with a message; before: Dead without an error',
    rule: 'KIP-1043; seen on 4.3.1',
    priority: 'P0',
    async run(ground) {
      const { wire, groupId } = await loneConsumer(ground, await ground.topic())
      const request = { groups: [groupId], includeAuthorizedOperations: false }
      const errorMessage = `Group ${groupId} is not a classic group.`
      const now = (await wire.call('DescribeGroups', 6, request)).groups[0]
      expect(now).toMatchObject({ errorCode: 69, errorMessage, groupState: 'Dead', members: [] })
      const before = (await wire.call('DescribeGroups', 5, request)).groups[0]
      expect(before).toMatchObject({ errorCode: 0, groupState: 'Dead', members: [] })
    },
  },
  {
    id: 'list-groups/consumer-group',
    api: 'ListGroups',
    when: 'a stable and an empty consumer group, asked for by type and by state in any case',
    expect: 'both with type and protocol type consumer and their states; the filters pick one of them',
    rule: 'KIP-848; KIP-518 and KIP-848 for the filters',
    priority: 'P0',
    async run(ground) {
      const [stable, empty] = [await loneConsumer(ground, await ground.topic()), await ConsumerMember.of(ground)]
      await empty.join([])
      await empty.leave()
      const listed = async (statesFilter: string[], typesFilter: string[]): Promise<readonly string[]> => {
        const wires = [stable.wire, empty.wire]
        const answers = await Promise.all(
          wires.map((wire) => wire.call('ListGroups', 5, { statesFilter, typesFilter })),
        )
        const own = answers.flatMap(({ groups }) => groups)
        const found = own.filter(({ groupId }) => [stable.groupId, empty.groupId].includes(groupId))
        return [...new Set(found.map((group) => Object.values(group).join()))].toSorted()
      }
      const stableLine = `${stable.groupId},consumer,Stable,consumer`
      const emptyLine = `${empty.groupId},consumer,Empty,consumer`
      expect(await listed([], ['Consumer'])).toEqual([stableLine, emptyLine].toSorted())
      expect(await listed(['STABLE'], [])).toEqual([stableLine])
      expect(await listed(['empty', 'assigning'], ['consumer'])).toEqual([emptyLine])
      expect(await listed([], ['classic'])).toEqual([])
      expect(await listed(['nonsense'], [])).toEqual([])
    },
  },
  {
    id: 'delete-groups/consumer-group',
    api: 'DeleteGroups',
    when: 'a consumer group with a member, and again when it has left',
    expect: '68 NON_EMPTY_GROUP, then 0; its offsets and its epochs are gone',
    rule: 'KIP-229, KIP-848',
    priority: 'P0',
    async run(ground) {
      const topic = await ground.topic()
      const member = await loneConsumer(ground, topic)
      const { wire, groupId } = member
      await member.commit(topic)
      const remove = async (): Promise<number | undefined> =>
        (await wire.call('DeleteGroups', 2, { groupsNames: [groupId] })).results[0]?.errorCode
      expect(await remove()).toBe(68)
      await member.leave()
      expect(await remove()).toBe(0)
      expect(await offsetsOf(wire, groupId)).toEqual([])
      expect((await member.join([topic])).memberEpoch).toBe(2)
    },
  },
  {
    id: 'leave-group/consumer-member',
    api: 'LeaveGroup',
    when: 'a tool takes members out of a consumer group: by member id, by instance id, a stranger',
    expect: '0, 0 and 25 UNKNOWN_MEMBER_ID; the members are unknown from then on',
    rule: 'seen on 4.3.1',
    priority: 'P1',
    async run(ground) {
      const topic = await ground.topic(3)
      const member = await loneConsumer(ground, topic)
      const named = member.other('instance')
      await named.join([topic])
      const { wire, groupId, memberId } = member
      const members = [
        { memberId, groupInstanceId: null, reason: null },
        { memberId: '', groupInstanceId: 'instance', reason: null },
        { memberId: 'stranger', groupInstanceId: null, reason: null },
      ]
      const answer = await wire.call('LeaveGroup', 5, { groupId, members })
      expect([answer.errorCode, ...answer.members.map(({ errorCode }) => errorCode)]).toEqual([0, 0, 0, 25])
      expect((await member.heartbeat()).errorCode).toBe(25)
      expect((await named.heartbeat()).errorCode).toBe(25)
    },
  },
  {
    id: 'heartbeat/of-a-consumer-member',
    api: 'Heartbeat',
    when: 'a member of a consumer group sends Heartbeat and SyncGroup of the classic protocol',
    expect: '25 UNKNOWN_MEMBER_ID',
    rule: 'seen on 4.3.1',
    priority: 'P1',
    async run(ground) {
      const { wire, groupId, memberId, epoch } = await loneConsumer(ground, await ground.topic())
      const classic = new ClassicMember(wire, groupId)
      classic.memberId = memberId
      classic.generationId = epoch
      expect([await classic.heartbeat(), (await classic.sync()).errorCode]).toEqual([25, 25])
    },
  },
  {
    id: 'join-group/other-client-in-a-consumer-group',
    api: 'JoinGroup',
    when: 'a classic member whose protocol type is not consumer joins a living consumer group',
    expect: '23 INCONSISTENT_GROUP_PROTOCOL',
    rule: 'KIP-848: only consumers can share a group',
    priority: 'P0',
    async run(ground) {
      const { wire, groupId } = await loneConsumer(ground, await ground.topic())
      const answer = await new ClassicMember(wire, groupId).tryJoin({ protocolType: 'connect' })
      expect(answer.errorCode).toBe(23)
    },
  },
  {
    id: 'join-group/empty-consumer-group-becomes-classic',
    api: 'JoinGroup',
    when: 'a classic member joins a consumer group that everybody has left',
    expect: '0 in generation 1; the group is a classic one and keeps its offsets. With an id that nobody has: 25',
    rule: 'KIP-848: an empty group has no protocol; seen on 4.3.1',
    priority: 'P0',
    async run(ground) {
      const topic = await ground.topic()
      const member = await loneConsumer(ground, topic)
      const { wire, groupId } = member
      await member.commit(topic)
      await member.leave()
      expect((await new ClassicMember(wire, groupId).tryJoin({ memberId: 'stranger' })).errorCode).toBe(25)
      const classic = new ClassicMember(wire, groupId)
      expect(await classic.join()).toMatchObject({ errorCode: 0, generationId: 1 })
      await ground.until(async () => (await member.describe()).errorCode === 69, 'the group to be no consumer group')
      expect(await offsetsOf(wire, groupId)).toEqual([`${topic} 0`])
    },
  },
  {
    id: 'consumer-group-heartbeat/empty-classic-group-becomes-consumer',
    api: 'ConsumerGroupHeartbeat',
    when: 'a consumer joins a classic group that has offsets and no members',
    expect: '0; the group is a consumer group and keeps its offsets',
    rule: 'KIP-848: an empty group has no protocol',
    priority: 'P0',
    async run(ground) {
      const topic = await ground.topic()
      const { wire, groupId } = await emptyGroup(ground, [topic])
      const member = new ConsumerMember(wire, groupId, 'member')
      expect(await member.join([topic])).toMatchObject({ errorCode: 0, memberEpoch: 2 })
      expect((await member.describe()).groupState).toBe('Stable')
      expect(await offsetsOf(wire, groupId)).toEqual([`${topic} 0`])
    },
  },
  {
    id: 'sync-group/without-protocol',
    api: 'SyncGroup',
    when: 'version 5 without protocol type or name',
    expect: '23 INCONSISTENT_GROUP_PROTOCOL, whatever the group',
    rule: 'KIP-559',
    priority: 'P1',
    async run(ground) {
      const member = await loneMember(ground)
      expect((await member.sync({ protocolType: null })).errorCode).toBe(23)
      expect((await member.sync({ protocolName: null, groupId: '' })).errorCode).toBe(23)
    },
  },
]
