import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Order } from '../model/settings.ts'
import { Entry } from './entry.ts'
import { lanesFor } from './lanes.ts'

function entryOf(offset: number, key: number | null): Entry<number> {
  const holding = { bytes: 0, leaderEpoch: 0, unfinished: 0, isTaken: false }
  return new Entry(offset, offset, key ?? 0, key !== null, offset, holding, null as never)
}

test('records of one key run one after the other, in offset order', () => {
  const lanes = lanesFor<number>('key')
  const [first, second, third] = [entryOf(1, 7), entryOf(2, 7), entryOf(3, 7)]
  expect([lanes.add(first), lanes.add(second), lanes.add(third)]).toEqual([true, false, false])
  expect(lanes.finish(first)).toBe(second)
  expect(lanes.finish(second)).toBe(third)
  expect(lanes.finish(third)).toBe(null)
})

test('records of different keys do not wait for each other', () => {
  const lanes = lanesFor<number>('key')
  expect([lanes.add(entryOf(1, 7)), lanes.add(entryOf(2, 8))]).toEqual([true, true])
})

test('records without a key wait for nobody under key order', () => {
  const lanes = lanesFor<number>('key')
  expect([lanes.add(entryOf(1, null)), lanes.add(entryOf(2, null))]).toEqual([true, true])
})

test('an attempt of an earlier ownership holds its lane until it settles', () => {
  const lanes = lanesFor<number>('key')
  const leftover = entryOf(5, 7)
  lanes.hold(leftover)
  const [same, other] = [entryOf(5, 7), entryOf(6, 8)]
  expect([lanes.add(same), lanes.add(other)]).toEqual([false, true])
  expect(lanes.finish(leftover)).toBe(same)
})

test('without order a record waits for nothing but an earlier attempt of itself', () => {
  const lanes = lanesFor<number>('none')
  const leftover = entryOf(5, null)
  lanes.hold(leftover)
  const [same, other] = [entryOf(5, null), entryOf(6, null)]
  expect([lanes.add(same), lanes.add(other)]).toEqual([false, true])
  expect(lanes.finish(leftover)).toBe(same)
  expect(lanes.finish(same)).toBe(null)
})

test.each(['partition', 'key', 'none'] as const)('a lane that emptied is free for the next record (%s)', (order) => {
  const lanes = lanesFor<number>(order)
  const leftover = entryOf(1, 7)
  lanes.hold(leftover)
  const first = entryOf(1, 7)
  expect(lanes.add(first)).toBe(false)
  expect(lanes.finish(leftover)).toBe(first)
  expect(lanes.finish(first)).toBe(null)
  expect(lanes.add(entryOf(1, 7))).toBe(true)
})

test('under key order an attempt without a key that outlived its ownership holds back the same record', () => {
  const lanes = lanesFor<number>('key')
  const leftover = entryOf(5, null)
  lanes.hold(leftover)
  const same = entryOf(5, null)
  expect(lanes.add(same)).toBe(false)
  expect(lanes.finish(leftover)).toBe(same)
})

test('a record without a key that ends frees no lane of a key', () => {
  const lanes = lanesFor<number>('key')
  const keyless = entryOf(1, null)
  expect([lanes.add(keyless), lanes.add(entryOf(2, keyless.laneId))]).toEqual([true, true])
  lanes.finish(keyless)
  expect(lanes.add(entryOf(3, keyless.laneId))).toBe(false)
})

test('a record that ended keeps the next of its lane no longer alive', () => {
  const lanes = lanesFor<number>('partition')
  const first = entryOf(1, null)
  lanes.add(first)
  lanes.add(entryOf(2, null))
  lanes.finish(first)
  expect(first.behind).toBe(null)
})

test.each(['partition', 'key'] as const)(
  'a lane whose first record ended is still in use while another waits (%s)',
  (order) => {
    const lanes = lanesFor<number>(order)
    const [first, second, third] = [entryOf(1, 7), entryOf(2, 7), entryOf(3, 7)]
    lanes.add(first)
    lanes.add(second)
    expect(lanes.finish(first)).toBe(second)
    expect(lanes.add(third)).toBe(false)
    expect(lanes.finish(second)).toBe(third)
  },
)

test('without order two attempts of earlier ownerships hold back the same record, until the later one settles', () => {
  const lanes = lanesFor<number>('none')
  const [earlier, later, same] = [entryOf(5, null), entryOf(5, null), entryOf(5, null)]
  lanes.hold(earlier)
  lanes.hold(later)
  expect(lanes.finish(earlier)).toBe(null)
  expect(lanes.add(same)).toBe(false)
  expect(lanes.finish(later)).toBe(same)
})

test('a place behind a record is given once: a record that is forgotten there would never start', () => {
  const lanes = lanesFor<number>('none')
  lanes.hold(entryOf(5, null))
  lanes.add(entryOf(5, null))
  expect(() => lanes.add(entryOf(5, null))).toThrow('offset 5 already has a follower')
})

/** Goal: at any moment, records coming and ending in any mixture, what may run is exactly the lowest unfinished record of
 *  each lane. */
test('what may start agrees with a naive look through all unfinished records', () => {
  const act = fc.oneof(
    fc.record({ kind: fc.constant('come' as const), key: fc.option(fc.integer({ min: 0, max: 4 })) }),
    fc.record({ kind: fc.constant('end' as const), pick: fc.nat() }),
  )
  const script = fc.record({
    order: fc.constantFrom<Order>('partition', 'key', 'none'),
    acts: fc.array(act, { maxLength: 100 }),
  })
  fc.assert(
    fc.property(script, ({ order, acts }) => {
      const lanes = lanesFor<number>(order)
      const unfinished: Entry<number>[] = []
      const startable = new Set<Entry<number>>()
      const laneOf = (entry: Entry<number>): string => {
        if (order === 'partition') return 'all'
        return order === 'key' && entry.hasLane ? `key ${entry.laneId}` : `record ${entry.offset}`
      }
      for (const [offset, each] of acts.entries()) {
        if (each.kind === 'come') {
          const entry = entryOf(offset, order === 'key' ? each.key : null)
          unfinished.push(entry)
          if (lanes.add(entry)) startable.add(entry)
        } else {
          const entry = [...startable][each.pick % Math.max(1, startable.size)]
          if (entry === undefined) continue
          startable.delete(entry)
          unfinished.splice(unfinished.indexOf(entry), 1)
          const next = lanes.finish(entry)
          if (next !== null) startable.add(next)
        }
        const firsts = new Map(unfinished.toReversed().map((entry) => [laneOf(entry), entry]))
        expect(startable).toEqual(new Set(firsts.values()))
      }
    }),
    { numRuns: 500 },
  )
})
