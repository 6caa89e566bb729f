/** Every law, by name. */

import { boundLaws } from './bound-laws.ts'
import { commitLaws } from './commit-laws.ts'
import { divisionLaws } from './division-laws.ts'
import { freshnessLaws } from './freshness-laws.ts'
import { groupLaws } from './group-laws.ts'
import { type Law, Records } from './law.ts'
import { lifeLaws } from './life-laws.ts'
import { orderLaws } from './order-laws.ts'
import { policyLaws } from './policy-laws.ts'
import { progressLaws } from './progress-laws.ts'
import { requestLaws } from './request-laws.ts'
import { retryLaws } from './retry-laws.ts'
import { sendLaws } from './send-laws.ts'
import { type Terms, type TraceEvent } from './trace.ts'

export const laws: readonly Law[] = [
  ...commitLaws,
  ...freshnessLaws,
  ...orderLaws,
  ...retryLaws,
  ...policyLaws,
  ...groupLaws,
  ...divisionLaws,
  ...requestLaws,
  ...progressLaws,
  ...boundLaws,
  ...lifeLaws,
  ...sendLaws,
]

export type Violation = { readonly law: string; readonly what: string }

export function violationsOf(events: readonly TraceEvent[], terms: Terms): Violation[] {
  const records = new Records(events, terms)
  return laws.flatMap((law) => law.broken(events, terms, records).map((what) => ({ law: law.name, what })))
}
