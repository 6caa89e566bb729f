import { beforeEach, describe, expect, test } from 'vitest'

import { encodeBatch } from '../log/record-batch.ts'
import { VirtualClock } from '../testing/virtual-clock.ts'
import { BrokerCore } from './broker-core.ts'
import type { BrokerEvent } from './events.ts'

let clock: VirtualClock
let core: BrokerCore
let events: BrokerEvent[]

beforeEach(() => {
  clock = new VirtualClock()
  const brokers = [1, 2, 3].map((nodeId) => ({ nodeId, host: 'a', port: nodeId }))
  core = new BrokerCore({ brokers, clock, topics: { orders: 3 } })
  core.moveCoordinator('g', 1)
  events = []
  core.onEvent((event) => events.push(event))
})

const seen = (type: BrokerEvent['type']): BrokerEvent[] => events.filter((event) => event.type === type)

async function join(sessionTimeoutMs = 10_000): Promise<string> {
  const connection = core.connect(1, 'c')
  const request = {
    groupId: 'g',
    sessionTimeoutMs,
    rebalanceTimeoutMs: 10_000,
    protocolType: 'consumer',
    protocols: [{ name: 'range' }],
  }
  const joining = core.handle(1, 'JoinGroup', 3, request, connection)
  await clock.advance(0)
  const { memberId, generationId } = await joining
  await core.handle(1, 'SyncGroup', 3, { groupId: 'g', generationId, memberId }, connection)
  return memberId
}

describe('a change of a group is told', () => {
  test('at every step of a join', async () => {
    const memberId = await join()
    expect(seen('group')).toEqual([
      { type: 'group', groupId: 'g', state: 'preparing', generation: 0, memberIds: [memberId] },
      { type: 'group', groupId: 'g', state: 'completing', generation: 1, memberIds: [memberId] },
      { type: 'group', groupId: 'g', state: 'stable', generation: 1, memberIds: [memberId] },
    ])
  })

  test('when a session ends in silence', async () => {
    await join(1_000)
    await clock.advance(1_000)
    expect(events.at(-1)).toMatchObject({ type: 'group', state: 'empty', memberIds: [] })
  })

  test('when a test asks for a rebalance', async () => {
    await join()
    core.triggerRebalance('g')
    expect(events.at(-1)).toMatchObject({ type: 'group', state: 'preparing' })
  })
})

test('topics are told when they come, grow and go, also when a client makes them', async () => {
  const connection = core.connect(1, 'c')
  const topics = [{ name: 'made', numPartitions: 2, replicationFactor: 1 }]
  await core.handle(1, 'CreateTopics', 5, { topics }, connection)
  await core.handle(1, 'DeleteTopics', 5, { topicNames: ['made'] }, connection)
  expect(events).toEqual([
    { type: 'topicCreated', topic: 'made', partitions: 2 },
    { type: 'topicDeleted', topic: 'made' },
  ])
})

test('the history is one list: a change stands between the arrival of its request and the answer', async () => {
  const records = encodeBatch([{ value: 'v' }], { nowMs: clock.epochMs() })
  const before = core.fullHistory.at(-1)?.number ?? 0
  const partitions = [{ index: 0, records }]
  await core.handle(
    1,
    'Produce',
    9,
    { acks: -1, topics: [{ name: 'orders', partitions }] },
    core.connect(1, 'producer'),
  )
  expect(core.fullHistory.slice(-2)).toMatchObject([
    { kind: 'change', number: before + 1, event: { type: 'append', endOffset: 1 } },
    { kind: 'request', number: before + 2, arrivedAfter: before, api: 'Produce', clientId: 'producer' },
  ])
})

describe('a node that stops', () => {
  test('cuts its connections, and its partitions, groups and the controller are found elsewhere', async () => {
    const connection = core.connect(1, 'c')
    core.stopNode(1)
    const { brokers, controllerId, topics } = await core.handle(
      2,
      'Metadata',
      12,
      { topics: null },
      core.connect(2, 'd'),
    )
    expect(connection.isClosed).toBe(true)
    expect(brokers.map(({ nodeId }) => nodeId)).toEqual([2, 3])
    expect(controllerId).toBe(2)
    expect(topics[0]?.partitions.map(({ leaderId }) => leaderId)).toEqual([2, 2, 3])
    expect(core.coordinatorOf('g')).toBe(2)
  })

  test('is joined by nobody, and when it is back nothing has moved back', () => {
    core.stopNode(1)
    expect(() => core.connect(1, 'c')).toThrow(RangeError)
    core.coordinatorOf('g')
    core.startNode(1)
    expect(core.connect(1, 'c').isClosed).toBe(false)
    expect([core.leaderOf('orders', 0), core.coordinatorOf('g')]).toEqual([2, 2])
  })

  test('keeps what it leads if there is no other', () => {
    for (const nodeId of [1, 2, 3]) core.stopNode(nodeId)
    expect([core.leaderOf('orders', 0), core.leaderOf('orders', 2)]).toEqual([3, 3])
    expect(core.nodeIds().map((nodeId) => core.isUp(nodeId))).toEqual([false, false, false])
  })
})
