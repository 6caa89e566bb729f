import fc from 'fast-check'
import { expect, test } from 'vitest'
import { exponentialDelayMs, fullJitterMs } from './backoff.ts'

const backoff = { firstMs: 100, maxMs: 5_000 }
const longest = (): number => 1

test('the wait doubles with each failure and stops growing at its maximum', () => {
  const waits = [1, 2, 3, 4, 5, 6, 7, 1_000, 5_000].map((failures) => exponentialDelayMs(backoff, failures, longest))
  expect(waits).toEqual([100, 200, 400, 800, 1_600, 3_200, 5_000, 5_000, 5_000])
})

test('half of the wait is chance and half is certain', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 2_000 }), fc.double({ min: 0, max: 1, noNaN: true }), (failures, chance) => {
      const waitMs = exponentialDelayMs(backoff, failures, () => chance)
      const longestMs = exponentialDelayMs(backoff, failures, longest)
      expect(waitMs).toBeGreaterThanOrEqual(longestMs / 2)
      expect(waitMs).toBeLessThanOrEqual(longestMs)
    }),
  )
})

test('full jitter spreads over the whole range', () => {
  expect(fullJitterMs(1_000, () => 0)).toBe(0)
  expect(fullJitterMs(1_000, () => 0.25)).toBe(250)
})
