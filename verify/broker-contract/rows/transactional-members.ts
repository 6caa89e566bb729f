/** Rows about who may commit the offsets of a group as part of a transaction. */

import { expect } from 'vitest'
import { type Row } from '../row.ts'
import { ClassicMember } from '../steps/classic-member.ts'
import { ConsumerMember } from '../steps/consumer-member.ts'
import { offsetScene } from '../steps/transactional-producer.ts'

const unstable = 88

export const transactionalMemberRows: readonly Row[] = [
  {
    id: 'txn-offset-commit/member-is-checked',
    api: 'TxnOffsetCommit',
    when: 'the group has a member, and the generation is wrong, missing, or the member is unknown',
    expect: '0 for the member, 22 ILLEGAL_GENERATION, 22, 25 UNKNOWN_MEMBER_ID',
    rule: 'KIP-447',
    priority: 'P0',
    async run(ground) {
      const { producer, topic, groupId, group } = await offsetScene(ground)
      const member = await ClassicMember.of(ground, groupId)
      await member.join()
      const { memberId, generationId } = member
      for (const isStable of [false, true]) {
        if (isStable) await member.sync({ assignments: [{ memberId, assignment: Buffer.from('a') }] })
        const codeOf = (given: object): Promise<number> => producer.commitOffset(group, groupId, topic, given)
        expect(await codeOf({ memberId, generationId })).toBe(0)
        expect(await codeOf({ memberId, generationId: generationId + 1 })).toBe(22)
        expect(await codeOf({ memberId, generationId: -1 })).toBe(22)
        expect(await codeOf({ memberId: 'nobody', generationId })).toBe(25)
      }
    },
  },
  {
    id: 'txn-offset-commit/static-member-is-checked',
    api: 'TxnOffsetCommit',
    when: 'the member is static, and its instance is taken by another or unknown',
    expect: '0 with its instance and without; 82 FENCED_INSTANCE_ID, 25 UNKNOWN_MEMBER_ID',
    rule: 'KIP-345, KIP-447',
    priority: 'P0',
    async run(ground) {
      const { producer, topic, groupId, group } = await offsetScene(ground)
      const member = await ClassicMember.of(ground, groupId, 'instance')
      await member.join()
      const { memberId, generationId } = member
      await member.sync({ assignments: [{ memberId, assignment: Buffer.from('a') }] })
      const codeOf = (given: object): Promise<number> =>
        producer.commitOffset(group, groupId, topic, { memberId, generationId, ...given })
      expect(await codeOf({ groupInstanceId: 'instance' })).toBe(0)
      expect(await codeOf({})).toBe(0)
      expect(await codeOf({ groupInstanceId: 'instance', memberId: 'another' })).toBe(82)
      expect(await codeOf({ groupInstanceId: 'unknown' })).toBe(25)
    },
  },
  {
    id: 'txn-offset-commit/without-a-member',
    api: 'TxnOffsetCommit',
    when: 'no member is named: the group has members (versions 2 and 5), or is empty and a member is named all the same',
    expect: '0: old producers cannot name one',
    rule: 'KIP-447; seen on 4.3.1',
    priority: 'P1',
    async run(ground) {
      const { producer, topic, groupId, group } = await offsetScene(ground)
      expect(await producer.commitOffset(group, groupId, topic, { memberId: 'nobody', generationId: -1 })).toBe(0)
      expect(await producer.commitOffset(group, groupId, topic, { memberId: 'nobody', generationId: 1 })).toBe(25)
      const member = await ClassicMember.of(ground, groupId)
      await member.join()
      expect(await producer.commitOffset(group, groupId, topic, {}, 2)).toBe(0)
      expect(await producer.commitOffset(group, groupId, topic)).toBe(0)
    },
  },
  {
    id: 'txn-offset-commit/generation-of-no-group',
    api: 'TxnOffsetCommit',
    when: 'a generation is named and the group does not exist',
    expect: '22 ILLEGAL_GENERATION',
    rule: 'seen on 4.3.1',
    priority: 'P1',
    async run(ground) {
      const { producer, topic, groupId, group } = await offsetScene(ground)
      const given = { memberId: 'nobody', generationId: 3 }
      expect(await producer.commitOffset(group, groupId, topic, given)).toBe(22)
    },
  },
  {
    id: 'txn-offset-commit/member-of-the-consumer-protocol',
    api: 'TxnOffsetCommit',
    when: 'the group speaks the consumer protocol; the epoch is right, lower, higher, or missing, or the member unknown',
    expect: '0, 22 ILLEGAL_GENERATION, 22, 0 without a member, 25 UNKNOWN_MEMBER_ID',
    rule: 'KIP-848; seen on 4.3.1',
    priority: 'P1',
    async run(ground) {
      const { producer, topic, groupId, group } = await offsetScene(ground)
      const member = await ConsumerMember.of(ground, groupId)
      expect((await member.join([topic])).errorCode).toBe(0)
      const { memberId, epoch } = member
      const codeOf = (given: object): Promise<number> => producer.commitOffset(group, groupId, topic, given)
      expect(await codeOf({ memberId, generationId: epoch })).toBe(0)
      expect(await codeOf({ memberId, generationId: epoch - 1 })).toBe(22)
      expect(await codeOf({ memberId, generationId: epoch + 1 })).toBe(22)
      expect(await codeOf({})).toBe(0)
      expect(await codeOf({ memberId: 'nobody', generationId: epoch })).toBe(25)
    },
  },
  {
    id: 'txn-offset-commit/every-version',
    api: 'TxnOffsetCommit',
    when: 'the offsets of one transaction are handed in, version by version, and it is committed in version 3',
    expect: '0 each time; the last offset counts, with its metadata',
    rule: 'protocol guide: TxnOffsetCommit',
    priority: 'P0',
    async run(ground) {
      const { producer, topic, groupId, group } = await offsetScene(ground)
      await producer.addOffsets(groupId)
      for (const version of [0, 1, 2, 3, 4, 5]) {
        const given = { offset: version, metadata: `v${version}` }
        expect(await producer.commitOffset(group, groupId, topic, given, version)).toBe(0)
      }
      await producer.finish('commit', 3)
      const groups = [{ groupId, topics: [{ name: topic, partitionIndexes: [0] }] }]
      let stored: object | undefined
      await ground.until(async () => {
        const answer = await group.call('OffsetFetch', 8, { groups, requireStable: true })
        const partition = answer.groups[0]?.topics[0]?.partitions[0]
        stored = partition
        return partition?.errorCode !== unstable
      }, 'the offset is stable')
      expect(stored).toMatchObject({ errorCode: 0, committedOffset: 5, metadata: 'v5' })
    },
  },
]
