import { expect, test } from 'vitest'
import { type KafkaApi } from '../kafka/port.ts'
import { type GroupSettings } from '../model/settings.ts'
import { type Cluster } from './cluster.ts'
import { NotNow, Positions } from './positions.ts'
import { ManualClock, type Scripted, type ScriptedCall, ScriptedPort } from './scripted-port.fixture.ts'

const broker = { host: 'broker', port: 9092 }
const identity = { memberId: 'me', generation: 7 }
const at = { topic: 'orders', partition: 0 }

/** A group that has committed nothing, and a log that begins at 5. */
function answers({ api }: ScriptedCall): Scripted {
  switch (api) {
    case 'OffsetFetch':
      return { groups: [{ groupId: 'billing', errorCode: 0, topics: [] }] }
    case 'ListOffsets':
      return { topics: [{ name: 'orders', partitions: [{ partitionIndex: 0, errorCode: 0, offset: 5 }] }] }
    default:
      return { topics: [{ name: 'orders', partitions: [{ partitionIndex: 0, errorCode: 0 }] }] }
  }
}

function positions(): {
  positions: Positions
  port: ScriptedPort
  clock: ManualClock
  /** What had been asked when the metadata were. */
  refreshes: readonly KafkaApi[][]
} {
  const clock = new ManualClock()
  const port = new ScriptedPort(clock, answers)
  const refreshes: KafkaApi[][] = []
  const cluster = {
    refresh: () => {
      refreshes.push(port.calls.map(({ api }) => api))
      return Promise.resolve(true)
    },
    topic: () => ({ topicId: 'an-id', partitions: [at] }),
    leaderOf: () => ({ nodeId: 1, leaderEpoch: 0, address: broker }),
    coordinatorOf: () => Promise.resolve(broker),
  } as unknown as Cluster
  const settings = {
    group: 'billing',
    requestTimeoutMs: 5_000,
    subscriptions: [{ topic: 'orders', from: 'earliest' }],
    fetch: { isolationLevel: 'readCommitted' },
  } as unknown as GroupSettings
  return { positions: new Positions({ port, cluster, clock, settings }), port, clock, refreshes }
}

test('a start that nobody committed is committed before anything runs, as the member that was given the partition', async () => {
  const given = positions()
  const starts = await given.positions.resolve(identity, [at], () => true)
  expect(starts).toMatchObject([{ ...at, position: 5, committed: 5 }])
  expect(given.port.of('OffsetCommit').map(({ request }) => request)).toMatchObject([
    { memberId: 'me', generationIdOrMemberEpoch: 7 },
  ])
})

test('a member that joined anew while it looked for a start, or lost its lease, commits none (R1, R5)', async () => {
  const given = positions()
  await expect(given.positions.resolve(identity, [at], () => false)).rejects.toBeInstanceOf(NotNow)
  expect(given.port.of('OffsetCommit')).toEqual([])
})

test('a committed start is trusted only for the topic that there is now: the metadata are asked for again first', async () => {
  const given = positions()
  const partition = { partitionIndex: 0, committedOffset: 3, committedLeaderEpoch: -1, metadata: '', errorCode: 0 }
  const topics = [{ name: 'orders', partitions: [partition] }]
  given.port.answer = () => ({ groups: [{ groupId: 'billing', errorCode: 0, topics }] })
  const starts = await given.positions.resolve(identity, [at], () => true)
  expect(starts).toMatchObject([{ ...at, position: 3, committed: 3 }])
  expect(given.refreshes).toEqual([['OffsetFetch']])
})
