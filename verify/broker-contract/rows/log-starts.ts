/** Rows about moving the start of a log up, and about where its epochs end: DeleteRecords, OffsetForLeaderEpoch. */

import { expect } from 'vitest'
import { type Row } from '../row.ts'
import { batch, deleteBefore, elsewhere, epochEnd, offsetAt, produce } from '../steps/log-steps.ts'

const latest = -1
const earliest = -2
const seen = 'seen on 4.3.1'

type Deletion = { readonly to: number; readonly code: number; readonly name: string; readonly low: number }

const deletions: readonly Deletion[] = [
  { to: -1, code: 0, name: 'NONE', low: 4 },
  { to: 0, code: 0, name: 'NONE', low: 0 },
  { to: 2, code: 0, name: 'NONE', low: 2 },
  { to: 4, code: 0, name: 'NONE', low: 4 },
  { to: 5, code: 1, name: 'OFFSET_OUT_OF_RANGE', low: -1 },
  { to: -2, code: 1, name: 'OFFSET_OUT_OF_RANGE', low: -1 },
]

const deletionRows: readonly Row[] = deletions.map(({ to, code, name, low }) => ({
  id: `delete-records/to-${to < 0 ? `minus-${-to}` : to}`,
  api: 'DeleteRecords',
  when: `four records are there and those before ${to} are to go`,
  expect: `${code} ${name}, low watermark ${low}; the log starts there`,
  rule: 'KIP-107',
  priority: 'P0',
  async run(ground) {
    const topic = await ground.topic()
    const wire = await ground.leader(topic)
    await produce(wire, topic, batch(4))
    expect(await deleteBefore(wire, topic, to)).toMatchObject({ errorCode: code, lowWatermark: low })
    expect(await offsetAt(wire, topic, earliest)).toMatchObject({ offset: Math.max(0, low) })
    expect(await offsetAt(wire, topic, latest)).toMatchObject({ offset: 4 })
  },
}))

export const deleteRecordsRows: readonly Row[] = [
  ...deletionRows,
  ...[0, 1, 2].map((version): Row => ({
    id: `delete-records/version-${version}`,
    api: 'DeleteRecords',
    when: `records are deleted in version ${version}`,
    expect: '0 and the low watermark',
    rule: 'protocol guide: DeleteRecords',
    priority: 'P0',
    async run(ground) {
      const topic = await ground.topic()
      const wire = await ground.leader(topic)
      await produce(wire, topic, batch(4))
      expect(await deleteBefore(wire, topic, 3, { version })).toMatchObject({ errorCode: 0, lowWatermark: 3 })
    },
  })),
  {
    id: 'delete-records/never-back',
    api: 'DeleteRecords',
    when: 'the offset is below the log start',
    expect: '0 with the log start as it was',
    rule: seen,
    priority: 'P1',
    async run(ground) {
      const topic = await ground.topic()
      const wire = await ground.leader(topic)
      await produce(wire, topic, batch(4))
      await deleteBefore(wire, topic, 3)
      expect(await deleteBefore(wire, topic, 1)).toMatchObject({ errorCode: 0, lowWatermark: 3 })
    },
  },
  {
    id: 'delete-records/unknown-partition',
    api: 'DeleteRecords',
    when: 'the partition does not exist',
    expect: '3 UNKNOWN_TOPIC_OR_PARTITION',
    rule: 'protocol guide: DeleteRecords',
    priority: 'P0',
    async run(ground) {
      const topic = await ground.topic()
      const answer = await deleteBefore(await ground.leader(topic), topic, 0, { partitionIndex: 7 })
      expect(answer).toMatchObject({ errorCode: 3, lowWatermark: -1 })
    },
  },
  {
    id: 'delete-records/compacted-topic',
    api: 'DeleteRecords',
    when: 'cleanup.policy is compact, and when it is compact,delete',
    expect: '44 POLICY_VIOLATION, also for an offset out of range; 0',
    rule: 'KIP-107, seen on 4.3.1',
    priority: 'P0',
    async run(ground) {
      const compacted = await ground.topic(1, { 'cleanup.policy': 'compact' })
      const both = await ground.topic(1, { 'cleanup.policy': 'compact,delete' })
      const wire = await ground.leader(compacted)
      await produce(wire, compacted, batch(3))
      for (const offset of [1, 9]) expect(await deleteBefore(wire, compacted, offset)).toMatchObject({ errorCode: 44 })
      const other = await ground.leader(both)
      await produce(other, both, batch(3))
      expect(await deleteBefore(other, both, 1)).toMatchObject({ errorCode: 0, lowWatermark: 1 })
    },
  },
  {
    id: 'delete-records/not-the-leader',
    api: 'DeleteRecords',
    when: 'a node without a replica is asked',
    expect: '6 NOT_LEADER_OR_FOLLOWER',
    rule: 'protocol guide: DeleteRecords',
    priority: 'P0',
    nodes: 3,
    async run(ground) {
      const topic = await ground.topic()
      const wire = await elsewhere(ground, topic)
      expect(await deleteBefore(wire, topic, 0)).toMatchObject({ errorCode: 6, lowWatermark: -1 })
    },
  },
]

type Epoch = { readonly id: string; readonly when: string; readonly asked: number; readonly end: number }

const epochs: readonly Epoch[] = [
  { id: 'current', when: 'the current epoch is asked for', asked: 0, end: 3 },
  { id: 'to-come', when: 'an epoch to come is asked for', asked: 1, end: -1 },
  { id: 'none', when: 'epoch −1 is asked for', asked: -1, end: -1 },
]

const epochVersionRows: readonly Row[] = epochs.flatMap(({ id, when, asked, end }) =>
  [2, 3, 4].map((version): Row => ({
    id: `offset-for-leader-epoch/${id}-version-${version}`,
    api: 'OffsetForLeaderEpoch',
    when: `${when}, in version ${version}`,
    expect: `0 with end ${end}`,
    rule: 'KIP-101, KIP-320',
    priority: 'P0',
    async run(ground) {
      const topic = await ground.topic()
      const wire = await ground.leader(topic)
      await produce(wire, topic, batch(3))
      const expected = { errorCode: 0, leaderEpoch: end < 0 ? -1 : asked, endOffset: end }
      expect(await epochEnd(wire, topic, asked, { version })).toMatchObject(expected)
    },
  })),
)

export const epochRows: readonly Row[] = [
  ...epochVersionRows,
  {
    id: 'offset-for-leader-epoch/unknown-partition',
    api: 'OffsetForLeaderEpoch',
    when: 'the partition does not exist',
    expect: '3 UNKNOWN_TOPIC_OR_PARTITION',
    rule: 'protocol guide: OffsetForLeaderEpoch',
    priority: 'P0',
    async run(ground) {
      const topic = await ground.topic()
      const answer = await epochEnd(await ground.leader(topic), topic, 0, { partition: 9 })
      expect(answer).toMatchObject({ errorCode: 3, leaderEpoch: -1, endOffset: -1 })
    },
  },
  {
    id: 'offset-for-leader-epoch/leader-epoch-to-come',
    api: 'OffsetForLeaderEpoch',
    when: 'the current leader epoch of the request is higher than any',
    expect: '75 UNKNOWN_LEADER_EPOCH',
    rule: 'KIP-320',
    priority: 'P0',
    async run(ground) {
      const topic = await ground.topic()
      const wire = await ground.leader(topic)
      expect(await epochEnd(wire, topic, 0, { currentLeaderEpoch: 3 })).toMatchObject({ errorCode: 75, endOffset: -1 })
      expect(await epochEnd(wire, topic, 0, { currentLeaderEpoch: 0 })).toMatchObject({ errorCode: 0, endOffset: 0 })
    },
  },
  {
    id: 'offset-for-leader-epoch/not-the-leader',
    api: 'OffsetForLeaderEpoch',
    when: 'a node without a replica is asked',
    expect: '6 NOT_LEADER_OR_FOLLOWER',
    rule: 'KIP-320',
    priority: 'P0',
    nodes: 3,
    async run(ground) {
      const topic = await ground.topic()
      expect(await epochEnd(await elsewhere(ground, topic), topic, 0)).toMatchObject({ errorCode: 6, endOffset: -1 })
    },
  },
]
