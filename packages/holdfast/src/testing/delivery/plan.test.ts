import { expect, test } from 'vitest'
import { perfectNetwork } from '../simulated-network.ts'
import { deliveryFaults, type DeliveryPlan, drawPlan, simplerPlans } from './plan.ts'
import { shrink } from './shrink.ts'

const plans = (faults: Parameters<typeof drawPlan>[1]['faults']): DeliveryPlan[] =>
  Array.from({ length: 200 }, (_, seed) => drawPlan(seed, { records: 10, faults }))

test('the same seed gives the same plan, another seed another one', () => {
  const terms = { records: 10, faults: deliveryFaults }

  expect(drawPlan(7, terms)).toEqual(drawPlan(7, terms))
  expect(drawPlan(7, terms)).not.toEqual(drawPlan(8, terms))
})

test('every message is sent once, in its order', () => {
  for (const { sendings } of plans(deliveryFaults)) {
    expect(sendings.map(({ index }) => index)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
    expect(sendings.map(({ atMs }) => atMs)).toEqual(sendings.map(({ atMs }) => atMs).toSorted((a, b) => a - b))
  }
})

test('each fault comes where it is asked for, and nowhere else', () => {
  const happens: Readonly<Record<string, (plan: DeliveryPlan) => boolean>> = {
    crash: ({ incidents }) => incidents.some(({ kind }) => kind === 'crash'),
    rebalance: ({ incidents }) => incidents.some(({ kind }) => kind === 'rebalance'),
    failingDownstream: ({ calls }) => calls.fails > 0,
    hangingDownstream: ({ calls }) => calls.hangs > 0,
    network: ({ network }) => network.answerLost > 0,
  }
  for (const fault of deliveryFaults) {
    const others = deliveryFaults.filter((each) => each !== fault)
    expect(plans([fault]).some((plan) => happens[fault]?.(plan))).toBe(true)
    expect(plans(others).some((plan) => happens[fault]?.(plan))).toBe(false)
  }
})

test('if everything fails, what is left is one message and no fault', async () => {
  const plan = drawPlan(3, { records: 40, faults: deliveryFaults })

  const shrunk = await shrink(plan, ['a 1 1 1', 'a 2 1 1'], {
    passes: simplerPlans,
    fails: async ({ calls }) => ['a 1 1 1', 'a 2 1 1'].filter((name) => !calls.spared.has(name)),
    triesMax: 500,
  })

  expect(shrunk.plan.sendings).toEqual([{ index: 39, atMs: 0 }])
  expect(shrunk.plan).toMatchObject({ incidents: [], network: perfectNetwork })
  expect(shrunk.plan.calls).toMatchObject({ fails: 0, hangs: 0, latencyMaxMs: 0 })
})

test('a fault is taken back by its name, and the others stay', async () => {
  const plan: DeliveryPlan = {
    ...drawPlan(3, { records: 2, faults: [] }),
    calls: { latencyMaxMs: 0, fails: 0.5, hangs: 0, spared: new Set() },
  }
  const all = ['one', 'two', 'three', 'four', 'five']

  const shrunk = await shrink(plan, all, {
    passes: simplerPlans,
    fails: async ({ calls }) => {
      const left = all.filter((name) => !calls.spared.has(name))
      return calls.fails > 0 && left.includes('three') ? left : null
    },
    triesMax: 500,
  })

  expect([...shrunk.plan.calls.spared].toSorted()).toEqual(['five', 'four', 'one', 'two'])
})
