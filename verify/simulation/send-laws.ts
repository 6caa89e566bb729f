/** Laws of producers: what was told about a send is what the log holds. */

import { type Law, placeOf } from './law.ts'
import { addressOf, placeNameOf, type TraceEvent } from './trace.ts'

type Appended = Extract<TraceEvent, { kind: 'appended' }>

/** What the log holds of each send. */
function logOf(events: readonly TraceEvent[]): ReadonlyMap<string, readonly Appended[]> {
  const log = new Map<string, Appended[]>()
  for (const event of events) {
    if (event.kind === 'appended' && event.id !== undefined) placeOf(log, event.id, () => []).push(event)
  }
  return log
}

const sendsAreStoredOnce: Law = {
  name: 'sends-are-stored-once',
  rule: 'R30: what is acknowledged is in the log once and where it was said to be, what failed is not, what is ambiguous at most once',
  broken: (events) => {
    const log = logOf(events)
    return events.flatMap((event) => {
      if (event.kind !== 'sendStored' && event.kind !== 'sendFailed') return []
      const stored = log.get(event.id) ?? []
      const places = stored.map(addressOf).join(', ')
      if (event.kind === 'sendFailed') {
        const isLawful = event.isAmbiguous ? stored.length <= 1 : stored.length === 0
        return isLawful ? [] : [`${event.id} failed${event.isAmbiguous ? ', perhaps,' : ''} and is stored as ${places}`]
      }
      if (stored.length !== 1) return [`${event.id} was acknowledged and is stored ${stored.length} times: ${places}`]
      const isThere = event.offset === -1 ? true : addressOf(event) === places
      return isThere ? [] : [`${event.id} was acknowledged as ${addressOf(event)} and is ${places}`]
    })
  },
}

const sendsAreWhole: Law = {
  name: 'sends-are-whole',
  rule: 'R30: key, value, headers and time of a record are stored as they were sent',
  broken: (events) => {
    const log = logOf(events)
    return events.flatMap((event) => {
      if (event.kind !== 'sendAsked') return []
      return (log.get(event.id) ?? [])
        .filter(({ key, body }) => key !== event.key || body !== event.body)
        .map((stored) => `${event.id} is ${stored.key} ${stored.body}, and ${event.key} ${event.body} was sent`)
    })
  },
}

const sendsKeepTheirOrder: Law = {
  name: 'sends-keep-their-order',
  rule: 'R30: what one process sends to a partition and is acknowledged is stored in the order in which it was sent',
  broken: (events) => {
    const log = logOf(events)
    const acknowledged = new Set(events.flatMap((event) => (event.kind === 'sendStored' ? [event.id] : [])))
    const highest = new Map<string, { readonly offset: number; readonly id: string }>()
    const broken: string[] = []
    for (const event of events) {
      const stored = event.kind === 'sendAsked' && acknowledged.has(event.id) ? log.get(event.id)?.[0] : undefined
      if (event.kind !== 'sendAsked' || stored === undefined) continue
      const place = `${event.machine} ${placeNameOf(stored)}`
      const before = highest.get(place)
      if (before !== undefined && stored.offset < before.offset) {
        broken.push(`${event.id} is ${addressOf(stored)}, below ${before.offset} of ${before.id}, which was sent first`)
      } else highest.set(place, { offset: stored.offset, id: event.id })
    }
    return broken
  },
}

export const sendLaws: readonly Law[] = [sendsAreStoredOnce, sendsAreWhole, sendsKeepTheirOrder]
