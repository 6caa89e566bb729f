/** Laws of order (R14) and of attempts: which may run, when, and how many at once. */

import { type Began, isSource, type Law, named, placeOf, type Records, runsThatOutlived } from './law.ts'
import { Forgotten } from './standing.ts'
import { addressOf, placeNameOf, type Terms, type TraceEvent } from './trace.ts'

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
  /** Runs by the time when they were aborted. */
  readonly abortedAtMs = new Map<number, number>()
}

type Step = { readonly event: Began; readonly lane: string; readonly ownership: Ownership }

/** Replays the attempts of every ownership, and asks at every begin what is wrong with it. */
function replay(
  events: readonly TraceEvent[],
  terms: Terms,
  records: Records,
  ask: (step: Step) => string[],
): string[] {
  const ownerships = new Map<string, Ownership>()
  const broken: string[] = []
  for (const event of events) {
    // Stored elsewhere, a record keeps nobody waiting, whoever wrote it.
    if (event.kind === 'stored') {
      for (const ownership of ownerships.values()) {
        ownership.open.get(records.laneOf(event.source))?.delete(event.source.offset)
      }
    }
    const isRuns = event.kind === 'began' || event.kind === 'aborted' || event.kind === 'ended'
    if (!isRuns && event.kind !== 'left' && event.kind !== 'handedOff') continue
    const name = `${event.machine} ${placeNameOf(event)}`
    if (event.kind === 'left') {
      ownerships.delete(name)
      continue
    }
    const ownership = placeOf(ownerships, name, () => new Ownership())
    const address = addressOf(event)
    if (event.kind === 'handedOff') {
      ownership.done.add(address)
      continue
    }
    if (event.kind === 'aborted') {
      ownership.abortedAtMs.set(event.run, event.atMs)
      continue
    }
    const lane = records.laneOf(event)
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
    const abortedForMs = event.atMs - (ownership.abortedAtMs.get(event.run) ?? Infinity)
    if (countsAsDone(abortedForMs, terms)) ownership.done.add(address)
  }
  return broken
}

/** How late the toolkit may notice that a time is up. */
const toleranceMs = 100

/** R16: whoever resolves between the abort and the end of the grace has failed all the same, and a zombie has not. */
function countsAsDone(abortedForMs: number, { abortGraceMs }: Terms): boolean {
  return abortedForMs < 0 || abortedForMs > abortGraceMs + toleranceMs
}

const laneOrder: Law = {
  name: 'lane-order',
  rule: 'R14 (1): an attempt starts only when every lower offset of its lane is done or handed off',
  broken: (events, terms, records) =>
    replay(events, terms, records, ({ event, lane, ownership }) => {
      // In a delay topic the due time is the order (R22).
      if (!isSource(event)) return []
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
  broken: (events, _terms, records) => {
    const running = new Map<string, Began>()
    const broken: string[] = []
    for (const event of events) {
      if (event.kind !== 'began' && event.kind !== 'ended') continue
      const lane = `${event.machine} ${records.laneOf(event)}`
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
  rule: 'R14 (2), R15: over all processes the first completions of a lane are in offset order, but for what was handed off',
  broken: (events, _terms, records) => {
    const handedOff = new Set<string>()
    const highest = new Map<string, number>()
    const done = new Set<string>()
    const outlived = runsThatOutlived(events)
    const broken: string[] = []
    for (const event of events) {
      if (event.kind === 'stored') handedOff.add(addressOf(event.source))
      if (event.kind !== 'ended' || event.result !== 'done' || !isSource(event) || done.has(addressOf(event))) continue
      done.add(addressOf(event))
      if (outlived.has(event.run) || handedOff.has(addressOf(event))) continue
      const lane = records.laneOf(event)
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
  broken: (events, terms, records) =>
    replay(events, terms, records, ({ event, ownership }) =>
      ownership.done.has(addressOf(event)) ? [`${named(event)} although it was done`] : [],
    ),
}

const concurrencyLimit: Law = {
  name: 'concurrency-limit',
  rule: 'I10, R16: attempts in flight never exceed the concurrency; a zombie has given its permit back',
  broken: (events, { concurrency, abortGraceMs }) => {
    const running = new Map<number, Began>()
    const zombieFromMs = new Map<number, number>()
    const broken: string[] = []
    for (const event of events) {
      if (event.kind === 'ended') running.delete(event.run)
      if (event.kind === 'aborted') zombieFromMs.set(event.run, event.atMs + abortGraceMs)
      if (event.kind !== 'began') continue
      running.set(event.run, event)
      const holders = [...running.values()].filter(
        ({ machine, run }) => machine === event.machine && event.atMs < (zombieFromMs.get(run) ?? Infinity),
      )
      if (holders.length > concurrency) broken.push(`${named(event)} as number ${holders.length} at once`)
    }
    return broken
  },
}

const oneOwner: Law = {
  name: 'one-owner',
  rule: 'G5, R1, R5: nobody begins anything in a partition that the group gave to another, unless it forgot him unasked',
  broken: (events) => {
    const owners = new Map<string, string>()
    const forgotten = new Forgotten()
    const broken: string[] = []
    for (const event of events) {
      forgotten.follow(event)
      if (event.kind === 'assigned') {
        for (const partition of event.partitions) owners.set(placeNameOf(partition), event.machine)
      }
      if (event.kind !== 'began' || forgotten.has(event.machine)) continue
      const owner = owners.get(placeNameOf(event)) ?? event.machine
      if (owner !== event.machine) broken.push(`${named(event)}, which the group had given to ${owner}`)
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
  oneOwner,
]
