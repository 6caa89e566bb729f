/** Rows about DescribeGroups, ListGroups and DeleteGroups, for classic groups. */

import { expect } from 'vitest'
import { type Row } from '../row.ts'
import { ClassicMember, describedAs, loneMember, protocol, untilRebalancing } from '../steps/classic-member.ts'

const describeGuide = 'protocol guide: DescribeGroups'
const listGuide = 'protocol guide: ListGroups'
const deleteGuide = 'protocol guide: DeleteGroups'

export const groupListingRows: readonly Row[] = [
  {
    id: 'describe-groups/stable-group',
    api: 'DescribeGroups',
    when: 'the group is stable',
    expect: '0, Stable, its protocol, and each member with client id, metadata and assignment',
    rule: describeGuide,
    priority: 'P0',
    async run(ground) {
      const { groupId, memberId } = await loneMember(ground)
      const group = await describedAs(ground, groupId, 'Stable')
      expect(group).toMatchObject({ errorCode: 0, groupId, protocolType: 'consumer', protocolData: 'range' })
      const [member] = group.members
      expect(member).toMatchObject({ memberId, groupInstanceId: null, clientId: 'contract', clientHost: '/127.0.0.1' })
      expect(member?.memberMetadata.equals(protocol('range').metadata)).toBe(true)
      expect(member?.memberAssignment.toString()).toBe('all')
    },
  },
  {
    id: 'describe-groups/while-members-join',
    api: 'DescribeGroups',
    when: 'the group waits for its members to join again',
    expect: '0, PreparingRebalance, no protocol; members are named without metadata',
    rule: describeGuide,
    priority: 'P0',
    async run(ground) {
      const first = await loneMember(ground)
      const second = await ClassicMember.of(ground, first.groupId)
      const joining = second.join()
      await untilRebalancing(ground, first)
      const group = await describedAs(ground, first.groupId, 'PreparingRebalance', 2)
      expect(group).toMatchObject({ errorCode: 0, protocolData: '' })
      expect(group.members.map(({ memberMetadata }) => memberMetadata.length)).toEqual([0, 0])
      await Promise.all([joining, first.join()])
    },
  },
  {
    id: 'describe-groups/before-the-assignment',
    api: 'DescribeGroups',
    when: 'the group waits for the assignment',
    expect: '0, CompletingRebalance',
    rule: describeGuide,
    priority: 'P0',
    async run(ground) {
      const member = await ClassicMember.of(ground, ground.name('group'))
      await member.join()
      const group = await describedAs(ground, member.groupId, 'CompletingRebalance', 1)
      expect(group.errorCode).toBe(0)
    },
  },
  {
    id: 'describe-groups/unknown-group',
    api: 'DescribeGroups',
    when: 'the group does not exist',
    expect: '69 GROUP_ID_NOT_FOUND in version 6; in version 5: 0, Dead, no members',
    rule: 'KIP-1043',
    priority: 'P0',
    async run(ground) {
      const groupId = ground.name('group')
      const wire = await ground.coordinator(groupId)
      const old = await wire.call('DescribeGroups', 5, { groups: [groupId] })
      expect(old.groups).toMatchObject([{ errorCode: 0, groupState: 'Dead', members: [] }])
      const latest = await wire.call('DescribeGroups', 6, { groups: [groupId] })
      expect(latest.groups).toMatchObject([{ errorCode: 69, groupState: 'Dead' }])
      expect(latest.groups[0]?.errorMessage).toContain(groupId)
    },
  },
  {
    id: 'describe-groups/not-the-coordinator',
    api: 'DescribeGroups',
    when: 'the node does not coordinate the group',
    expect: '16 NOT_COORDINATOR for that group',
    rule: describeGuide,
    priority: 'P0',
    nodes: 3,
    async run(ground) {
      const groupId = ground.name('group')
      const { nodeId } = await ground.coordinator(groupId)
      const elsewhere = await ground.node((nodeId % 3) + 1)
      const { groups } = await elsewhere.call('DescribeGroups', 5, { groups: [groupId] })
      expect(groups).toMatchObject([{ groupId, errorCode: 16 }])
    },
  },
  {
    id: 'list-groups/lists-a-group',
    api: 'ListGroups',
    when: 'the coordinator is asked, version 5',
    expect: '0, and the group is there with protocol type, state and type',
    rule: 'KIP-518, KIP-848',
    priority: 'P0',
    async run(ground) {
      const { wire, groupId } = await loneMember(ground)
      await describedAs(ground, groupId, 'Stable')
      const { errorCode, groups } = await wire.call('ListGroups', 5, {})
      expect(errorCode).toBe(0)
      expect(groups.find((group) => group.groupId === groupId)).toEqual({
        groupId,
        protocolType: 'consumer',
        groupState: 'Stable',
        groupType: 'classic',
      })
    },
  },
  {
    id: 'list-groups/filter-by-state',
    api: 'ListGroups',
    when: 'only groups of a state are asked for, in whatever case',
    expect: 'a group is listed for its own state only',
    rule: 'KIP-518',
    priority: 'P0',
    async run(ground) {
      const { wire, groupId } = await loneMember(ground)
      await describedAs(ground, groupId, 'Stable')
      const listed = async (state: string): Promise<boolean> => {
        const { groups } = await wire.call('ListGroups', 4, { statesFilter: [state] })
        return groups.some((group) => group.groupId === groupId)
      }
      expect([await listed('Stable'), await listed('stable'), await listed('Empty')]).toEqual([true, true, false])
    },
  },
  {
    id: 'list-groups/filter-by-type',
    api: 'ListGroups',
    when: 'only groups of a type are asked for',
    expect: 'a classic group is listed as classic and not as consumer',
    rule: 'KIP-848',
    priority: 'P1',
    async run(ground) {
      const { wire, groupId } = await loneMember(ground)
      await describedAs(ground, groupId, 'Stable')
      const listed = async (type: string): Promise<boolean> => {
        const { groups } = await wire.call('ListGroups', 5, { typesFilter: [type] })
        return groups.some((group) => group.groupId === groupId)
      }
      expect([await listed('classic'), await listed('consumer')]).toEqual([true, false])
    },
  },
  {
    id: 'list-groups/only-what-the-node-coordinates',
    api: 'ListGroups',
    when: 'another node is asked',
    expect: 'the group is not in its list',
    rule: listGuide,
    priority: 'P0',
    nodes: 3,
    async run(ground) {
      const { wire, groupId } = await loneMember(ground)
      const elsewhere = await ground.node((wire.nodeId % 3) + 1)
      const { errorCode, groups } = await elsewhere.call('ListGroups', 5, {})
      expect(errorCode).toBe(0)
      expect(groups.map((group) => group.groupId)).not.toContain(groupId)
    },
  },
  {
    id: 'delete-groups/empty-group',
    api: 'DeleteGroups',
    when: 'the group has no members',
    expect: '0; its offsets are gone and it is Dead',
    rule: 'KIP-229',
    priority: 'P0',
    async run(ground) {
      const topic = await ground.topic()
      const member = await loneMember(ground)
      await member.commit(topic, 4)
      await member.leave()
      const { wire, groupId } = member
      expect((await wire.call('DeleteGroups', 2, { groupsNames: [groupId] })).results).toEqual([
        { groupId, errorCode: 0 },
      ])
      const topics = [{ name: topic, partitionIndexes: [0] }]
      const found = await wire.call('OffsetFetch', 7, { groupId, topics })
      expect(found.topics[0]?.partitions).toMatchObject([{ committedOffset: -1 }])
      await describedAs(ground, groupId, 'Dead', 0)
    },
  },
  {
    id: 'delete-groups/group-with-members',
    api: 'DeleteGroups',
    when: 'the group has members',
    expect: '68 NON_EMPTY_GROUP; the group is not disturbed',
    rule: 'KIP-229',
    priority: 'P0',
    async run(ground) {
      const member = await loneMember(ground)
      const { results } = await member.wire.call('DeleteGroups', 2, { groupsNames: [member.groupId] })
      expect(results).toMatchObject([{ errorCode: 68 }])
      expect(await member.heartbeat()).toBe(0)
    },
  },
  {
    id: 'delete-groups/unknown-group',
    api: 'DeleteGroups',
    when: 'the group does not exist',
    expect: '69 GROUP_ID_NOT_FOUND',
    rule: 'KIP-229',
    priority: 'P0',
    async run(ground) {
      const groupId = ground.name('group')
      const wire = await ground.coordinator(groupId)
      const { results } = await wire.call('DeleteGroups', 2, { groupsNames: [groupId] })
      expect(results).toMatchObject([{ groupId, errorCode: 69 }])
    },
  },
  {
    id: 'delete-groups/not-the-coordinator',
    api: 'DeleteGroups',
    when: 'the node does not coordinate the group',
    expect: '16 NOT_COORDINATOR for that group',
    rule: deleteGuide,
    priority: 'P0',
    nodes: 3,
    async run(ground) {
      const groupId = ground.name('group')
      const { nodeId } = await ground.coordinator(groupId)
      const elsewhere = await ground.node((nodeId % 3) + 1)
      const { results } = await elsewhere.call('DeleteGroups', 2, { groupsNames: [groupId] })
      expect(results).toMatchObject([{ groupId, errorCode: 16 }])
    },
  },
]
