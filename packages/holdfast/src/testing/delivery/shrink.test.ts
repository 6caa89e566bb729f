import fc from 'fast-check'
import { expect, test } from 'vitest'
import { shrink, withoutSome } from './shrink.ts'

type Numbers = readonly number[]

/** Fails, with the sum as its result, as long as every one of these is there. */
const failsWith =
  (...needed: Numbers) =>
  async (plan: Numbers): Promise<number | null> =>
    needed.every((each) => plan.includes(each)) ? plan.reduce((sum, each) => sum + each, 0) : null

const numbers = (count: number): number[] => Array.from({ length: count }, (_, index) => index)

test('a list loses its halves first, then ever smaller pieces, at last single entries', () => {
  expect([...withoutSome(['a', 'b', 'c', 'd'])].map((each) => each.join(''))).toEqual([
    'cd',
    'ab',
    'bcd',
    'acd',
    'abd',
    'abc',
  ])
  expect([...withoutSome(['a'])]).toEqual([])
})

test('what is left is what the failure needs, and nothing else', async () => {
  const options = { passes: [withoutSome], fails: failsWith(7, 31), triesMax: 1_000 }

  expect(await shrink<Numbers, number>(numbers(40), 780, options)).toMatchObject({ plan: [7, 31], result: 38 })
})

test('for any needs, the result is a plan that fails and of which nothing can be left out', async () => {
  const needs = fc.uniqueArray(fc.integer({ min: 0, max: 19 }), { minLength: 1, maxLength: 6 })
  await fc.assert(
    fc.asyncProperty(needs, async (needed) => {
      const options = { passes: [withoutSome], fails: failsWith(...needed), triesMax: 10_000 }
      const { plan } = await shrink<Numbers, number>(numbers(20), 190, options)
      expect(plan).toEqual(needed.toSorted((one, other) => one - other))
    }),
  )
})

test('a way that helps no more is gone again after another one helped', async () => {
  const fails = async (plan: Numbers): Promise<number | null> =>
    plan.includes(1) || plan.length === 1 ? plan.length : null
  // While 1 is there the tens can go; while a ten is there 1 cannot.
  const withoutTens = (plan: Numbers): Numbers[] => (plan.includes(10) ? [plan.filter((each) => each !== 10)] : [])
  const withoutOne = (plan: Numbers): Numbers[] => (plan.includes(1) ? [plan.filter((each) => each !== 1)] : [])

  const { plan } = await shrink<Numbers, number>([1, 10, 2], 3, {
    passes: [withoutOne, withoutTens],
    fails,
    triesMax: 100,
  })

  expect(plan).toEqual([2])
})

test('the tries are bounded, and what was found by then is kept', async () => {
  const options = { passes: [withoutSome], fails: failsWith(0), triesMax: 3 }

  const { plan, tried } = await shrink<Numbers, number>(numbers(64), 0, options)

  expect(tried).toBe(3)
  expect(plan.length).toBeLessThan(64)
  expect(plan).toContain(0)
})
