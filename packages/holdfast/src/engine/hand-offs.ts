/** Decides when the leaving records of one partition are written to their topics (R20): at once while writes succeed. After
 *  a failure one record at a time is tried, ever more rarely and never more than once a second, until one gets through. */
import { exponentialDelayMs } from './backoff.ts'
import { type Entry } from './entry.ts'
import { ReadyQueue } from './ready-queue.ts'

/** The shortest wait is half of `firstMs`, since jitter takes up to that much away. */
const retryDelay = { firstMs: 2_000, maxMs: 5_000 }

export class HandOffs<R> {
  readonly #queue = new ReadyQueue<Entry<R>>()
  #notBeforeMs = 0
  /** Writes that were not answered yet. */
  inFlight = 0
  /** Writes that failed since the last one that succeeded. */
  failures = 0
  /** Why the last write failed. */
  problem: unknown = undefined

  add(entry: Entry<R>): void {
    this.#queue.push(entry)
  }

  /** The next record that may be written now. */
  take(nowMs: number): Entry<R> | null {
    if (this.nextMs > nowMs) return null
    const entry = this.#queue.shift()
    if (entry === undefined) return null
    this.inFlight += 1
    return entry
  }

  stored(): void {
    this.inFlight -= 1
    this.failures = 0
    this.#notBeforeMs = 0
  }

  /** The record stays to be written. Returns how long to wait. */
  failed(entry: Entry<R>, error: unknown, nowMs: number, random: () => number): number {
    this.dropped()
    this.#queue.push(entry)
    this.failures += 1
    this.problem = error
    const delayMs = exponentialDelayMs(retryDelay, this.failures, random)
    this.#notBeforeMs = nowMs + delayMs
    return delayMs
  }

  /** A write whose record will not be written again. */
  dropped(): void {
    this.inFlight -= 1
  }

  /** Whether records wait to be written. */
  get hasQueued(): boolean {
    return this.#queue.size > 0
  }

  /** When `take` has something, Infinity when only an answer or a new record can change that. */
  get nextMs(): number {
    if (this.#queue.size === 0) return Infinity
    if (this.failures === 0) return -Infinity
    return this.inFlight > 0 ? Infinity : this.#notBeforeMs
  }
}
