/** Laws of going on: attempts end in time, retries start when they are due, no partition waits while there is room for it, and
 *  what is handed over is handed over soon. Most can be judged only where nothing else goes wrong. */

import { type Began, type Law, named, placeOf, Progress, type Records } from './law.ts'
import { Awake, Forgotten, Lookups, Standings, timerMs } from './standing.ts'
import { addressOf, addressStartOf, placeNameOf, type TraceEvent } from './trace.ts'

const attemptsAreAbortedInTime: Law = {
  name: 'attempts-are-aborted-in-time',
  rule: 'R16: whoever runs longer than the attempt timeout is told at that moment to end',
  broken: (events, { attemptTimeoutMs }) => {
    const awake = new Awake()
    const running = new Map<number, Began>()
    const broken: string[] = []
    for (const event of events) {
      awake.follow(event)
      if (event.kind === 'began') running.set(event.run, event)
      if (event.kind !== 'aborted' && event.kind !== 'ended') continue
      const began = running.get(event.run)
      running.delete(event.run)
      const latestMs = Math.max((began?.atMs ?? Infinity) + attemptTimeoutMs, awake.fromMs(event.machine)) + timerMs
      if (event.atMs <= latestMs) continue
      broken.push(`run ${event.run} of ${addressOf(event)} was told to end at ${event.atMs} ms, not by ${latestMs} ms`)
    }
    return broken
  },
}

/** Since when a machine has had a permit to give. */
class Permits {
  readonly #concurrency: number
  readonly #graceMs: number
  readonly #holders = new Map<string, Map<number, number>>()
  readonly #freeSinceMs = new Map<string, number>()

  constructor(concurrency: number, graceMs: number) {
    this.#concurrency = concurrency
    this.#graceMs = graceMs
  }

  follow(event: TraceEvent): void {
    if (event.kind !== 'began' && event.kind !== 'aborted' && event.kind !== 'ended') return
    const holders = placeOf(this.#holders, event.machine, () => new Map<number, number>())
    if (event.kind === 'began') holders.set(event.run, Infinity)
    if (event.kind === 'aborted' && holders.has(event.run)) holders.set(event.run, event.atMs + this.#graceMs)
    if (event.kind === 'ended' && holders.has(event.run)) this.#giveBack(event.machine, event.run, event.atMs)
  }

  /** Infinity while it has none. */
  freeSinceMs(machine: string, nowMs: number): number {
    const holders = this.#holders.get(machine)
    if (holders === undefined) return 0
    for (const [run, zombieFromMs] of holders) if (zombieFromMs <= nowMs) this.#giveBack(machine, run, zombieFromMs)
    return holders.size >= this.#concurrency ? Infinity : (this.#freeSinceMs.get(machine) ?? 0)
  }

  #giveBack(machine: string, run: number, atMs: number): void {
    const holders = this.#holders.get(machine)
    if ((holders?.size ?? 0) >= this.#concurrency) this.#freeSinceMs.set(machine, atMs)
    holders?.delete(run)
  }
}

const dueRetriesStart: Law = {
  name: 'due-retries-start',
  rule: 'G3, R19, R29: without faults what waits in place starts when it is due, a permit is free and nobody pauses',
  broken: (events, { isCalm, concurrency, abortGraceMs }) => {
    if (!isCalm) return []
    const permits = new Permits(concurrency, abortGraceMs)
    const due = new Map<string, number>()
    const resumedMs = new Map<string, number>()
    const broken: string[] = []
    for (const event of events) {
      if (event.kind === 'resumed') resumedMs.set(event.machine, event.atMs)
      if (event.kind === 'retryAnnounced') {
        const name = `${event.machine} ${addressOf(event)}`
        if (event.dueMs === null) due.delete(name)
        else due.set(name, event.dueMs)
      }
      if (event.kind === 'began') {
        const name = `${event.machine} ${addressOf(event)}`
        const freeMs = permits.freeSinceMs(event.machine, event.atMs)
        const mayMs = Math.max(due.get(name) ?? Infinity, freeMs, resumedMs.get(event.machine) ?? 0)
        due.delete(name)
        if (event.atMs > mayMs + timerMs) broken.push(`${named(event)}, which it might have begun at ${mayMs} ms`)
      }
      if (event.kind === 'left') {
        const place = `${event.machine} ${addressStartOf(event)}`
        for (const name of due.keys()) if (name.startsWith(place)) due.delete(name)
      }
      permits.follow(event)
    }
    return broken
  },
}

/** A long poll, an answer on the slowest network, and what it takes to open a partition after an assignment. */
const silenceMsMax = 4_000

/** The records of one partition in the order in which they came, and the first that is not finished. */
class Queue {
  readonly #records: { readonly address: string; readonly sinceMs: number }[] = []
  /** Until when records wait in place by what the last commit told, whoever reads them next: as long as one does, the partition
   *  is not idle, like one whose records wait by what its machine announced. */
  waitsUntilMs = 0
  #next = 0

  add(address: string, sinceMs: number): void {
    this.#records.push({ address, sinceMs })
  }

  first(progress: Progress): { readonly address: string; readonly sinceMs: number } | undefined {
    let first = this.#records[this.#next]
    while (first !== undefined && progress.isFinished(first.address)) first = this.#records[++this.#next]
    if (first === undefined) return undefined
    return { address: first.address, sinceMs: Math.max(first.sinceMs, this.waitsUntilMs) }
  }
}

type Work = Extract<TraceEvent, { kind: 'began' | 'ended' | 'retryAnnounced' | 'handedOff' | 'filtered' }>

const work: ReadonlySet<string> = new Set(['began', 'ended', 'retryAnnounced', 'handedOff', 'filtered'])

function isWork(event: TraceEvent): event is Work & TraceEvent {
  return work.has(event.kind)
}

/** What a machine does with a partition. */
class Activity {
  lastMs = 0
  /** Begun and not over: they run, wait for their next attempt or are on their way elsewhere. */
  readonly open = new Set<string>()

  follow(event: Work): void {
    this.lastMs = event.atMs
    const address = addressOf(event)
    const isOver = event.kind === 'handedOff' || event.kind === 'filtered'
    if (isOver || (event.kind === 'ended' && event.result === 'done')) this.open.delete(address)
    else this.open.add(address)
  }
}

const noPartitionStarves: Law = {
  name: 'no-partition-starves',
  rule: 'G8, R4, R28, R29: without faults no partition stands still that has records, while there are permits and nobody pauses',
  broken: (events, { isCalm, concurrency, abortGraceMs }, records) =>
    isCalm ? starved(events, new Permits(concurrency, abortGraceMs), records) : [],
}

function starved(events: readonly TraceEvent[], permits: Permits, records: Records): string[] {
  const progress = new Progress(records)
  const standings = new Standings()
  const queues = new Map<string, Queue>()
  const activities = new Map<string, Activity>()
  /** Paused, or about to end. */
  const resting = new Set<string>()
  const broken: string[] = []
  for (const event of events) {
    progress.follow(event)
    standings.follow(event)
    permits.follow(event)
    if (event.kind === 'appended' || event.kind === 'committed') {
      const queue = placeOf(queues, placeNameOf(event), () => new Queue())
      if (event.kind === 'appended') queue.add(addressOf(event), event.atMs)
      else queue.waitsUntilMs = Math.max(0, ...event.failed.map(({ dueMs }) => dueMs))
    }
    if (isWork(event)) placeOf(activities, `${event.machine} ${placeNameOf(event)}`, () => new Activity()).follow(event)
    if (event.kind === 'left') activities.delete(`${event.machine} ${placeNameOf(event)}`)
    if (event.kind === 'paused' || event.kind === 'stopping') resting.add(event.machine)
    if (event.kind === 'resumed') resting.delete(event.machine)
    if (event.kind !== 'counted') continue
    const { machine, atMs } = event
    const standing = standings.of(machine)
    if (resting.has(machine) || !standing.isMember) continue
    const freeMs = permits.freeSinceMs(machine, atMs)
    for (const place of standing.given) {
      const first = queues.get(place)?.first(progress)
      const activity = activities.get(`${machine} ${place}`)
      if (first === undefined || (activity?.open.size ?? 0) > 0) continue
      const sinceMs = Math.max(first.sinceMs, standing.sinceMs, activity?.lastMs ?? 0, freeMs)
      if (atMs - sinceMs <= silenceMsMax) continue
      broken.push(`by ${atMs} ms ${machine} had not begun ${first.address}, which it might since ${sinceMs} ms`)
    }
  }
  return broken
}

/** R3, R4: the last commit before a join may take a quarter of the rebalance timeout. */
const handBackMsMax = 1_500

const revokeIsBounded: Law = {
  name: 'revoke-is-bounded',
  rule: 'R3, R4: an eager member that hears of a rebalance joins when its drain and its last commit are over, or their time is',
  broken: (events, { protocol, drainAtRevokeMs }) => {
    if (protocol !== 'eager') return []
    const standings = new Standings()
    const awake = new Awake()
    const heardMs = new Map<string, number>()
    const stopping = new Set<string>()
    const lookups = new Lookups()
    const broken: string[] = []
    for (const event of events) {
      standings.follow(event)
      awake.follow(event)
      lookups.follow(event)
      if (!('machine' in event)) continue
      const { machine, atMs } = event
      const isTold = event.kind === 'heard' && event.api === 'Heartbeat' && event.answer === 27
      const { isMember } = standings.of(machine)
      if (isTold && isMember && !heardMs.has(machine)) heardMs.set(machine, atMs)
      // A stop has a drain of its own.
      if (event.kind === 'stopping') stopping.add(machine)
      if (!isMember || stopping.has(machine)) heardMs.delete(machine)
      const sinceMs = Math.max(heardMs.get(machine) ?? Infinity, awake.fromMs(machine), lookups.foundMs(machine))
      if (lookups.isLooking(machine) || atMs <= sinceMs + drainAtRevokeMs + handBackMsMax + timerMs) continue
      heardMs.delete(machine)
      broken.push(`by ${atMs} ms ${machine} had not joined again, of which it heard at ${sinceMs} ms`)
    }
    return broken
  },
}

const repeatsHaveACause: Law = {
  name: 'repeats-have-a-cause',
  rule: 'G6, I4: a record that is done is handled by another only if the first one crashed, lost the partition or left it',
  broken: (events) => {
    /** What each machine has done since it got a partition. */
    const done = new Map<string, Set<string>>()
    const aborted = new Set<number>()
    const forgotten = new Forgotten()
    const broken: string[] = []
    for (const event of events) {
      forgotten.follow(event)
      if (!('machine' in event)) continue
      if (event.kind === 'aborted') aborted.add(event.run)
      if (event.kind === 'crashed' || event.kind === 'expelled') {
        for (const name of done.keys()) if (name.startsWith(`${event.machine} `)) done.delete(name)
      }
      if (event.kind === 'left') done.delete(`${event.machine} ${placeNameOf(event)}`)
      const counts = event.kind === 'ended' && event.result === 'done' && !aborted.has(event.run)
      if (counts && !forgotten.has(event.machine)) {
        placeOf(done, `${event.machine} ${placeNameOf(event)}`, () => new Set<string>()).add(addressOf(event))
      }
      if (event.kind !== 'began' || forgotten.has(event.machine)) continue
      for (const [name, finished] of done) {
        if (name === `${event.machine} ${placeNameOf(event)}` || !finished.has(addressOf(event))) continue
        broken.push(`${named(event)}, which ${name.split(' ')[0]} had done and still held`)
      }
    }
    return broken
  },
}

export const progressLaws: readonly Law[] = [
  attemptsAreAbortedInTime,
  dueRetriesStart,
  noPartitionStarves,
  revokeIsBounded,
  repeatsHaveACause,
]
