import { expect, test } from 'vitest'
import { mean, median, medians, orderOfRound, pairedRatio, quantile, rounded } from './statistics.ts'

test('a median is the middle value whatever the order, and the mean of two in the middle', () => {
  expect(median([9, 1, 5])).toBe(5)
  expect(median([10, 4, 1, 2])).toBe(3)
})

test('one disturbed round does not move a median', () => {
  expect(median([100, 101, 99, 100, 9_000])).toBe(100)
})

test('values are put in order as numbers', () => {
  expect(median([9, 10, 100])).toBe(10)
})

test('a quantile lies between its neighbours', () => {
  const values = Array.from({ length: 101 }, (_, index) => 100 - index)

  expect(quantile(values, 0)).toBe(0)
  expect(quantile(values, 0.99)).toBe(99)
  expect(quantile(values, 1)).toBe(100)
  expect(quantile([0, 10], 0.25)).toBe(2.5)
})

test('a figure without measurements is an error, and so is a share beyond 1', () => {
  expect(() => median([])).toThrow('at least one value')
  expect(() => mean([])).toThrow('at least one value')
  expect(() => medians([])).toThrow('at least one round')
  expect(() => quantile([1], 99)).toThrow('from 0 to 1')
})

test('each figure of a row has a median of its own', () => {
  const rounds = [
    { speed: 3, cpu: 1 },
    { speed: 1, cpu: 2 },
    { speed: 2, cpu: 9 },
  ]

  expect(medians(rounds)).toEqual({ speed: 2, cpu: 2 })
})

test('a ratio is taken within each round, so that a slow round slows both sides of it', () => {
  const ours = [100, 10, 100]
  const theirs = [200, 20, 100]

  expect(pairedRatio(ours, theirs)).toEqual({ ratio: 0.5, low: 0.5, high: 1 })
})

test('a ratio needs the same rounds on both sides', () => {
  expect(() => pairedRatio([1], [1, 2])).toThrow('expected 1 rounds of both, got 2')
})

test('each other round runs backwards', () => {
  const subjects = ['a', 'b', 'c']

  expect(orderOfRound(subjects, 0)).toEqual(['a', 'b', 'c'])
  expect(orderOfRound(subjects, 1)).toEqual(['c', 'b', 'a'])
  expect(orderOfRound(subjects, 2)).toEqual(['a', 'b', 'c'])
  expect(subjects).toEqual(['a', 'b', 'c'])
})

test('a rounded figure keeps its significant digits, however large or small it is', () => {
  expect(rounded(1_234_567)).toBe(1_235_000)
  expect(rounded(0.000_123_456, 2)).toBe(0.000_12)
  expect(rounded(Infinity)).toBe(Infinity)
})
