/** Kept plans are played for ever, so they must stay plans. */

import { expect, test } from 'vitest'
import { keptPlans } from './kept.ts'
import { fromText, toText } from './plain-text.ts'
import { planOf } from './plan.ts'

test('every kept plan has the fields of a drawn one, a law and a cause', () => {
  const fields = Object.keys(planOf(1)).toSorted()
  for (const { law, cause, plan } of keptPlans()) {
    expect(Object.keys(plan).toSorted(), `${law} ${plan.seed}`).toEqual(fields)
    expect(law).not.toBe('')
    expect(cause, `the cause of ${law} ${plan.seed}`).not.toBe('')
  }
})

test('a plan that was written is read again as it was', () => {
  for (const seed of [1, 2, 3, 4, 5, 6]) expect(fromText(toText(planOf(seed)))).toEqual(planOf(seed))
})
