/** Rows about a partition that has moved twice: what each epoch of it means to Fetch, ListOffsets, OffsetForLeaderEpoch and
 *  Produce. Three records were written under epoch 0, two under epoch 1, none under epoch 2. */

import { expect } from 'vitest'
import { type Ground, type Row, type Wire } from '../row.ts'
import { batch, epochEnd, fetchOne, fetchWhole, moveLeader, offsetAt, produce, topicIdOf } from '../steps/log-steps.ts'

type Moved = { readonly topic: string; readonly leader: Wire; readonly former: Wire }

async function movedTwice(ground: Ground): Promise<Moved> {
  const topic = await ground.topic()
  const former = await ground.leader(topic)
  await produce(former, topic, batch(3))
  const others = [1, 2, 3].filter((nodeId) => nodeId !== former.nodeId)
  await produce(await moveLeader(ground, topic, others[0] ?? 0), topic, batch(2))
  return { topic, leader: await moveLeader(ground, topic, others[1] ?? 0), former }
}

export const movedLeaderRows: readonly Row[] = [
  {
    id: 'fetch/leader-epochs-are-fenced',
    api: 'Fetch',
    when: 'the leader is at epoch 2 and is asked with −1, 0, 1, 2 and 3',
    expect: '0, 74 FENCED_LEADER_EPOCH, 74, 0, 75 UNKNOWN_LEADER_EPOCH',
    rule: 'KIP-320',
    priority: 'P0',
    nodes: 3,
    async run(ground) {
      const { topic, leader } = await movedTwice(ground)
      const codes: number[] = []
      for (const currentLeaderEpoch of [-1, 0, 1, 2, 3]) {
        codes.push((await fetchOne(leader, topic, { currentLeaderEpoch })).errorCode)
      }
      expect(codes).toEqual([0, 74, 74, 0, 75])
    },
  },
  {
    id: 'fetch/fenced-epoch-tells-the-leader',
    api: 'Fetch',
    when: 'the leader is at epoch 2 and is asked with epoch 0, in version 16',
    expect: '74 FENCED_LEADER_EPOCH with the leader and its epoch',
    rule: 'KIP-951',
    priority: 'P1',
    nodes: 3,
    async run(ground) {
      const { topic, leader } = await movedTwice(ground)
      const id = await topicIdOf(ground, topic)
      const { responses } = await fetchWhole(leader, { [id]: [{ currentLeaderEpoch: 0 }] }, { version: 16 })
      const currentLeader = { leaderId: leader.nodeId, leaderEpoch: 2 }
      expect(responses[0]?.partitions).toMatchObject([{ errorCode: 74, currentLeader }])
    },
  },
  {
    id: 'fetch/last-fetched-epoch-diverges',
    api: 'Fetch',
    when: 'offset and last fetched epoch are 3/0, 4/0, 5/0, 5/1 and 3/3',
    expect: '0 with records, 0 diverging at 3 for 4/0 and 5/0, 0, 1 OFFSET_OUT_OF_RANGE',
    rule: 'KIP-595',
    priority: 'P1',
    nodes: 3,
    async run(ground) {
      const { topic, leader } = await movedTwice(ground)
      const ask = async (fetchOffset: number, lastFetchedEpoch: number): Promise<unknown[]> => {
        const answer = await fetchOne(leader, topic, { fetchOffset, lastFetchedEpoch, currentLeaderEpoch: 2 })
        return [answer.errorCode, answer.divergingEpoch?.endOffset, (answer.records?.length ?? 0) > 0]
      }
      expect(await ask(3, 0)).toEqual([0, undefined, true])
      expect(await ask(4, 0)).toEqual([0, 3, false])
      expect(await ask(5, 0)).toEqual([0, 3, false])
      expect(await ask(5, 1)).toEqual([0, undefined, false])
      expect(await ask(3, 3)).toEqual([1, undefined, false])
    },
  },
  {
    id: 'list-offsets/leader-epochs-are-fenced',
    api: 'ListOffsets',
    when: 'the leader is at epoch 2 and is asked with −1, 0, 1, 2 and 3',
    expect: '0, 74 FENCED_LEADER_EPOCH, 74, 0, 75 UNKNOWN_LEADER_EPOCH',
    rule: 'KIP-320',
    priority: 'P0',
    nodes: 3,
    async run(ground) {
      const { topic, leader } = await movedTwice(ground)
      const codes: number[] = []
      for (const currentLeaderEpoch of [-1, 0, 1, 2, 3]) {
        codes.push((await offsetAt(leader, topic, -1, { currentLeaderEpoch })).errorCode)
      }
      expect(codes).toEqual([0, 74, 74, 0, 75])
    },
  },
  {
    id: 'list-offsets/epoch-of-the-offset-is-told',
    api: 'ListOffsets',
    when: 'end, start and largest time are asked of a log with records of epochs 0 and 1 under a leader of epoch 2',
    expect: 'the end with epoch 2, the start with epoch 0, the largest time with the epoch of its record, 1',
    rule: 'KIP-320',
    priority: 'P0',
    nodes: 3,
    async run(ground) {
      const { topic, leader } = await movedTwice(ground)
      expect(await offsetAt(leader, topic, -1)).toMatchObject({ offset: 5, leaderEpoch: 2 })
      expect(await offsetAt(leader, topic, -2)).toMatchObject({ offset: 0, leaderEpoch: 0 })
      expect(await offsetAt(leader, topic, -3)).toMatchObject({ offset: 3, leaderEpoch: 1 })
    },
  },
  {
    id: 'offset-for-leader-epoch/ends-of-all-epochs',
    api: 'OffsetForLeaderEpoch',
    when: 'the epochs −1 to 3 are asked for',
    expect: 'no end, 3, 5, 5, no end',
    rule: 'KIP-101',
    priority: 'P0',
    nodes: 3,
    async run(ground) {
      const { topic, leader } = await movedTwice(ground)
      const ends: number[] = []
      for (const epoch of [-1, 0, 1, 2, 3]) ends.push((await epochEnd(leader, topic, epoch)).endOffset)
      expect(ends).toEqual([-1, 3, 5, 5, -1])
    },
  },
  {
    id: 'offset-for-leader-epoch/leader-epochs-are-fenced',
    api: 'OffsetForLeaderEpoch',
    when: 'the leader is at epoch 2 and is asked with −9, −1, 0, 2 and 3',
    expect: '74 FENCED_LEADER_EPOCH, 0, 74, 0, 75 UNKNOWN_LEADER_EPOCH',
    rule: 'KIP-320',
    priority: 'P0',
    nodes: 3,
    async run(ground) {
      const { topic, leader } = await movedTwice(ground)
      const codes: number[] = []
      for (const currentLeaderEpoch of [-9, -1, 0, 2, 3]) {
        codes.push((await epochEnd(leader, topic, 0, { currentLeaderEpoch })).errorCode)
      }
      expect(codes).toEqual([74, 0, 74, 0, 75])
    },
  },
  {
    id: 'produce/former-leader',
    api: 'Produce',
    when: 'the node that led the partition before is asked',
    expect: '6 NOT_LEADER_OR_FOLLOWER with the leader and its epoch',
    rule: 'KIP-951',
    priority: 'P0',
    nodes: 3,
    async run(ground) {
      const { topic, leader, former } = await movedTwice(ground)
      const currentLeader = { leaderId: leader.nodeId, leaderEpoch: 2 }
      expect(await produce(former, topic, batch(), { version: 10 })).toMatchObject({ errorCode: 6, currentLeader })
      expect(await fetchOne(former, topic)).toMatchObject({ errorCode: 6 })
    },
  },
]
