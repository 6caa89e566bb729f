/** What is left of a plan that was made smaller, in a few lines for people. */

import { type Incident } from './incident-plan.ts'
import { type Plan } from './plan.ts'

export function describedPlan(plan: Plan, drawn: Plan): string {
  const { handler, retries, network } = plan
  const faults = plan.incidents.map((incident) => `${incident.kind} at ${seconds(incident.atMs)}${detailsOf(incident)}`)
  const visits = plan.visits.map(
    ({ name, fromMs, toMs, leaves }) => `${name} from ${seconds(fromMs)} to ${seconds(toMs)}, leaves ${leaves}`,
  )
  const handover = plan.handoverAtMs === null ? '' : `, c takes over from b at ${seconds(plan.handoverAtMs)}`
  const waits = [retries.inPlaceMs, retries.delaysMs, retries.bucketsMs].map((each) => `[${each.join(' ')}]`)
  return [
    `${recordCount(plan)} of ${recordCount(drawn)} records on ${plan.partitions} of ${drawn.partitions} partitions, ` +
      `${plan.brokers} of ${drawn.brokers} brokers`,
    `${plan.incidents.length} of ${drawn.incidents.length} faults: ${faults.join(', ') || 'none'}; they end at ${seconds(plan.healAtMs)}`,
    `a crashes at ${seconds(plan.crashAtMs)}, b comes at ${seconds(plan.crashAtMs + plan.restartAfterMs)}${handover}`,
    `${plan.visits.length} of ${drawn.visits.length} visits: ${visits.join(', ') || 'none'}`,
    `network ${settings(network)}`,
    `handler ${settings(handler)}`,
    `retries ${retries.whileRetrying}, in place, delays and buckets ${waits.join(' ')} ms, dead letters ${retries.deadLetters}`,
    `${plan.protocol}, order ${plan.order}, concurrency ${plan.concurrency}, buffered ${plan.bufferedRecords}, ` +
      `parked ${plan.parkedRecords}, drains ${plan.terms.drainAtRevokeMs} and ${plan.terms.drainAtStopMs} ms`,
  ].join('\n')
}

function recordCount({ batches }: Plan): number {
  return batches.reduce((sum, { records }) => sum + records.length, 0)
}

function detailsOf(incident: Incident): string {
  const { atMs: _at, kind: _kind, ...details } = incident
  const told = Object.entries(details).map(([name, value]) => `${name} ${JSON.stringify(value)}`)
  return told.length === 0 ? '' : ` (${told.join(', ')})`
}

/** Those that are not nothing. */
function settings(values: object): string {
  const told = Object.entries(values).filter(([, value]) => value !== 0)
  return told.map(([name, value]) => `${name} ${Array.isArray(value) ? value.join('–') : value}`).join(', ') || 'calm'
}

function seconds(ms: number): string {
  return (ms / 1_000).toFixed(3)
}
