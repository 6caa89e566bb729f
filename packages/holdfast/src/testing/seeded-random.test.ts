import { expect, test } from 'vitest'
import { SeededRandom } from './seeded-random.ts'

function draws(random: SeededRandom, count: number): number[] {
  return Array.from({ length: count }, () => random.fraction())
}

test('the same seed gives the same sequence, another seed another one', () => {
  expect(draws(new SeededRandom(7), 5)).toEqual(draws(new SeededRandom(7), 5))
  expect(draws(new SeededRandom(7), 5)).not.toEqual(draws(new SeededRandom(8), 5))
})

test('an extra draw in one stream disturbs no other', () => {
  const calm = new SeededRandom(1)
  const disturbed = new SeededRandom(1)
  disturbed.fraction()
  disturbed.stream('network').fraction()

  expect(draws(disturbed.stream('handlers'), 5)).toEqual(draws(calm.stream('handlers'), 5))
  expect(draws(calm.stream('handlers'), 5)).not.toEqual(draws(calm.stream('network'), 5))
})

test('draws spread evenly over their range', () => {
  const random = new SeededRandom(3)
  const counts = new Array<number>(10).fill(0)
  for (let draw = 0; draw < 100_000; draw++) {
    const digit = random.integer(0, 9)
    counts[digit] = (counts[digit] as number) + 1
  }
  // Ten standard deviations around 10,000.
  for (const count of counts) expect(Math.abs(count - 10_000)).toBeLessThan(1_000)
})

test('near seeds begin with draws that have nothing to do with each other', () => {
  const firsts = Array.from({ length: 1_000 }, (_, seed) => new SeededRandom(seed).fraction())
  const mean = firsts.reduce((sum, each) => sum + each, 0) / firsts.length
  expect(Math.abs(mean - 0.5)).toBeLessThan(0.1)
  expect(new Set(firsts).size).toBe(firsts.length)
})

test('picking from nothing is refused', () => {
  expect(() => new SeededRandom(1).pick([])).toThrow(RangeError)
})
