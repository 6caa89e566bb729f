/** What is left of a plan when everything that a failure does not need is left out. */

import { expect, test } from 'vitest'
import { perfectNetwork } from 'holdfast/testing'
import { type Plan, planOf } from './plan.ts'
import { shrink } from './shrink.ts'
import { describedPlan } from './shrunk-plan.ts'

const recordsOf = ({ batches }: Plan): number => batches.reduce((sum, { records }) => sum + records.length, 0)

/** A plan with a bit of everything. */
const drawn = Array.from({ length: 200 }, (_, index) => planOf(1_000 + index)).find(
  (plan) => plan.size === 'middle' && plan.incidents.length > 5 && plan.visits.length > 1,
) as Plan

const culprits = {
  incident: drawn.incidents[3],
  visit: drawn.visits[1],
  records: drawn.batches.flatMap((batch) => batch.records).filter((_, index) => index === 17 || index === 120),
}

test('what a failure needs is left, and nothing else', async () => {
  const isBroken = async ({ incidents, visits, batches }: Plan): Promise<boolean> => {
    const records = batches.flatMap((batch) => batch.records.map(({ key }) => key))
    const isThere = culprits.records.every(({ key }) => records.includes(key))
    return incidents.some(({ atMs }) => atMs === culprits.incident?.atMs) && visits.length > 0 && isThere
  }
  const { plan, attempts } = await shrink(drawn, { isBroken })
  expect(plan.incidents).toEqual([culprits.incident])
  expect(plan.visits).toHaveLength(1)
  expect(recordsOf(plan)).toBe(new Set(culprits.records.map(({ key }) => key)).size)
  expect(plan).toMatchObject({ network: perfectNetwork, partitions: 1, brokers: 1, handler: { fails: 0, hangs: 0 } })
  expect(attempts).toBeLessThanOrEqual(200)
})

test('a plan that the law is only broken by as it is stays as it is', async () => {
  const { plan } = await shrink(drawn, { isBroken: async () => false, attemptsMax: 500 })
  expect(plan).toBe(drawn)
})

test('terms are those of the smaller plan', async () => {
  const { plan } = await shrink(drawn, { isBroken: async () => true })
  expect(plan.terms).toMatchObject({ order: plan.order, concurrency: plan.concurrency, retries: plan.retries })
  expect(plan.terms.drainBoundMs).toBeLessThan(drawn.terms.drainBoundMs)
})

test('no more plans are played than may be, and none when time is over', async () => {
  let played = 0
  const isBroken = async (): Promise<boolean> => {
    played += 1
    return false
  }
  expect(await shrink(drawn, { isBroken, attemptsMax: 7 })).toEqual({ plan: drawn, attempts: 7 })
  await shrink(drawn, { isBroken, isOver: () => true })
  expect(played).toBe(7)
})

test('a plan is told in a few lines, with what there was', () => {
  const text = describedPlan({ ...drawn, incidents: drawn.incidents.slice(0, 1) }, drawn)
  expect(text.split('\n')).toHaveLength(8)
  expect(text).toContain(`1 of ${drawn.incidents.length} faults: ${drawn.incidents[0]?.kind} at `)
})
