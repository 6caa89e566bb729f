/** What the figures say of many histories. */

import { expect, test } from 'vitest'
import { type Account, accountOfUnended } from './account.ts'
import { enoughRuns, figuresOf, shortcomings } from './figures.ts'
import { type Extent } from './extent.ts'

const extent: Extent = {
  records: 100,
  members: 1,
  partitions: 3,
  virtualMs: 30_000,
  order: 'key',
  whileRetrying: 'overtake',
  protocol: 'eager',
}

function account(seed: number, more: Partial<Account> = {}): Account {
  return { seed, violations: [], faults: {}, features: {}, extent, traceHash: `${seed}`, ...more }
}

test('a fault counts once for each history in which it happened, and its events are counted beside', () => {
  const accounts = [account(1, { faults: { crash: 2, reset: 0 } }), account(2, { faults: { crash: 1, reset: 5 } })]
  const { faults, faultEvents } = figuresOf(accounts, [], 1)
  expect(faults).toEqual({ crash: 2, reset: 1 })
  expect(faultEvents).toEqual({ crash: 3, reset: 5 })
})

test('a fault that is known and never happened is missing', () => {
  const { faults, faultsMissing } = figuresOf([account(1, { faults: { crash: 1, reset: 0 } })], ['crash', 'stall'], 1)
  expect(faults).toEqual({ crash: 1, stall: 0 })
  expect(faultsMissing).toEqual(['stall'])
})

test('two faults are a pair where both happened in one history', () => {
  const accounts = [account(1, { faults: { b: 1, a: 1 } }), account(2, { faults: { c: 1 } })]
  const { pairs, pairsMissing } = figuresOf(accounts, ['a', 'b', 'c'], 1)
  expect(pairs).toEqual({ 'a+b': 1, 'a+c': 0, 'b+c': 0 })
  expect(pairsMissing).toEqual(['a+c', 'b+c'])
})

test('a law that a history broke many times is one failure, and two laws are two', () => {
  const broken = account(7, { violations: ['x', 'y', 'x'].map((law) => ({ law, what: '' })) })
  const { violations, failures } = figuresOf([account(6), broken], [], 1)
  expect(violations).toBe(2)
  expect(failures).toEqual([
    { seed: 7, law: 'x' },
    { seed: 7, law: 'y' },
  ])
})

test('sizes are those of the histories that ended, the median being that of a history', () => {
  const accounts = [
    account(1, { extent: { ...extent, records: 50 } }),
    account(2, { extent: { ...extent, records: 1_000, members: 3, order: 'none' } }),
    account(3, { extent: { ...extent, records: 70 } }),
    accountOfUnended(4, 'no end'),
  ]
  expect(figuresOf(accounts, [], 1)).toMatchObject({
    runs: 4,
    sizes: {
      medianRecords: 70,
      mostRecords: 1_000,
      allRecords: 1_120,
      virtualSeconds: 90,
      atLeast1000: 1,
      atLeast3Members: 1,
      members: { 1: 2, 3: 1 },
      orders: { key: 2, none: 1 },
    },
  })
})

test('a fault that never happens is a shortcoming of a long run and of no short one', () => {
  const long = Array.from({ length: enoughRuns }, (_, seed) => account(seed))
  expect(shortcomings(figuresOf(long, ['stall'], 1))).toEqual(["the fault 'stall' never happened in 5000 histories"])
  expect(shortcomings(figuresOf(long.slice(1), ['stall'], 1))).toEqual([])
})

test('the trace hash of a run tells whether anything in it was different', () => {
  const hashOf = (...accounts: Account[]): string => figuresOf(accounts, [], 1).traceHash
  expect(hashOf(account(1), account(2))).toBe(hashOf(account(1), account(2)))
  expect(hashOf(account(1), account(2))).not.toBe(hashOf(account(1), account(2, { traceHash: 'other' })))
})
