/** Decides which handlers of one subscription run: permits, the queue of entries that may start, time limits, and who waits
 *  for another attempt. It spans the partitions of its topic and of its delay topics, because permits are shared; what one
 *  partition allows, `PartitionFlow` says, and where a failed record goes, `retry-steps.ts`.
 *
 *      waiting ──due──▶ queued ──permit free──▶ running ──done──▶ finished
 *                         ▲                      │    │ ╰─failed─▶ parked ──due──▶ queued    (permit given back, lane kept)
 *                         │                      │    ╰─ no attempt left here ─▶ leaving ──stored──▶ finished
 *                         │                      │                       ╰─ nowhere to go ─▶ blocked
 *                         ╰── lane ahead ends    ╰─ time up ─▶ aborting ─ grace over ─▶ zombie (permit given back, lane kept) */
import type { SubscriptionSettings } from '../model/settings.ts'
import type { Destination } from '../model/destination.ts'
import { noOutcomes, type Outcome, type OutcomeCounts, outcomes } from '../model/outcome.ts'
import { Deadlines } from './deadlines.ts'
import type { AttemptEffects } from './effects.ts'
import type { AbortReason, Entry } from './entry.ts'
import { Parking } from './parking.ts'
import type { PartitionFlow } from './partition-flow.ts'
import { ReadyEntries, Turns } from './ready-entries.ts'
import { lastStep, type RetryStep, stepAfter, waitFor } from './retry-steps.ts'

/** How an attempt ended, as the runtime saw it. */
export type AttemptResult = 'done' | 'filtered' | 'failed'

export class SubscriptionFlow<R> {
  readonly settings: SubscriptionSettings
  /** Its topic and its delay topics: how long records wait there, null for where they come from. */
  readonly topics: ReadonlyMap<string, number | null>
  readonly #random: () => number
  readonly turns: Turns = new Turns()
  readonly #ready = new ReadyEntries<R>()
  readonly #parking = new Parking<R>()
  readonly #attempts: Deadlines<R>
  readonly #aborts: Deadlines<R>

  /** Attempts that may run at once; may change at any time. */
  concurrency: number
  /** Attempts that hold a permit: running ones that are not zombies. */
  running = 0
  zombies = 0
  runningMax = 0
  /** Attempts that were started after a wait in place. */
  retriedInPlace = 0
  /** How long after its due time a retry started, at most. */
  latenessMaxMs = 0
  /** Offsets that the broker had deleted before they were read (R12). */
  lostToRetention = 0
  /** When a record last ended or work last began to wait; progress is measured from here. */
  progressAtMs = 0

  /** Outcomes of ownerships that are over. */
  readonly #earlier = noOutcomes()
  #acceptedEarlier = 0

  constructor(settings: SubscriptionSettings, random: () => number) {
    this.settings = settings
    this.topics = new Map([
      [settings.topic, null],
      ...settings.delayTopics.map((each) => [each.topic, each.delayMs] as const),
    ])
    this.concurrency = settings.concurrency
    this.#random = random
    this.#attempts = new Deadlines(settings.attemptTimeoutMs)
    this.#aborts = new Deadlines(settings.abortGraceMs)
  }

  /** The entry has nothing ahead of it in its lane, or has to wait before it takes its place there. */
  readonly enqueue = (entry: Entry<R>): void => {
    const mustPark = entry.state === 'queued' && entry.dueMs > 0 && entry.owner.delayMs === null
    if (mustPark) {
      entry.state = 'parked'
      entry.owner.parked += 1
    }
    if (mustPark || entry.state === 'waiting') this.#parking.add(entry)
    else this.#ready.push(entry)
  }

  /** Keeps the counts of an ownership that ended. */
  remember(flow: PartitionFlow<R>): void {
    this.#parking.sweep()
    for (const outcome of outcomes) this.#earlier[outcome] += flow.counts[outcome]
    this.#acceptedEarlier += flow.ledger.accepted
  }

  /** What became of every record accepted so far, by the partitions that are owned now (R17). */
  counts(partitions: Iterable<PartitionFlow<R>>): OutcomeCounts & { accepted: number } {
    const sum = { ...this.#earlier, accepted: this.#acceptedEarlier }
    for (const flow of partitions) {
      if (!this.topics.has(flow.topic)) continue
      for (const outcome of outcomes) sum[outcome] += flow.counts[outcome]
      sum.accepted += flow.ledger.accepted
    }
    return sum
  }

  get hasReady(): boolean {
    return this.#ready.size > 0
  }

  /** Starts what permits allow. */
  dispatch(nowMs: number, effects: AttemptEffects<R>): void {
    while (this.running < this.concurrency) {
      const entry = this.#ready.shift()
      if (entry === undefined) return
      if (entry.owner.isOver) continue
      if (entry.owner.mayStart(entry)) this.#start(entry, nowMs, effects)
      else entry.owner.withhold(entry)
    }
  }

  #start(entry: Entry<R>, nowMs: number, effects: AttemptEffects<R>): void {
    const partition = entry.owner
    if (entry.state === 'parked') {
      partition.parked -= 1
      this.retriedInPlace += 1
    }
    if (entry.dueMs > 0) this.latenessMaxMs = Math.max(this.latenessMaxMs, nowMs - entry.dueMs)
    entry.attempt += 1
    entry.state = 'running'
    entry.phase = 'timed'
    entry.sinceMs = Math.floor(nowMs)
    entry.timedFromMs = Math.ceil(nowMs)
    this.#attempts.add(entry)
    this.running += 1
    if (this.running > this.runningMax) this.runningMax = this.running
    partition.running += 1
    partition.noteStarted(entry)
    effects.start(entry)
  }

  /** Gives back what the attempt held; true when its result still concerns an ownership that goes on. */
  release(entry: Entry<R>): boolean {
    const partition = entry.owner
    if (entry.phase === 'zombie') {
      this.zombies -= 1
      partition.zombies -= 1
    } else {
      if (entry.phase === 'timed') this.#attempts.remove(entry)
      else this.#aborts.remove(entry)
      this.running -= 1
      partition.running -= 1
    }
    entry.phase = 'none'
    return !partition.isOver
  }

  /** The record has its outcome. */
  finish(entry: Entry<R>, outcome: Outcome, nowMs: number): void {
    this.progressAtMs = nowMs
    const next = entry.owner.finish(entry, outcome)
    if (next !== null) this.enqueue(next)
  }

  /** The attempt failed: the record waits for the next one, leaves, or its partition stands still (R18). */
  fail(entry: Entry<R>, error: unknown, nowMs: number, effects: AttemptEffects<R>): void {
    entry.error = error
    entry.sinceMs = Math.floor(nowMs)
    entry.owner.changes += 1
    this.#take(this.#stepAfter(entry, error), entry, nowMs, effects)
  }

  /** The record cannot be written where it should wait, and never will be: there is only the last step left. */
  giveUp(entry: Entry<R>, error: unknown, nowMs: number, effects: AttemptEffects<R>): void {
    entry.error = error
    entry.owner.changes += 1
    this.#take(lastStep(this.settings), entry, nowMs, effects)
  }

  #stepAfter(entry: Entry<R>, error: unknown): RetryStep {
    const step = stepAfter(error, entry.attempt, this.settings, this.#random)
    const overflows = step.kind === 'park' && entry.owner.isParkingFull && this.settings.delayTopics.length > 0
    return overflows ? waitFor(step.delayMs, this.settings.delayTopics) : step
  }

  #take(step: RetryStep, entry: Entry<R>, nowMs: number, effects: AttemptEffects<R>): void {
    const { error } = entry
    switch (step.kind) {
      case 'park':
        entry.state = 'parked'
        entry.dueMs = Math.ceil(nowMs + step.delayMs)
        entry.owner.parked += 1
        this.#parking.add(entry)
        // In whole milliseconds, and never more than it waits.
        effects.attemptFailed(entry, error, Math.floor(entry.dueMs - nowMs))
        return
      case 'leave':
        this.#leave(entry, step.destination, nowMs)
        effects.attemptFailed(entry, error, step.destination.outcome === 'retried' ? step.destination.delayMs : null)
        return
      case 'block':
        this.#block(entry, error, effects)
    }
  }

  #leave(entry: Entry<R>, destination: Destination, nowMs: number): void {
    entry.state = 'leaving'
    entry.destination = destination
    // If we die before it is stored, whoever reads it again waits as long as the topic would have made it wait.
    entry.dueMs = Math.ceil(nowMs + (destination.outcome === 'retried' ? destination.delayMs : 0))
    entry.owner.handOffs.add(entry)
  }

  #block(entry: Entry<R>, error: unknown, effects: AttemptEffects<R>): void {
    entry.state = 'blocked'
    entry.owner.blocked += 1
    effects.attemptFailed(entry, error, null)
    effects.blocked(entry, error)
  }

  /** Tells every running attempt of a partition to end. */
  abortAll(partition: PartitionFlow<R>, reason: AbortReason, nowMs: number, effects: AttemptEffects<R>): void {
    for (let entry = partition.ledger.oldest; entry !== null; entry = entry.newer) {
      if (entry.phase === 'timed') this.#abort(entry, reason, nowMs, effects)
    }
  }

  #abort(entry: Entry<R>, reason: AbortReason, nowMs: number, effects: AttemptEffects<R>): void {
    if (entry.phase === 'timed' && reason !== 'timeout') this.#attempts.remove(entry)
    entry.phase = 'aborting'
    entry.abortReason = reason
    entry.timedFromMs = Math.ceil(nowMs)
    this.#aborts.add(entry)
    effects.abort(entry, reason)
  }

  /** Acts on everything whose time has come: timeouts, zombies, parked entries that are due. */
  expire(nowMs: number, effects: AttemptEffects<R>): void {
    for (let entry = this.#attempts.takeExpired(nowMs); entry !== null; entry = this.#attempts.takeExpired(nowMs)) {
      effects.timedOut(entry)
      this.#abort(entry, 'timeout', nowMs, effects)
    }
    for (let entry = this.#aborts.takeExpired(nowMs); entry !== null; entry = this.#aborts.takeExpired(nowMs)) {
      entry.phase = 'zombie'
      entry.owner.running -= 1
      entry.owner.zombies += 1
      this.running -= 1
      this.zombies += 1
      effects.zombie(entry)
    }
    for (let entry = this.#parking.takeDue(nowMs); entry !== null; entry = this.#parking.takeDue(nowMs)) {
      if (entry.owner.isOver) continue
      if (entry.state !== 'waiting') this.#ready.push(entry)
      else if (entry.owner.becomeDue(entry)) this.#ready.push(entry)
    }
  }

  /** When `expire` has something to do. */
  get nextWakeMs(): number {
    return Math.min(this.#attempts.nextMs, this.#aborts.nextMs, this.#parking.nextDueMs)
  }
}
