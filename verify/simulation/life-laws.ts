/** Laws of a process: how it begins, keeps its books, goes on after faults, and ends. */

import { type Began, type Law, runsThatOutlived } from './law.ts'
import { Awake, Standings, timerMs } from './standing.ts'
import { addressOf, placeNameOf, type TraceEvent } from './trace.ts'

/** R32 in the test profile: aborted attempts get 500 ms, flush and final commit 500 ms together, the farewell 300 ms. */
const stopSlackMs = 1_300 + timerMs

const noAttemptAfterStop: Law = {
  name: 'no-attempt-after-stop',
  rule: 'R32, I11: a process that stops finishes what it began and what lies below it, and begins nothing beyond',
  broken: (events) => {
    const over = new Map<string, 'stopping' | 'stopped' | 'crashed'>()
    const highest = new Map<string, number>()
    const broken: string[] = []
    for (const event of events) {
      if (event.kind === 'stopping' || event.kind === 'stopped' || event.kind === 'crashed') {
        over.set(event.machine, event.kind)
      }
      if (event.kind === 'left') highest.delete(`${event.machine} ${placeNameOf(event)}`)
      // What cannot be decoded begins and fails, and no handler sees it.
      if (event.kind === 'retryAnnounced') {
        const place = `${event.machine} ${placeNameOf(event)}`
        highest.set(place, Math.max(highest.get(place) ?? -1, event.offset))
      }
      if (event.kind !== 'began' && event.kind !== 'filtered') continue
      const end = over.get(event.machine)
      const place = `${event.machine} ${placeNameOf(event)}`
      const before = highest.get(place) ?? -1
      const isAllowed = end === undefined || (end === 'stopping' && event.offset <= before)
      if (!isAllowed) broken.push(`at ${event.atMs} ms ${event.machine} (${end}) began ${addressOf(event)}`)
      highest.set(place, Math.max(before, event.offset))
    }
    return broken
  },
}

const stopIsBounded: Law = {
  name: 'stop-is-bounded',
  rule: 'G7, R32',
  broken: (events, { drainAtStopMs }) => {
    const stoppingAtMs = new Map<string, number>()
    const awake = new Awake()
    const broken: string[] = []
    for (const event of events) {
      awake.follow(event)
      if (event.kind === 'stopping') stoppingAtMs.set(event.machine, event.atMs)
      if (event.kind !== 'stopped') continue
      const sinceMs = stoppingAtMs.get(event.machine) ?? event.atMs
      const drainedByMs = Math.max(sinceMs + drainAtStopMs, awake.fromMs(event.machine))
      if (event.atMs <= drainedByMs + stopSlackMs) continue
      broken.push(`${event.machine} took ${event.atMs - sinceMs} ms to stop`)
    }
    return broken
  },
}

/** Runs of handlers that went on for longer than the grace after their abort. */
function zombiesOf(events: readonly TraceEvent[], graceMs: number): Set<number> {
  const abortedAtMs = new Map<number, number>()
  const zombies = new Set<number>()
  for (const event of events) {
    if (event.kind === 'aborted') abortedAtMs.set(event.run, event.atMs)
    if (event.kind !== 'ended') continue
    if (event.atMs - (abortedAtMs.get(event.run) ?? event.atMs) >= graceMs) zombies.add(event.run)
  }
  return zombies
}

const calmStopIsClean: Law = {
  name: 'calm-stop-is-clean',
  rule: 'G6, R16, R32: without faults a stop commits all that was finished, if handlers end within the drain and the group admits it',
  broken: (events, { isCalm, drainAtStopMs, abortGraceMs }) => {
    if (!isCalm) return []
    const outlived = runsThatOutlived(events)
    const zombies = zombiesOf(events, abortGraceMs)
    const standings = new Standings()
    const drainedByMs = new Map<string, number>()
    const excused = new Set<string>()
    const running = new Map<number, string>()
    const broken: string[] = []
    for (const event of events) {
      // Whom the others keep waiting in a join, because one of them has crashed, cannot commit.
      const isLeaving = event.kind === 'sent' && event.api === 'LeaveGroup'
      if (isLeaving && !standings.of(event.machine).isMember) excused.add(event.machine)
      standings.follow(event)
      if (event.kind === 'stopping') drainedByMs.set(event.machine, event.atMs + drainAtStopMs)
      if (event.kind === 'began') running.set(event.run, event.machine)
      if (event.kind === 'ended') running.delete(event.run)
      // A zombie is not waited for: what it finishes in the last moment may find the last commit on its way already.
      const isLate = event.kind === 'ended' && (outlived.has(event.run) || zombies.has(event.run))
      if (isLate && drainedByMs.has(event.machine)) excused.add(event.machine)
      if (event.kind !== 'stopped' || event.clean || excused.has(event.machine)) continue
      if ([...running.values()].includes(event.machine)) continue
      if (event.atMs >= (drainedByMs.get(event.machine) ?? 0)) continue
      broken.push(`${event.machine} stopped with ${event.uncommitted} records finished and not committed`)
    }
    return broken
  },
}

const outcomeSums: Law = {
  name: 'outcome-sums',
  rule: 'G9, R17: accepted = ended in some way + not finished',
  broken: (events) =>
    events.flatMap((event) =>
      event.kind === 'counted' && event.accepted !== event.accounted
        ? [`at ${event.atMs} ms ${event.machine} had accepted ${event.accepted} and accounted for ${event.accounted}`]
        : [],
    ),
}

const drainsAfterHealing: Law = {
  name: 'drains-after-healing',
  rule: 'G8, I19: when faults end, everything is done and committed in bounded time',
  broken: (events) => {
    const stuck = events.find((event) => event.kind === 'stuck')
    return stuck === undefined ? [] : [`not drained after ${stuck.afterMs} ms: ${stuck.reason}`]
  },
}

const neverGivesUp: Law = {
  name: 'never-gives-up',
  rule: 'R28, G8: no fault of network or broker ends a process, and no mistake of ours',
  broken: (events) => reasonsOf(events, 'failed'),
}

const noUnhandledRejection: Law = {
  name: 'no-unhandled-rejection',
  rule: 'I17',
  broken: (events) => reasonsOf(events, 'unhandledRejection'),
}

function reasonsOf(events: readonly TraceEvent[], kind: 'failed' | 'unhandledRejection'): string[] {
  return events.flatMap((event) => (event.kind === kind && 'reason' in event ? [event.reason] : []))
}

/** R4, R32: the machine that takes a partition from another, or back, looks at what is committed first. */
const nothingBeginsAfterLeft: Law = {
  name: 'nothing-begins-after-left',
  rule: 'I11: nothing begins on a partition that left, until its machine asked anew where to start',
  broken: (events) => {
    const gone = new Set<string>()
    const broken: string[] = []
    for (const event of events) {
      if (event.kind === 'left') gone.add(`${event.machine} ${placeNameOf(event)}`)
      if (event.kind === 'asked') {
        for (const place of gone) if (place.startsWith(`${event.machine} `)) gone.delete(place)
      }
      if (event.kind !== 'began' || !gone.has(`${event.machine} ${placeNameOf(event)}`)) continue
      broken.push(`at ${event.atMs} ms ${event.machine} began ${addressOf(event)}, which had left it`)
    }
    return broken
  },
}

const nothingIsCutShort: Law = {
  name: 'nothing-is-cut-short',
  rule: 'R4, R32: without faults a partition leaves when its attempts have ended; only a zombie is not waited for',
  broken: (events, { isCalm, attemptTimeoutMs, abortGraceMs, drainAtRevokeMs, drainAtStopMs }) => {
    if (!isCalm || Math.min(drainAtRevokeMs, drainAtStopMs) < attemptTimeoutMs + abortGraceMs) return []
    const running = new Map<number, Began>()
    const zombieFromMs = new Map<number, number>()
    const broken: string[] = []
    for (const event of events) {
      if (event.kind === 'began') running.set(event.run, event)
      if (event.kind === 'aborted') zombieFromMs.set(event.run, event.atMs + abortGraceMs)
      if (event.kind === 'ended') running.delete(event.run)
      if (event.kind !== 'left') continue
      for (const run of running.values()) {
        const isHere = run.machine === event.machine && placeNameOf(run) === placeNameOf(event)
        if (!isHere || event.atMs >= (zombieFromMs.get(run.run) ?? Infinity)) continue
        broken.push(
          `at ${event.atMs} ms ${placeNameOf(event)} left ${event.machine} while ${addressOf(run)} was running`,
        )
      }
    }
    return broken
  },
}

const pauseHolds: Law = {
  name: 'pause-holds',
  rule: 'R29, I13: nothing begins while a user pauses the consumer, whatever else ends meanwhile',
  broken: (events) => {
    const paused = new Set<string>()
    const broken: string[] = []
    for (const event of events) {
      if (event.kind === 'paused') paused.add(event.machine)
      if (event.kind === 'resumed') paused.delete(event.machine)
      if (event.kind !== 'began' || !paused.has(event.machine)) continue
      broken.push(`at ${event.atMs} ms ${event.machine} began ${addressOf(event)} while it was paused`)
    }
    return broken
  },
}

export const lifeLaws: readonly Law[] = [
  nothingBeginsAfterLeft,
  nothingIsCutShort,
  pauseHolds,
  noAttemptAfterStop,
  stopIsBounded,
  calmStopIsClean,
  outcomeSums,
  drainsAfterHealing,
  neverGivesUp,
  noUnhandledRejection,
]
