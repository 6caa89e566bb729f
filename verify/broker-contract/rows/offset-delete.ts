/** OffsetDelete: what a tool may forget of a group, and what not. */

import { expect } from 'vitest'
import { type Row, type Wire } from '../row.ts'
import { loneMember, protocol } from '../steps/classic-member.ts'
import { loneConsumer } from '../steps/consumer-member.ts'
import { emptyGroup, offsetsOf } from '../steps/group-offsets.ts'

async function forget(
  wire: Wire,
  groupId: string,
  topics: Readonly<Record<string, readonly number[]>>,
): Promise<{ readonly code: number; readonly of: Readonly<Record<string, number>> }> {
  const named = Object.entries(topics).map(([name, partitions]) => ({
    name,
    partitions: partitions.map((partitionIndex) => ({ partitionIndex })),
  }))
  const answer = await wire.call('OffsetDelete', 0, { groupId, topics: named })
  const codes = answer.topics.flatMap(({ name, partitions }) =>
    partitions.map(({ partitionIndex, errorCode }) => [`${name} ${partitionIndex}`, errorCode] as const),
  )
  return { code: answer.errorCode, of: Object.fromEntries(codes) }
}

export const offsetDeleteRows: readonly Row[] = [
  {
    id: 'offset-delete/empty-group',
    api: 'OffsetDelete',
    when: 'offsets of a group without members, with and without a commit, of partitions that do not exist',
    expect: '0 and 0, and 3 UNKNOWN_TOPIC_OR_PARTITION; what was not named is kept',
    rule: 'KIP-496',
    priority: 'P0',
    async run(ground) {
      const topic = await ground.topic(3)
      const { wire, groupId } = await emptyGroup(ground, [topic], 2)
      const missing = ground.name('topic')
      const answer = await forget(wire, groupId, { [topic]: [0, 2, 99], [missing]: [0] })
      const of = { [`${topic} 0`]: 0, [`${topic} 2`]: 0, [`${topic} 99`]: 3, [`${missing} 0`]: 3 }
      expect(answer).toEqual({ code: 0, of })
      expect(await offsetsOf(wire, groupId)).toEqual([`${topic} 1`])
    },
  },
  {
    id: 'offset-delete/unknown-group',
    api: 'OffsetDelete',
    when: 'the group does not exist, or has no name',
    expect: '69 GROUP_ID_NOT_FOUND, 24 INVALID_GROUP_ID',
    rule: 'KIP-496',
    priority: 'P0',
    async run(ground) {
      const [topic, groupId] = [await ground.topic(), ground.name('group')]
      const wire = await ground.coordinator(groupId)
      expect((await forget(wire, groupId, { [topic]: [0] })).code).toBe(69)
      expect((await forget(wire, '', { [topic]: [0] })).code).toBe(24)
    },
  },
  {
    id: 'offset-delete/topic-of-classic-members',
    api: 'OffsetDelete',
    when: 'offsets of a topic that members of a classic group subscribe to, and of another',
    expect: '86 GROUP_SUBSCRIBED_TO_TOPIC and 0',
    rule: 'KIP-496',
    priority: 'P0',
    async run(ground) {
      const [wanted, other] = [await ground.topic(), await ground.topic()]
      const { wire, groupId } = await emptyGroup(ground, [wanted, other])
      await loneMember(ground, groupId, { protocols: [protocol('range', wanted)] })
      const answer = await forget(wire, groupId, { [wanted]: [0], [other]: [0] })
      expect(answer).toEqual({ code: 0, of: { [`${wanted} 0`]: 86, [`${other} 0`]: 0 } })
      expect(await offsetsOf(wire, groupId)).toEqual([`${wanted} 0`])
    },
  },
  {
    id: 'offset-delete/topic-of-consumer-members',
    api: 'OffsetDelete',
    when: 'offsets of a topic that members of a consumer group subscribe to, and of another',
    expect: '86 GROUP_SUBSCRIBED_TO_TOPIC and 0',
    rule: 'KIP-496, KIP-848',
    priority: 'P0',
    async run(ground) {
      const [wanted, other] = [await ground.topic(), await ground.topic()]
      const { wire, groupId } = await loneConsumer(ground, wanted)
      const answer = await forget(wire, groupId, { [wanted]: [0], [other]: [0] })
      expect(answer).toEqual({ code: 0, of: { [`${wanted} 0`]: 86, [`${other} 0`]: 0 } })
    },
  },
  {
    id: 'offset-delete/subscription-nobody-can-read',
    api: 'OffsetDelete',
    when: 'the members of a classic group are consumers whose subscription is not readable',
    expect: '86 GROUP_SUBSCRIBED_TO_TOPIC for every topic',
    rule: 'seen on 4.3.1',
    priority: 'P1',
    async run(ground) {
      const topic = await ground.topic()
      const protocols = [{ name: 'range', metadata: Buffer.from('zzz') }]
      const { wire, groupId } = await loneMember(ground, ground.name('group'), { protocols })
      expect(await forget(wire, groupId, { [topic]: [0] })).toEqual({ code: 0, of: { [`${topic} 0`]: 86 } })
    },
  },
  {
    id: 'offset-delete/group-of-other-clients',
    api: 'OffsetDelete',
    when: 'the group has members whose protocol type is not consumer',
    expect: '68 NON_EMPTY_GROUP',
    rule: 'KIP-496',
    priority: 'P0',
    async run(ground) {
      const topic = await ground.topic()
      const { wire, groupId } = await loneMember(ground, ground.name('group'), { protocolType: 'connect' })
      expect((await forget(wire, groupId, { [topic]: [0] })).code).toBe(68)
    },
  },
  {
    id: 'offset-delete/not-the-coordinator',
    api: 'OffsetDelete',
    when: 'the node does not coordinate the group',
    expect: '16 NOT_COORDINATOR',
    rule: 'KIP-496',
    priority: 'P0',
    nodes: 3,
    async run(ground) {
      const groupId = ground.name('group')
      const { nodeId } = await ground.coordinator(groupId)
      const stranger = await ground.node((nodeId % 3) + 1)
      expect((await forget(stranger, groupId, { any: [0] })).code).toBe(16)
    },
  },
]
