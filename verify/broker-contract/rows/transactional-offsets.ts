/** Rows about offsets that are committed as part of a transaction. */

import { expect } from 'vitest'
import { type Row } from '../row.ts'
import {
  offsetScene,
  type OffsetScene,
  otherNode,
  TransactionalProducer,
  untilRefused,
} from '../steps/transactional-producer.ts'

const classic = 4

type Fetched = { readonly errorCode: number; readonly committedOffset: number; readonly metadata: string | null }

async function committed(
  { group, groupId, topic }: OffsetScene,
  requireStable: boolean,
  partition = 0,
): Promise<Fetched> {
  const topics = [{ name: topic, partitionIndexes: [partition] }]
  const answer = await group.call('OffsetFetch', 8, { groups: [{ groupId, topics }], requireStable })
  expect(answer.groups[0]?.errorCode).toBe(0)
  return answer.groups[0]?.topics[0]?.partitions[0] as Fetched
}

async function commitPlainly({ group, groupId, topic }: OffsetScene, committedOffset: number): Promise<void> {
  const topics = [{ name: topic, partitions: [{ partitionIndex: 0, committedOffset, committedMetadata: '' }] }]
  const answer = await group.call('OffsetCommit', 8, { groupId, topics })
  expect(answer.topics[0]?.partitions[0]?.errorCode).toBe(0)
}

const joinRows: readonly Row[] = [
  {
    id: 'add-offsets-to-txn/opens-a-transaction',
    api: 'AddOffsetsToTxn',
    when: 'the offsets of a group join, in every version; the name of the group may be empty',
    expect: '0; the transaction is Ongoing',
    rule: 'KIP-98; seen on 4.3.1',
    priority: 'P0',
    async run(ground) {
      const producer = await TransactionalProducer.ready(ground)
      const groupId = ground.name('group')
      await ground.coordinator(groupId)
      for (const version of [0, 1, 2, 3, 4]) expect(await producer.addOffsets(groupId, {}, version)).toBe(0)
      expect(await producer.addOffsets('')).toBe(0)
      expect((await producer.state()).transactionState).toBe('Ongoing')
    },
  },
  {
    id: 'add-offsets-to-txn/who-may-not',
    api: 'AddOffsetsToTxn',
    when: 'the transactional id is unknown or empty, the producer id is another, the epoch is lower or higher',
    expect: '49 INVALID_PRODUCER_ID_MAPPING, 42, 49, 90 PRODUCER_FENCED (47 up to version 1)',
    rule: 'KIP-98, KIP-588',
    priority: 'P0',
    async run(ground) {
      const producer = await TransactionalProducer.ready(ground)
      await producer.init()
      const groupId = ground.name('group')
      await ground.coordinator(groupId)
      const stranger = await TransactionalProducer.of(ground)
      const foreign = { producerId: producer.identity.producerId + 1_000_000 }
      for (const [version, fenced] of [
        [1, 47],
        [2, 90],
        [4, 90],
      ] as const) {
        expect(await stranger.addOffsets(groupId, producer.identity, version)).toBe(49)
        expect(await producer.addOffsets(groupId, { transactionalId: '' }, version)).toBe(42)
        expect(await producer.addOffsets(groupId, foreign, version)).toBe(49)
        expect(await producer.addOffsets(groupId, { producerEpoch: 0 }, version)).toBe(fenced)
        expect(await producer.addOffsets(groupId, { producerEpoch: 2 }, version)).toBe(fenced)
      }
    },
  },
  {
    id: 'add-offsets-to-txn/wrong-node',
    api: 'AddOffsetsToTxn',
    when: 'asked of a node that does not coordinate the transactional id',
    expect: '16 NOT_COORDINATOR',
    rule: 'KIP-98',
    priority: 'P0',
    nodes: 3,
    async run(ground) {
      const { transactionalId, identity, coordinator } = await TransactionalProducer.ready(ground)
      const wire = await otherNode(ground, coordinator)
      const request = { transactionalId, ...identity, groupId: 'g' }
      expect((await wire.call('AddOffsetsToTxn', 4, request)).errorCode).toBe(16)
    },
  },
  {
    id: 'txn-offset-commit/group-has-not-joined',
    api: 'TxnOffsetCommit',
    when: 'no offsets have joined the transaction, versions 0 to 4',
    expect: '48 INVALID_TXN_STATE up to version 3, 120 TRANSACTION_ABORTABLE in 4',
    rule: 'KIP-890, KIP-1050',
    priority: 'P0',
    async run(ground) {
      const { producer, topic, groupId, group } = await offsetScene(ground)
      for (const [version, code] of [
        [0, 48],
        [3, 48],
        [4, 120],
      ] as const) {
        await untilRefused(ground, () => producer.commitOffset(group, groupId, topic, {}, version), code)
      }
    },
  },
  {
    id: 'txn-offset-commit/joins-by-itself',
    api: 'TxnOffsetCommit',
    when: 'no offsets have joined the transaction, version 5',
    expect: '0; the transaction is Ongoing',
    rule: 'KIP-890',
    priority: 'P0',
    async run(ground) {
      const { producer, topic, groupId, group } = await offsetScene(ground)
      expect(await producer.commitOffset(group, groupId, topic)).toBe(0)
      expect((await producer.state()).transactionState).toBe('Ongoing')
    },
  },
  {
    id: 'txn-offset-commit/who-may-not',
    api: 'TxnOffsetCommit',
    when: 'the transactional id is unknown or empty, the producer id or the epoch is another, the group has no name',
    expect: '49 INVALID_PRODUCER_ID_MAPPING, 42, 49, 47 INVALID_PRODUCER_EPOCH, 24 INVALID_GROUP_ID',
    rule: 'KIP-98, KIP-890; seen on 4.3.1',
    priority: 'P0',
    async run(ground) {
      const { producer, topic, groupId, group } = await offsetScene(ground)
      await producer.init()
      const foreign = { producerId: producer.identity.producerId + 1_000_000 }
      for (const version of [0, 2, 3, 4, 5]) {
        const codeOf = (given: object): Promise<number> => producer.commitOffset(group, groupId, topic, given, version)
        expect(await codeOf({ transactionalId: ground.name('unknown') })).toBe(49)
        expect(await codeOf({ transactionalId: '' })).toBe(42)
        expect(await codeOf(foreign)).toBe(49)
        expect(await codeOf({ producerEpoch: 0 })).toBe(47)
        expect(await codeOf({ producerEpoch: 2 })).toBe(47)
        expect(await codeOf({ groupId: '' })).toBe(24)
      }
    },
  },
  {
    id: 'txn-offset-commit/wrong-node',
    api: 'TxnOffsetCommit',
    when: 'asked of a node that does not coordinate the group',
    expect: '16 NOT_COORDINATOR',
    rule: 'KIP-98',
    priority: 'P0',
    nodes: 3,
    async run(ground) {
      const { producer, topic, groupId, group } = await offsetScene(ground)
      await producer.addOffsets(groupId)
      const wire = await otherNode(ground, group)
      expect(await producer.commitOffset(wire, groupId, topic, {}, 3)).toBe(16)
    },
  },
]

const pendingRows: readonly Row[] = [
  {
    id: 'txn-offset-commit/counts-when-the-transaction-commits',
    api: 'TxnOffsetCommit',
    when: 'offsets are handed in for an open transaction that commits, in both protocols',
    expect: '88 UNSTABLE_OFFSET_COMMIT where stable offsets are demanded, else the offset before; then the new offset',
    rule: 'KIP-98, KIP-447',
    priority: 'P0',
    async run(ground) {
      const at = await offsetScene(ground)
      const { producer, topic, groupId, group } = at
      await commitPlainly(at, 1)
      await producer.addOffsets(groupId)
      expect(await producer.commitOffset(group, groupId, topic, { offset: 5, metadata: 'mine' }, 3)).toBe(0)
      expect(await committed(at, true)).toMatchObject({ errorCode: 88, committedOffset: -1, metadata: '' })
      expect(await committed(at, false)).toMatchObject({ errorCode: 0, committedOffset: 1 })
      await producer.finish('commit', classic)
      await ground.until(async () => (await committed(at, true)).errorCode === 0, 'the offset is stable')
      expect(await committed(at, true)).toMatchObject({ committedOffset: 5, metadata: 'mine' })
      expect(await producer.commitOffset(group, groupId, topic, { offset: 8 })).toBe(0)
      await producer.finish('commit')
      await ground.until(async () => (await committed(at, true)).errorCode === 0, 'the offset is stable')
      expect(await committed(at, true)).toMatchObject({ committedOffset: 8 })
    },
  },
  {
    id: 'txn-offset-commit/is-dropped-when-the-transaction-aborts',
    api: 'TxnOffsetCommit',
    when: 'offsets are handed in for an open transaction that is aborted',
    expect: 'the offset before is the committed one',
    rule: 'KIP-98',
    priority: 'P0',
    async run(ground) {
      const at = await offsetScene(ground)
      const { producer, topic, groupId, group } = at
      await commitPlainly(at, 1)
      await producer.commitOffset(group, groupId, topic, { offset: 5 })
      await producer.finish('abort')
      await ground.until(async () => (await committed(at, true)).errorCode === 0, 'the offset is stable')
      expect(await committed(at, true)).toMatchObject({ committedOffset: 1 })
    },
  },
  {
    id: 'offset-fetch/all-partitions-stable',
    api: 'OffsetFetch',
    when: 'all committed offsets are asked for and must be stable, while one of two is pending',
    expect: '88 UNSTABLE_OFFSET_COMMIT for it; offsets that are only pending are left out',
    rule: 'KIP-447; seen on 4.3.1',
    priority: 'P1',
    async run(ground) {
      const at = await offsetScene(ground)
      const { producer, topic, groupId, group } = at
      await commitPlainly(at, 1)
      await producer.commitOffset(group, groupId, topic)
      const topics = [{ name: topic, partitions: [{ partitionIndex: 1, committedOffset: 3, committedMetadata: '' }] }]
      await producer.commitOffset(group, groupId, topic, { topics })
      const answer = await group.call('OffsetFetch', 8, { groups: [{ groupId, topics: null }], requireStable: true })
      expect(answer.groups[0]?.topics).toMatchObject([
        { name: topic, partitions: [{ partitionIndex: 0, errorCode: 88 }] },
      ])
    },
  },
  {
    id: 'txn-offset-commit/later-commit-stays',
    api: 'TxnOffsetCommit',
    when: 'an ordinary commit comes between the pending one and the end of its transaction',
    expect: 'the ordinary commit stays, because it is newer',
    rule: 'seen on 4.3.1',
    priority: 'P1',
    async run(ground) {
      const at = await offsetScene(ground)
      const { producer, topic, groupId, group } = at
      await producer.commitOffset(group, groupId, topic, { offset: 5 })
      await commitPlainly(at, 2)
      expect(await committed(at, false)).toMatchObject({ committedOffset: 2 })
      expect(await committed(at, true)).toMatchObject({ errorCode: 88 })
      await producer.finish('commit')
      await ground.until(async () => (await committed(at, true)).errorCode === 0, 'the offset is stable')
      expect(await committed(at, true)).toMatchObject({ committedOffset: 2 })
    },
  },
  {
    id: 'txn-offset-commit/partitions-one-by-one',
    api: 'TxnOffsetCommit',
    when: 'one topic and one partition do not exist, the metadata of one is too long, one is right',
    expect: '3 UNKNOWN_TOPIC_OR_PARTITION, 3, 12 OFFSET_METADATA_TOO_LARGE, 0',
    rule: 'protocol guide: TxnOffsetCommit',
    priority: 'P0',
    async run(ground) {
      const { producer, topic, groupId, group } = await offsetScene(ground)
      const offset = { committedOffset: 1, committedMetadata: null }
      const { topics } = await group.call('TxnOffsetCommit', 5, {
        transactionalId: producer.transactionalId,
        groupId,
        ...producer.identity,
        topics: [
          { name: ground.name('missing'), partitions: [{ partitionIndex: 0, ...offset }] },
          {
            name: topic,
            partitions: [
              { partitionIndex: 9, ...offset },
              { partitionIndex: 1, ...offset, committedMetadata: 'x'.repeat(4_097) },
              { partitionIndex: 2, ...offset },
            ],
          },
        ],
      })
      const codes = topics.flatMap(({ partitions }) => partitions.map((each) => [each.partitionIndex, each.errorCode]))
      expect(codes.toSorted(([a = 0], [b = 0]) => a - b)).toEqual([
        [0, 3],
        [1, 12],
        [2, 0],
        [9, 3],
      ])
    },
  },
  {
    id: 'delete-groups/with-pending-offsets',
    api: 'DeleteGroups',
    when: 'a group that has nothing but pending offsets is deleted, then the transaction commits',
    expect: '0, and nothing is committed',
    rule: 'seen on 4.3.1',
    priority: 'P1',
    async run(ground) {
      const at = await offsetScene(ground)
      const { producer, topic, groupId, group } = at
      await producer.commitOffset(group, groupId, topic)
      const { results } = await group.call('DeleteGroups', 2, { groupsNames: [groupId] })
      expect(results).toMatchObject([{ groupId, errorCode: 0 }])
      await producer.finish('commit')
      expect(await committed(at, true)).toMatchObject({ errorCode: 0, committedOffset: -1 })
    },
  },
]

export const transactionalOffsetRows: readonly Row[] = [...joinRows, ...pendingRows]
