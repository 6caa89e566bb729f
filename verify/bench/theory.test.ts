import { SeededRandom } from 'holdfast/testing'
import { expect, test } from 'vitest'
import { exponential } from './distributions.ts'
import { mean } from './statistics.ts'
import { entropyBits, hashedMakespanMs, makespanBoundMs, meanQueueWaitMs, queueWaitsMs, type Work } from './theory.ts'

function work(...of: readonly (readonly [lane: number | null, serviceMs: number])[]): Work[] {
  return of.map(([lane, serviceMs]) => ({ lane, serviceMs }))
}

test('many small lanes are bound by the workers', () => {
  expect(makespanBoundMs(work([1, 10], [2, 10], [3, 10], [4, 10]), 2)).toBe(20)
})

test('one heavy lane is bound by itself, however many workers there are', () => {
  expect(makespanBoundMs(work([1, 10], [1, 30], [2, 10]), 100)).toBe(40)
})

test('work without a lane is bound by the longest piece', () => {
  expect(makespanBoundMs(work([null, 10], [null, 30], [null, 5]), 100)).toBe(30)
})

test('with hashed lanes the fullest worker ends last', () => {
  const lanes = work([0, 10], [2, 10], [1, 5])

  expect(hashedMakespanMs(lanes, 2, Number)).toBe(20)
  expect(makespanBoundMs(lanes, 2)).toBe(12.5)
})

test('an arrival waits for what is left of the work before it', () => {
  const arrivals = [
    { atMs: 0, serviceMs: 10 },
    { atMs: 4, serviceMs: 10 },
    { atMs: 30, serviceMs: 1 },
  ]

  expect(queueWaitsMs(arrivals)).toEqual([0, 6, 0])
})

test('the mean wait of a long queue is what Pollaczek and Khinchine say', () => {
  const chance = new SeededRandom(3)
  let atMs = 0
  const arrivals = Array.from({ length: 200_000 }, () => {
    atMs += exponential(10, chance)
    return { atMs, serviceMs: chance.fraction() < 0.5 ? 2 : 8 }
  })
  const expectedMs = meanQueueWaitMs(
    1 / 10,
    arrivals.map(({ serviceMs }) => serviceMs),
  )

  expect(mean(queueWaitsMs(arrivals)) / expectedMs).toBeCloseTo(1, 1)
})

test('a queue that gets more than it can do waits for ever', () => {
  expect(meanQueueWaitMs(1, [2])).toBe(Infinity)
})

test('a certain choice tells nothing, an even one tells a bit', () => {
  expect(entropyBits(0)).toBe(0)
  expect(entropyBits(1)).toBe(0)
  expect(entropyBits(0.5)).toBe(1)
  expect(entropyBits(0.1)).toBeCloseTo(0.469, 3)
})
