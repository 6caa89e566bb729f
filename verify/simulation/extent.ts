/** How big a history was, and of which kind: what the figures say about the reach of a run. */

import { type Plan } from './plan.ts'
import { type TraceEvent } from './trace.ts'

export type Extent = {
  /** Appended to the source. */
  readonly records: number
  /** Machines that were on at once, at the most. */
  readonly members: number
  readonly partitions: number
  /** How much time passed in it. */
  readonly virtualMs: number
  readonly order: Plan['order']
  readonly whileRetrying: Plan['retries']['whileRetrying']
  readonly protocol: Plan['protocol']
}

export function extentOf(events: readonly TraceEvent[], plan: Plan): Extent {
  return {
    records: events.filter(({ kind }) => kind === 'appended').length,
    members: membersAtOnce(events),
    partitions: plan.partitions,
    virtualMs: events.at(-1)?.atMs ?? 0,
    order: plan.order,
    whileRetrying: plan.retries.whileRetrying,
    protocol: plan.protocol,
  }
}

/** From when a machine runs until it crashes or has stopped. */
function membersAtOnce(events: readonly TraceEvent[]): number {
  const running = new Set<string>()
  let most = 0
  for (const event of events) {
    if (event.kind === 'started') running.add(event.machine)
    if (event.kind === 'crashed' || event.kind === 'stopped') running.delete(event.machine)
    most = Math.max(most, running.size)
  }
  return most
}
