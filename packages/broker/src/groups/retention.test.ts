import { beforeEach, expect, test } from 'vitest'

import { errorCode } from '../protocol/error-code.ts'
import { VirtualClock } from '../testing/virtual-clock.ts'
import { consumerGroupDefaults } from './consumer-settings.ts'
import { GroupCoordinator } from './group-coordinator.ts'

const minuteMs = 60_000
const retentionMs = 100 * minuteMs
const checkIntervalMs = 10 * minuteMs
const topicId = '00000000-0000-4000-8000-000000000001'
const asTool = { memberId: '', groupInstanceId: null, generationId: -1 }

let clock: VirtualClock
let groups: GroupCoordinator

beforeEach(() => {
  clock = new VirtualClock()
  groups = new GroupCoordinator({
    clock,
    rebalanceDelayMs: 0,
    membersMax: 10,
    consumerSettings: () => consumerGroupDefaults,
    retention: () => ({ retentionMs, checkIntervalMs }),
    topics: () => [{ name: 'orders', id: topicId, partitions: { length: 1 } }],
    onAssigned: () => {},
  })
})

function commitAsTool(topic: string): void {
  const known = groups.forCommit('g', asTool, 9, new Map())
  if (typeof known === 'number') throw new Error(`refused with ${known}`)
  known.offsets.commit(topic, 0, { offset: 1, leaderEpoch: -1, metadata: '' })
}

function heartbeat(memberEpoch: number): number {
  return groups.heartbeat('g', {
    memberId: 'm',
    memberEpoch,
    instanceId: null,
    rackId: null,
    clientId: 'c',
    rebalanceTimeoutMs: memberEpoch === 0 ? 30_000 : -1,
    topicNames: memberEpoch === 0 ? ['orders'] : null,
    topicRegex: null,
    assignor: null,
    owned: memberEpoch === 0 ? new Map() : null,
  }).errorCode
}

const topicsLeft = (): readonly string[] | undefined =>
  groups
    .get('g')
    ?.offsets.all()
    .map(({ topic }) => topic)

test('a group that only keeps offsets loses each of them after its time, and then itself', async () => {
  commitAsTool('orders')
  await clock.advance(50 * minuteMs)
  commitAsTool('payments')
  await clock.advance(50 * minuteMs - 1)
  expect(topicsLeft()).toEqual(['orders', 'payments'])
  await clock.advance(1)
  expect(topicsLeft()).toEqual(['payments'])
  await clock.advance(50 * minuteMs)
  expect(topicsLeft()).toBeUndefined()
})

test('offsets are looked at every ten minutes, not in between', async () => {
  await clock.advance(1)
  commitAsTool('orders')
  await clock.advance(retentionMs + checkIntervalMs - 2)
  expect(topicsLeft()).toEqual(['orders'])
  await clock.advance(1)
  expect(topicsLeft()).toBeUndefined()
})

test('members keep the offsets of their topics, and only these', async () => {
  commitAsTool('orders')
  commitAsTool('payments')
  expect(heartbeat(0)).toBe(errorCode.none)
  for (let minutes = 0; minutes < 200; minutes++) {
    for (let beats = 0; beats < 2; beats++) {
      expect(heartbeat(2)).toBe(errorCode.none)
      await clock.advance(minuteMs / 2)
    }
  }
  expect(topicsLeft()).toEqual(['orders'])
})

test('a group that has been left is forgotten at the next look if it has no offsets', async () => {
  heartbeat(0)
  heartbeat(-1)
  expect(groups.get('g')?.group.state).toBe('empty')
  await clock.advance(checkIntervalMs)
  expect(groups.get('g')).toBeUndefined()
  expect(groups.delete('g')).toBe(errorCode.groupIdNotFound)
})
