/** The contract of OffsetCommit and OffsetFetch. */

import { describe, expect, test } from 'vitest'
import { type RequestOf } from '../../packages/holdfast/src/kafka/port.ts'
import { kafkaErrors as code } from '../../packages/holdfast/src/model/kafka-errors.ts'
import { joinAlone, type PortFixture, uniqueName } from './port-fixture.ts'

export function offsetLaws(kafkaOf: () => PortFixture): void {
  describe('offsets', () => {
    commitLaws(kafkaOf)
    fencingLaws(kafkaOf)
  })
}

function commitLaws(kafkaOf: () => PortFixture): void {
  test('a commit is read back with epoch and metadata, what was never committed is −1', async () => {
    const kafka = kafkaOf()
    const topic = await kafka.createTopic()
    const groupId = uniqueName('group')
    const node = await kafka.coordinatorOf(groupId)
    const committed = await kafka.callTo(node, 'OffsetCommit', {
      groupId,
      generationIdOrMemberEpoch: -1,
      memberId: '',
      groupInstanceId: null,
      topics: [{ name: topic.name, partitions: [commitOf(0, 2 ** 40, 'hf1 \u0001 é')] }],
    })
    const { groups } = await kafka.callTo(node, 'OffsetFetch', {
      groups: [{ groupId, memberId: null, memberEpoch: -1, topics: [{ name: topic.name, partitionIndexes: [0, 1] }] }],
      requireStable: true,
    })

    expect(committed.topics).toEqual([{ name: topic.name, partitions: [{ partitionIndex: 0, errorCode: 0 }] }])
    const partitions = groups[0]?.topics[0]?.partitions.toSorted((a, b) => a.partitionIndex - b.partitionIndex)
    expect([groups[0]?.groupId, groups[0]?.errorCode]).toEqual([groupId, 0])
    expect(partitions?.[0]).toEqual({
      partitionIndex: 0,
      committedOffset: 2 ** 40,
      committedLeaderEpoch: 3,
      metadata: 'hf1 \u0001 é',
      errorCode: 0,
    })
    expect(partitions?.[1]).toMatchObject({ partitionIndex: 1, committedOffset: -1, errorCode: 0 })
  })

  test('metadata that is too long is refused without hiding the commit beside it', async () => {
    const kafka = kafkaOf()
    const topic = await kafka.createTopic()
    const groupId = uniqueName('group')
    const node = await kafka.coordinatorOf(groupId)
    const { topics } = await kafka.callTo(node, 'OffsetCommit', {
      groupId,
      generationIdOrMemberEpoch: -1,
      memberId: '',
      groupInstanceId: null,
      topics: [
        { name: topic.name, partitions: [commitOf(0, 1, 'x'.repeat(4_097)), commitOf(1, 1, 'x'.repeat(4_096))] },
      ],
    })

    const codes = new Map(topics[0]?.partitions.map((each) => [each.partitionIndex, each.errorCode]))
    expect(codes).toEqual(
      new Map<number, number>([
        [0, code.OFFSET_METADATA_TOO_LARGE],
        [1, 0],
      ]),
    )
  })
}

function fencingLaws(kafkaOf: () => PortFixture): void {
  test('a commit of another generation or a stranger is refused as a value', async () => {
    const kafka = kafkaOf()
    const topic = await kafka.createTopic()
    const { groupId, node, memberId, generationId } = await joinAlone(kafka)
    const protocol = { protocolType: 'consumer', protocolName: 'roundrobin' } as const
    const identity = { groupId, memberId, groupInstanceId: null }
    await kafka.callTo(
      node,
      'SyncGroup',
      { ...identity, ...protocol, generationId, assignments: [] },
      { channel: 'join' },
    )
    const commit = async (member: string, generation: number): Promise<number | undefined> => {
      const { topics } = await kafka.callTo(node, 'OffsetCommit', {
        ...identity,
        memberId: member,
        generationIdOrMemberEpoch: generation,
        topics: [{ name: topic.name, partitions: [commitOf(0, 1, null)] }],
      })
      return topics[0]?.partitions[0]?.errorCode
    }

    expect(await commit(memberId, generationId)).toBe(0)
    expect(await commit(memberId, generationId + 1)).toBe(code.ILLEGAL_GENERATION)
    expect(await commit('stranger', generationId)).toBe(code.UNKNOWN_MEMBER_ID)
  })
}

type Commit = RequestOf<'OffsetCommit'>['topics'][number]['partitions'][number]

function commitOf(partitionIndex: number, committedOffset: number, committedMetadata: string | null): Commit {
  return { partitionIndex, committedOffset, committedLeaderEpoch: 3, committedMetadata }
}
