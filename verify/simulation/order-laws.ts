/** Laws of order (R14) and of attempts: which may run, when, and how many at once. */

import { addressOf, type Began, type Lanes, type Law, placeOf, runsThatOutlived } from './law.ts'
import { type Terms, type TraceEvent } from './trace.ts'

/** What one machine does with one partition, from when it gets it until the partition leaves. */
class Ownership {
  /** Runs of each lane that have not ended. */
  readonly running = new Map<string, Began[]>()
  /** The highest offset of each lane that began. */
  readonly highest = new Map<string, number>()
  readonly begun = new Set<string>()
  readonly done = new Set<string>()
  /** Begun and not done, by lane. */
  readonly open = new Map<string, Set<number>>()
}

type Step = { readonly event: Began; readonly lane: string; readonly ownership: Ownership }

/** Replays the attempts of every ownership, and asks at every begin what is wrong with it. */
function replay(events: readonly TraceEvent[], terms: Terms, lanes: Lanes, ask: (step: Step) => string[]): string[] {
  const ownerships = new Map<string, Ownership>()
  const of = ({ machine, partition }: { readonly machine: string; readonly partition: number }): Ownership =>
    placeOf(ownerships, `${machine} ${partition}`, () => new Ownership())
  const broken: string[] = []
  for (const event of events) {
    if (event.kind === 'left') ownerships.delete(`${event.machine} ${event.partition}`)
    if (event.kind !== 'began' && event.kind !== 'ended') continue
    const address = addressOf(event)
    const lane = lanes.get(address) ?? address
    const ownership = of(event)
    const running = placeOf(ownership.running, lane, () => [])
    const open = placeOf(ownership.open, lane, () => new Set<number>())
    if (event.kind === 'began') {
      broken.push(...ask({ event, lane, ownership }))
      running.push(event)
      open.add(event.offset)
      ownership.begun.add(address)
      ownership.highest.set(lane, Math.max(ownership.highest.get(lane) ?? -1, event.offset))
      continue
    }
    const index = running.findIndex(({ run }) => run === event.run)
    // Not there: it began before the partition left, and is somebody else's business now.
    if (index < 0) continue
    const [run] = running.splice(index, 1)
    if (event.result === 'failed' || run === undefined) continue
    open.delete(event.offset)
    if (countsAsDone(event.atMs - run.atMs, terms)) ownership.done.add(address)
  }
  return broken
}

/** How late the toolkit may notice that a time is up. */
const toleranceMs = 100

/** R16: whoever resolves between the abort and the end of the grace has failed all the same, and a zombie has not. */
function countsAsDone(ageMs: number, { attemptTimeoutMs, abortGraceMs }: Terms): boolean {
  return ageMs < attemptTimeoutMs || ageMs > attemptTimeoutMs + abortGraceMs + toleranceMs
}

function named({ machine, attempt, atMs, ...at }: Began): string {
  return `at ${atMs} ms ${machine} began attempt ${attempt} of ${addressOf(at)}`
}

const laneOrder: Law = {
  name: 'lane-order',
  rule: 'R14 (1): an attempt starts only when every lower offset of its lane is done',
  broken: (events, terms, lanes) =>
    replay(events, terms, lanes, ({ event, lane, ownership }) => {
      const below = [...(ownership.open.get(lane) ?? [])].filter((offset) => offset < event.offset)
      const isNew = !ownership.begun.has(addressOf(event))
      const isLate = isNew && event.offset < (ownership.highest.get(lane) ?? -1)
      return [
        ...(below.length > 0 ? [`${named(event)} before ${below[0]} of its lane was done`] : []),
        ...(isLate ? [`${named(event)} after a higher offset of its lane`] : []),
      ]
    }),
}

const laneNeverOverlaps: Law = {
  name: 'lane-never-overlaps',
  rule: 'R14 (1), I6: attempts of a lane never overlap in one process',
  broken: (events, _terms, lanes) => {
    const running = new Map<string, Began>()
    const broken: string[] = []
    for (const event of events) {
      if (event.kind !== 'began' && event.kind !== 'ended') continue
      const lane = `${event.machine} ${lanes.get(addressOf(event))}`
      const other = running.get(lane)
      if (event.kind === 'ended') {
        if (other?.run === event.run) running.delete(lane)
      } else {
        if (other !== undefined) broken.push(`${named(event)} while ${addressOf(other)} (run ${other.run}) was running`)
        running.set(lane, event)
      }
    }
    return broken
  },
}

const firstCompletionsInOrder: Law = {
  name: 'first-completions-in-order',
  rule: 'R14 (2): over all processes the first completions of a lane are in offset order',
  broken: (events, _terms, lanes) => {
    const highest = new Map<string, number>()
    const done = new Set<string>()
    const outlived = runsThatOutlived(events)
    const broken: string[] = []
    for (const event of events) {
      if (event.kind !== 'ended' || event.result !== 'done' || done.has(addressOf(event))) continue
      done.add(addressOf(event))
      if (outlived.has(event.run)) continue
      const lane = lanes.get(addressOf(event)) ?? addressOf(event)
      const before = highest.get(lane) ?? -1
      if (event.offset < before) broken.push(`at ${event.atMs} ms ${addressOf(event)} was first done after ${before}`)
      highest.set(lane, Math.max(before, event.offset))
    }
    return broken
  },
}

const doneOnceByItsOwner: Law = {
  name: 'done-once-by-its-owner',
  rule: 'G6: a record that is done is not handled again while its partition stays',
  broken: (events, terms, lanes) =>
    replay(events, terms, lanes, ({ event, ownership }) =>
      ownership.done.has(addressOf(event)) ? [`${named(event)} although it was done`] : [],
    ),
}

const concurrencyLimit: Law = {
  name: 'concurrency-limit',
  rule: 'I10: attempts in flight never exceed the concurrency; a zombie has given its permit back',
  broken: (events, { concurrency, attemptTimeoutMs, abortGraceMs }) => {
    /** With the time from when on each of them is a zombie. */
    const running = new Map<number, Began & { zombieFromMs: number }>()
    const broken: string[] = []
    for (const event of events) {
      if (event.kind === 'ended') running.delete(event.run)
      if (event.kind === 'left') {
        for (const run of running.values()) {
          const hasLeft = run.machine === event.machine && run.partition === event.partition
          if (hasLeft) run.zombieFromMs = Math.min(run.zombieFromMs, event.atMs + abortGraceMs)
        }
      }
      if (event.kind !== 'began') continue
      running.set(event.run, { ...event, zombieFromMs: event.atMs + attemptTimeoutMs + abortGraceMs })
      const holders = [...running.values()].filter(
        (run) => run.machine === event.machine && event.atMs < run.zombieFromMs,
      )
      if (holders.length > concurrency) broken.push(`${named(event)} as number ${holders.length} at once`)
    }
    return broken
  },
}

const attemptNotBeforeItsTime: Law = {
  name: 'attempt-not-before-its-time',
  rule: 'G3, R19: a retry follows the failure that announced it, not before it is due',
  broken: (events) => {
    const announced = new Map<string, number>()
    const broken: string[] = []
    for (const event of events) {
      if (event.kind === 'retryAnnounced') {
        announced.set(`${event.machine} ${addressOf(event)} ${event.attempt + 1}`, event.dueMs)
      }
      if (event.kind !== 'began' || event.attempt === 1) continue
      const dueMs = announced.get(`${event.machine} ${addressOf(event)} ${event.attempt}`)
      if (dueMs === undefined) broken.push(`${named(event)} without a failure before it`)
      else if (event.atMs < dueMs) broken.push(`${named(event)}, which was due at ${dueMs} ms`)
    }
    return broken
  },
}

export const orderLaws: readonly Law[] = [
  laneOrder,
  laneNeverOverlaps,
  firstCompletionsInOrder,
  doneOnceByItsOwner,
  concurrencyLimit,
  attemptNotBeforeItsTime,
]
