/** Every law, by name. */

import { commitLaws } from './commit-laws.ts'
import { lanesOf, type Law } from './law.ts'
import { lifeLaws } from './life-laws.ts'
import { orderLaws } from './order-laws.ts'
import { type Terms, type TraceEvent } from './trace.ts'

export const laws: readonly Law[] = [...commitLaws, ...orderLaws, ...lifeLaws]

export type Violation = { readonly law: string; readonly what: string }

export function violationsOf(events: readonly TraceEvent[], terms: Terms): Violation[] {
  const lanes = lanesOf(events, terms.order)
  return laws.flatMap((law) => law.broken(events, terms, lanes).map((what) => ({ law: law.name, what })))
}
