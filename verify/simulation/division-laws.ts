/** Laws of how a group divides its partitions as long as nothing goes wrong (R3, R4): a member claims what it holds, gives
 *  back what it must and nothing else, stays in the group, and what it gave back finds another owner. */

import { type Law, placeOf } from './law.ts'
import { Standings } from './standing.ts'
import { placeNameOf, type TraceEvent } from './trace.ts'

const claimsWhatItHolds: Law = {
  name: 'claims-what-it-holds',
  rule: 'R3: who joins again claims what it was given and has not left, all of it and nothing else',
  broken: (events) => {
    const standings = new Standings()
    /** Where they began anything: what was never opened can be lost without a word. */
    const worked = new Map<string, Set<string>>()
    const leftAtMs = new Map<string, number>()
    const broken: string[] = []
    for (const event of events) {
      if (event.kind === 'began') placeOf(worked, event.machine, () => new Set()).add(placeNameOf(event))
      if (event.kind === 'left') {
        worked.get(event.machine)?.delete(placeNameOf(event))
        leftAtMs.set(`${event.machine} ${placeNameOf(event)}`, event.atMs)
      }
      if (event.kind === 'sent' && event.api === 'JoinGroup') {
        const { owned } = standings.of(event.machine)
        const claimed = new Set(event.partitions.map(placeNameOf))
        const what = `at ${event.atMs} ms ${event.machine} joined`
        for (const place of claimed) {
          // What it decided before it gave back what it held may leave in the same moment.
          const isJustLeft = leftAtMs.get(`${event.machine} ${place}`) === event.atMs
          if (!owned.has(place) && !isJustLeft) broken.push(`${what} and claimed ${place}, which it has not`)
        }
        for (const place of worked.get(event.machine) ?? []) {
          if (owned.has(place) && !claimed.has(place)) broken.push(`${what} and did not claim ${place}`)
        }
      }
      standings.follow(event)
    }
    return broken
  },
}

const givesBackWhatItMust: Law = {
  name: 'gives-back-what-it-must',
  rule: 'R3, R4: in a cooperative rebalance a member gives back what the assignment took away, and works on with the rest',
  broken: (events, { protocol }) => {
    if (protocol !== 'cooperative') return []
    const standings = new Standings()
    const stopping = new Set<string>()
    const broken: string[] = []
    for (const event of events) {
      if (event.kind === 'stopping') stopping.add(event.machine)
      if (event.kind === 'left' && event.isRevoked === true && !stopping.has(event.machine)) {
        const isKept = standings.of(event.machine).given.has(placeNameOf(event))
        if (isKept)
          broken.push(`at ${event.atMs} ms ${event.machine} gave ${placeNameOf(event)} back, and was to keep it`)
      }
      standings.follow(event)
    }
    return broken
  },
}

const calmMembersStay: Law = {
  name: 'calm-members-stay',
  rule: 'R3, R5, R32: without faults the group forgets nobody but who crashed; who stops says so',
  broken: (events, { isCalm }) => {
    if (!isCalm) return []
    const crashed = new Set<string>()
    return events.flatMap((event) => {
      if (event.kind === 'crashed') crashed.add(event.machine)
      if (event.kind !== 'expelled' || crashed.has(event.machine)) return []
      return [`at ${event.atMs} ms the group forgot ${event.machine}, which had neither crashed nor left`]
    })
  },
}

/** A rebalance that waits for one that crashed (6 s), two rounds of it, and what is in between. */
const ownerWithinMs = 15_000

const nothingStaysUnowned: Law = {
  name: 'nothing-stays-unowned',
  rule: 'R3, G8: without faults what a member gave back is given to another one soon, as long as there are members',
  broken: (events, { isCalm }) => {
    if (!isCalm) return []
    /** Since when nobody has them. */
    const unowned = new Map<string, number>()
    const members = new Map<string, number>()
    const broken: string[] = []
    for (const event of events) {
      const sinceMs = unowned.size === 0 ? Infinity : Math.min(...members.values())
      for (const [place, leftAtMs] of unowned) {
        if (event.atMs <= Math.max(leftAtMs, sinceMs) + ownerWithinMs) continue
        broken.push(`nobody had ${place} from ${leftAtMs} ms to ${event.atMs} ms`)
        unowned.delete(place)
      }
      followMembers(event, members)
      if (event.kind === 'assigned') for (const partition of event.partitions) unowned.delete(placeNameOf(partition))
      if (event.kind === 'left' && event.isRevoked === true) unowned.set(placeNameOf(event), event.atMs)
    }
    return broken
  },
}

/** Who runs, and since when. */
function followMembers(event: TraceEvent, members: Map<string, number>): void {
  if (event.kind === 'started') members.set(event.machine, event.atMs)
  if (event.kind === 'stopping' || event.kind === 'crashed') members.delete(event.machine)
}

export const divisionLaws: readonly Law[] = [
  claimsWhatItHolds,
  givesBackWhatItMust,
  calmMembersStay,
  nothingStaysUnowned,
]
