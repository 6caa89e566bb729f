import { beforeEach, expect, test } from 'vitest'

import { VirtualClock } from '../testing/virtual-clock.ts'
import { BrokerCore } from './broker-core.ts'

const minuteMs = 60_000
let clock: VirtualClock
let core: BrokerCore

beforeEach(() => {
  clock = new VirtualClock()
  const brokers = [{ nodeId: 1, host: '127.0.0.1', port: 9_092 }]
  const orders = { partitions: 2, configs: { 'retention.ms': String(10 * minuteMs) } }
  const prices = { partitions: 1, configs: { 'cleanup.policy': 'compact', 'delete.retention.ms': String(minuteMs) } }
  core = new BrokerCore({ brokers, clock, topics: { orders, prices } })
})

test('the clock takes away what is too old, and tells where the log starts then', async () => {
  const deleted: unknown[] = []
  core.onEvent((event) => void (event.type === 'recordsDeleted' && deleted.push(event)))
  core.append('orders', 1, [{ value: 'a' }, { value: 'b' }])
  await clock.advance(10 * minuteMs)
  expect(core.records('orders', 1)).toHaveLength(2)
  await clock.advance(6 * minuteMs)
  expect(core.records('orders', 1)).toHaveLength(0)
  expect(core.endOffset('orders', 1)).toBe(2)
  expect(deleted).toEqual([{ type: 'recordsDeleted', topic: 'orders', partition: 1, startOffset: 2 }])
})

test('without records no timer waits, and a closed broker takes nothing away', async () => {
  expect(clock.timers).toBe(0)
  core.append('orders', 0, [{ value: 'a' }])
  expect(clock.timers).toBe(1)
  core.close()
  expect(clock.timers).toBe(0)
  await clock.advance(60 * minuteMs)
  expect(core.records('orders', 0)).toHaveLength(1)
})

test('retention by hand does not wait for the clock', () => {
  core.append('orders', 0, [{ value: 'old', timestampMs: 1_000 }])
  core.append('prices', 0, [{ key: 'a', value: 'old', timestampMs: 1_000 }])
  core.applyRetention()
  expect([core.records('orders', 0).length, core.records('prices', 0).length]).toEqual([0, 1])
})

test('a tombstone outlives the compaction that meets it, and goes with one after delete.retention.ms', async () => {
  core.append('prices', 0, [{ key: 'a', value: '1' }])
  core.append('prices', 0, [{ key: 'a', value: null }])
  core.append('prices', 0, [{ key: 'b', value: '1' }])
  const offsets = (): number[] => core.records('prices', 0).map(({ offset }) => offset)
  core.compact('prices')
  expect(offsets()).toEqual([1, 2])
  await clock.advance(minuteMs - 1)
  core.compact('prices')
  expect(offsets()).toEqual([1, 2])
  await clock.advance(1)
  core.compact('prices')
  expect(offsets()).toEqual([2])
})

test('only a topic that is compacted can be compacted', () => {
  expect(() => core.compact('orders')).toThrow(/cleanup.policy=compact/)
  expect(() => core.compact('nothing')).toThrow(/does not exist/)
})
