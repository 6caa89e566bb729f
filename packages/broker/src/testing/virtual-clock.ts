/** A clock that a test holds in its hands: time moves only in `advance`, chance repeats with the seed. */

import type { BrokerClock, BrokerTimer } from '../core/clock.ts'

type Waiting = { readonly atMs: number; readonly order: number; readonly callback: () => void }

export class VirtualClock implements BrokerClock {
  #nowMs = 0
  #order = 0
  #seed: number
  readonly #startEpochMs: number
  readonly #waiting = new Set<Waiting>()

  /** `startEpochMs` is what its calendar shows at the start. Clients stamp records by their own calendar, and brokers refuse
   *  those from more than an hour ahead: over sockets it should begin today, as `{ clock: 'manual' }` does. */
  constructor(seed = 1, startEpochMs = 1_700_000_000_000) {
    this.#seed = seed
    this.#startEpochMs = startEpochMs
  }

  monotonicMs(): number {
    return this.#nowMs
  }

  epochMs(): number {
    return this.#startEpochMs + this.#nowMs
  }

  /** How many timers wait. */
  get timers(): number {
    return this.#waiting.size
  }

  setTimer(delayMs: number, callback: () => void): BrokerTimer {
    const waiting: Waiting = { atMs: this.#nowMs + Math.max(0, delayMs), order: this.#order++, callback }
    this.#waiting.add(waiting)
    return { cancel: () => this.#waiting.delete(waiting) }
  }

  /** Mulberry32. */
  random(): number {
    this.#seed = (this.#seed + 0x6d2b79f5) | 0
    let mixed = Math.imul(this.#seed ^ (this.#seed >>> 15), 1 | this.#seed)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }

  /** Moves time on, timer by timer; promises settle before, between and after. */
  async advance(ms: number): Promise<void> {
    const untilMs = this.#nowMs + ms
    await settled()
    for (let next = this.#next(untilMs); next !== undefined; next = this.#next(untilMs)) {
      this.#waiting.delete(next)
      this.#nowMs = next.atMs
      next.callback()
      await settled()
    }
    this.#nowMs = untilMs
  }

  #next(untilMs: number): Waiting | undefined {
    let first: Waiting | undefined
    for (const each of this.#waiting) {
      const isEarlier =
        first === undefined || each.atMs < first.atMs || (each.atMs === first.atMs && each.order < first.order)
      if (each.atMs <= untilMs && isEarlier) first = each
    }
    return first
  }
}

/** All that can happen without time passing has happened: a macrotask comes after every microtask. */
function settled(): Promise<void> {
  return new Promise((resolve) => void setImmediate(resolve))
}
