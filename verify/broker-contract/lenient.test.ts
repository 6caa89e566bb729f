/** The contract notices brokers that are more lenient than Kafka; if it did not, its green would mean nothing. */

import { expect, test } from 'vitest'
import { askTheContract } from './lenient.ts'

/** Each defect has a process of its own; the whole takes about a minute on two cores. */
const withinMs = 300_000
const defectsMin = 25

test('every lenient broker is noticed by a row of the contract', { timeout: withinMs }, async () => {
  const result = await askTheContract()
  expect(result.failing).toEqual([])
  expect(result.missed).toEqual([])
  expect(result.planted).toBeGreaterThanOrEqual(defectsMin)
})
