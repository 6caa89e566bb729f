/** The ids that were handed out with MEMBER_ID_REQUIRED and whose owners have not come back yet (KIP-394). A group waits for
 *  them, but not longer than their sessions would last. */

import type { BrokerClock, BrokerTimer } from '../core/clock.ts'

export class PendingJoins {
  readonly #clock: BrokerClock
  readonly #onExpired: () => void
  readonly #timers = new Map<string, BrokerTimer>()

  constructor(clock: BrokerClock, onExpired: () => void) {
    this.#clock = clock
    this.#onExpired = onExpired
  }

  get size(): number {
    return this.#timers.size
  }

  add(memberId: string, timeoutMs: number): void {
    const expire = (): void => {
      this.#timers.delete(memberId)
      this.#onExpired()
    }
    this.#timers.set(memberId, this.#clock.setTimer(timeoutMs, expire))
  }

  /** Returns whether the id was pending. */
  take(memberId: string): boolean {
    this.#timers.get(memberId)?.cancel()
    return this.#timers.delete(memberId)
  }

  has(memberId: string): boolean {
    return this.#timers.has(memberId)
  }

  end(): void {
    for (const timer of this.#timers.values()) timer.cancel()
  }
}
