/** Decides when a member commits (R9): every interval while something is uncommitted, earlier after many completions, one
 *  request at a time, and ever more rarely while commits fail. What is committed, the ledgers say. */
import type { GroupSettings } from '../model/settings.ts'
import { exponentialDelayMs } from './backoff.ts'

const retryDelay = { firstMs: 100, maxMs: 5_000 }

export class CommitRhythm {
  readonly #settings: GroupSettings
  readonly #random: () => number
  #lastSentMs = 0
  #notBeforeMs = 0
  #completions = 0
  #dirtySinceMs: number | null = null

  isInFlight = false
  failures = 0

  constructor(settings: GroupSettings, random: () => number) {
    this.#settings = settings
    this.#random = random
  }

  /** Some line may have moved; `completions` records ended since the last note. */
  note(completions: number, nowMs: number): void {
    this.#completions += completions
    this.#dirtySinceMs ??= nowMs
  }

  /** Nothing is left to commit. */
  settle(): void {
    this.#dirtySinceMs = null
    this.#completions = 0
  }

  /** Infinity when there is nothing to commit, so that an idle member sets no timer. */
  get nextWakeMs(): number {
    if (this.#dirtySinceMs === null || this.isInFlight) return Infinity
    if (this.failures > 0) return this.#notBeforeMs
    const { commitIntervalMs, commitRecords, commitGapMs } = this.#settings
    const byTimeMs = Math.max(this.#lastSentMs, this.#dirtySinceMs) + commitIntervalMs
    const byCountMs = this.#completions >= commitRecords ? this.#lastSentMs + commitGapMs : Infinity
    return Math.min(byTimeMs, byCountMs)
  }

  /** Whether a commit that cannot wait for its interval may be sent: only a failure holds it back. */
  mayHurry(nowMs: number): boolean {
    return !this.isInFlight && nowMs >= this.#notBeforeMs
  }

  /** The next commit is the last chance: it need not wait for what failed before. */
  forgive(): void {
    this.#notBeforeMs = 0
  }

  sent(nowMs: number): void {
    this.isInFlight = true
    this.#lastSentMs = nowMs
    this.#completions = 0
    this.#dirtySinceMs = null
  }

  acknowledged(): void {
    this.isInFlight = false
    this.failures = 0
  }

  /** What was sent stays to be committed. Returns how long to wait. */
  failed(nowMs: number): number {
    this.isInFlight = false
    this.failures += 1
    this.#dirtySinceMs = nowMs
    const delayMs = exponentialDelayMs(retryDelay, this.failures, this.#random)
    this.#notBeforeMs = nowMs + delayMs
    return delayMs
  }

  /** A new membership begins: what the old one had in flight no longer counts. */
  reset(): void {
    this.isInFlight = false
    this.failures = 0
    this.#notBeforeMs = 0
    this.settle()
  }
}
