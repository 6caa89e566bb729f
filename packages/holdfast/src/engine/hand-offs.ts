/** Decides when the leaving records of one partition are written to their topics (R20): at once while writes succeed. After
 *  a failure one record at a time is tried, ever more rarely and never more than once a second, until one gets through. Each
 *  topic is judged by itself: dead letters that are stored say nothing about a delay topic that is down. */
import { exponentialDelayMs } from './backoff.ts'
import type { Entry } from './entry.ts'
import { ReadyQueue } from './ready-queue.ts'

/** The shortest wait is half of `firstMs`, since jitter takes up to that much away. */
const retryDelay = { firstMs: 2_000, maxMs: 5_000 }

/** What is written, or waits to be written, to one topic. */
class Writes<R> {
  readonly queue = new ReadyQueue<Entry<R>>()
  failures = 0
  problem: unknown = undefined
  notBeforeMs = 0
  /** The one record that is tried after a failure; answers to others were on their way before it. */
  probe: Entry<R> | null = null

  get nextMs(): number {
    if (this.queue.size === 0 || this.probe !== null) return Infinity
    return this.failures === 0 ? -Infinity : this.notBeforeMs
  }
}

export class HandOffs<R> {
  readonly #byTopic = new Map<string, Writes<R>>()
  /** Writes that were not answered yet. */
  inFlight = 0
  /** Topics that do not work: asked for each record, so it is counted and not looked for. */
  failing = 0

  add(entry: Entry<R>): void {
    this.#writesOf(entry).queue.push(entry)
  }

  #writesOf(entry: Entry<R>): Writes<R> {
    const topic = entry.destination?.topic ?? ''
    let writes = this.#byTopic.get(topic)
    if (writes === undefined) this.#byTopic.set(topic, (writes = new Writes()))
    return writes
  }

  /** The next record that may be written now. */
  take(nowMs: number): Entry<R> | null {
    for (const writes of this.#byTopic.values()) {
      if (writes.nextMs > nowMs) continue
      const entry = writes.queue.shift() ?? null
      if (entry === null) continue
      this.inFlight += 1
      if (writes.failures > 0) writes.probe = entry
      return entry
    }
    return null
  }

  stored(entry: Entry<R>): void {
    this.#answered(entry, true)
  }

  /** A write whose record will not be written there again. It says nothing about the topic, but with nothing left to write
   *  nobody would ever learn that it works. */
  dropped(entry: Entry<R>): void {
    const writes = this.#answered(entry, false)
    if (writes.queue.size === 0 && writes.failures > 0) this.#works(writes)
  }

  #works(writes: Writes<R>): void {
    writes.failures = 0
    this.failing -= 1
  }

  #answered(entry: Entry<R>, works: boolean): Writes<R> {
    const writes = this.#writesOf(entry)
    this.inFlight -= 1
    if (writes.probe !== entry) return writes
    writes.probe = null
    if (works) this.#works(writes)
    return writes
  }

  /** The record stays to be written. Returns how long to wait. */
  failed(entry: Entry<R>, error: unknown, nowMs: number, random: () => number): number {
    const wasOnItsWay = this.#writesOf(entry).failures > 0 && this.#writesOf(entry).probe !== entry
    const writes = this.#answered(entry, false)
    writes.queue.push(entry)
    writes.problem = error
    if (!wasOnItsWay) {
      if (writes.failures === 0) this.failing += 1
      writes.failures += 1
      writes.notBeforeMs = nowMs + exponentialDelayMs(retryDelay, writes.failures, random)
    }
    return Math.max(0, writes.notBeforeMs - nowMs)
  }

  /** Whether records wait to be written. */
  get hasQueued(): boolean {
    for (const { queue } of this.#byTopic.values()) if (queue.size > 0) return true
    return false
  }

  /** The most failed tries in a row of any topic. */
  get failures(): number {
    let most = 0
    for (const { failures } of this.#byTopic.values()) most = Math.max(most, failures)
    return most
  }

  /** Why the last try of a topic failed that does not work. */
  get problem(): unknown {
    for (const { failures, problem } of this.#byTopic.values()) if (failures > 0) return problem
    return undefined
  }

  /** When `take` has something, Infinity when only an answer or a new record can change that. */
  get nextMs(): number {
    let nextMs = Infinity
    for (const writes of this.#byTopic.values()) nextMs = Math.min(nextMs, writes.nextMs)
    return nextMs
  }
}
