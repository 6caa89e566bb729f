/** What the laws must know of a plan to judge its history, and the times that all histories share. */

import { type Batch, type HandlerPlan } from './load-plan.ts'
import { type Plan } from './plan.ts'
import { type RetryPlan, waitsInOneLaneMs } from './retry-plan.ts'
import { type Terms } from './trace.ts'

/** Short, so that topics of ours that refuse appends for a while make hand-offs fail. */
export const deliveryTimeoutMs = 6_000
export const attemptTimeoutMs = 2_000
export const abortGraceMs = 500
/** Session and rebalance (6 s each), a join that runs into its deadline (11 s) and is made again, backoffs of 5 s: what may
 *  come together after the faults of one history, and a margin. */
const recoveryMs = 60_000

export function termsOf(
  plan: Omit<Plan, 'terms'>,
  given: Pick<Terms, 'drainAtRevokeMs' | 'drainAtStopMs' | 'isCalm'>,
): Terms {
  const { order, protocol, concurrency, bufferedRecords, filtersEvery, batches, handler, retries } = plan
  const { whileRetrying, attemptsMax, delaysMs, bucketsMs } = retries
  const mayOverflow = whileRetrying === 'overtake' && (delaysMs.length > 0 || bucketsMs.length > 0)
  const bounds = { concurrency, bufferedRecords, parkedRecords: mayOverflow ? Infinity : plan.parkedRecords }
  const drainBoundMs = recoveryMs + workMs(batches, handler, retries)
  const times = { attemptTimeoutMs, abortGraceMs, drainBoundMs }
  return { order, ...bounds, whileRetrying, attemptsMax, retries, filtersEvery, protocol, ...times, ...given }
}

/** I19: what the handlers need if nothing runs beside anything else, retries and time limits included, and what the last record
 *  may have to wait in delay topics. */
function workMs(batches: readonly Batch[], handler: HandlerPlan, retries: RetryPlan): number {
  const { latencyMaxMs, fails, hangs, ignoresAbort } = handler
  const records = batches.flatMap((batch) => batch.records)
  const lost = records.filter(({ fate }) => fate !== 'fine').length
  const attempts = 1 + fails + fails ** 2
  const stuckMs = (hangs + ignoresAbort) * 2 * (attemptTimeoutMs + abortGraceMs)
  const eachMs = (attempts * latencyMaxMs) / 2 + fails * waitsInOneLaneMs(retries, 0.5) + stuckMs
  const lostMs = (retries.attemptsMax * latencyMaxMs) / 2 + waitsInOneLaneMs(retries, 1)
  const topicsMs = retries.delaysMs.reduce((sum, delayMs) => sum + delayMs, 0)
  return Math.ceil(records.length * eachMs + lost * lostMs + 2 * topicsMs)
}
