/** Themes bend plans; what they must leave true of every plan is here. What they show, the planted defects prove. */

import { SeededRandom } from 'holdfast/testing'
import { expect, test } from 'vitest'
import { type Plan, planOf } from './plan.ts'
import { underTheme } from './themes.ts'

const plans: readonly Plan[] = Array.from({ length: 400 }, (_, index) => planOf(index + 1))

test('what laws know of a plan is what the plan says', () => {
  for (const { terms, ...plan } of plans) {
    const { order, protocol, concurrency, bufferedRecords, filtersEvery, retries } = plan
    expect(terms).toMatchObject({ order, protocol, concurrency, bufferedRecords, filtersEvery, retries })
    expect(terms.attemptsMax).toBe(retries.attemptsMax)
  }
})

test('nothing goes wrong in a calm history but its crash', () => {
  const calm = plans.filter(({ terms }) => terms.isCalm)

  expect(calm.length).toBeGreaterThan(0)
  for (const { incidents, network } of calm) {
    expect(incidents).toEqual([])
    expect(network).toMatchObject({ refused: 0, requestLost: 0, answerLost: 0, stalled: 0 })
  }
})

test('records lie in partitions that there are', () => {
  for (const { batches, partitions } of plans) {
    for (const { partition } of batches) expect(partition).toBeLessThan(partitions)
  }
})

test('only small plans get a theme, and the same one each time', () => {
  const bent = plans.map((plan) => underTheme(plan, new SeededRandom(plan.seed)))

  for (const [index, plan] of plans.entries()) {
    expect(bent[index]).toEqual(underTheme(plan, new SeededRandom(plan.seed)))
    if (plan.size !== 'small') expect(bent[index]).toBe(plan)
  }
  expect(bent.some((plan, index) => plan !== plans[index])).toBe(true)
})
