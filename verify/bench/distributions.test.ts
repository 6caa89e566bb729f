import { SeededRandom } from 'holdfast/testing'
import { expect, test } from 'vitest'
import { exponential, lognormal, zipf } from './distributions.ts'
import { mean, quantile } from './statistics.ts'

const draws = 100_000

function drawn(draw: (chance: SeededRandom) => number): number[] {
  const chance = new SeededRandom(7)
  return Array.from({ length: draws }, () => draw(chance))
}

test('exponential times have their mean and their median', () => {
  const values = drawn((chance) => exponential(10, chance))

  expect(mean(values) / 10).toBeCloseTo(1, 1)
  expect(quantile(values, 0.5) / (10 * Math.LN2)).toBeCloseTo(1, 1)
})

test('lognormal times have the mean that was asked for, not that of their logarithm', () => {
  const values = drawn((chance) => lognormal(10, 1, chance))

  expect(mean(values) / 10).toBeCloseTo(1, 1)
  expect(quantile(values, 0.5) / (10 * Math.exp(-0.5))).toBeCloseTo(1, 1)
})

test('the first key of Zipf has its share, and without exponent all have the same', () => {
  const shareOf = (exponent: number, key: number): number => {
    const pick = zipf(4, exponent)
    return drawn((chance) => (pick(chance) === key ? 1 : 0)).reduce((a, b) => a + b) / draws
  }

  expect(shareOf(1, 0)).toBeCloseTo(1 / (1 + 1 / 2 + 1 / 3 + 1 / 4), 2)
  expect(shareOf(0, 0)).toBeCloseTo(1 / 4, 2)
  expect(shareOf(0, 3)).toBeCloseTo(1 / 4, 2)
})

test('the same seed draws the same work', () => {
  const draw = (chance: SeededRandom): number => lognormal(10, 1, chance)

  expect(drawn(draw)).toEqual(drawn(draw))
})
