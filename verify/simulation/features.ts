/** What a history was made of, for the figures: that nothing went wrong says little if nothing happened. */

import { runsThatOutlived } from './law.ts'
import { type Plan } from './plan.ts'
import { addressOf, type TraceEvent } from './trace.ts'

/** 1 for what is in it, except for `overlapAfterLoss`, which R14 (2) allows and wants counted. */
export function featuresOf(events: readonly TraceEvent[], { protocol }: Plan): Record<string, number> {
  const has = (is: (event: TraceEvent) => boolean): number => (events.some(is) ? 1 : 0)
  return {
    cooperative: protocol === 'cooperative' ? 1 : 0,
    retriesByTopic: has((event) => event.kind === 'stored' && event.end === 'retried'),
    deadLetters: has((event) => event.kind === 'stored' && event.end === 'deadLettered'),
    failedHandOffs: has((event) => event.kind === 'said' && event.what.startsWith('record.handOffFailed')),
    guests: has((event) => event.kind === 'started' && event.machine === 'g'),
    rebalances: has((event) => event.kind === 'said' && event.what.startsWith('group.rebalancing')),
    marksUsed: has((event) => event.kind === 'counted' && event.alreadyDone > 0),
    attemptsInherited: inheritedAttempts(events),
    overlapAfterLoss: runsThatOutlived(events).size,
  }
}

/** 1 if some machine went on counting what another one had begun. */
function inheritedAttempts(events: readonly TraceEvent[]): number {
  const first = new Map<string, string>()
  for (const event of events) {
    if (event.kind !== 'began') continue
    const address = addressOf(event)
    const by = first.get(address)
    if (by === undefined) first.set(address, event.machine)
    else if (by !== event.machine && event.attempt > 1 && address === addressOf(event.source)) return 1
  }
  return 0
}
