/** How long a classic group waits for its members to join. The first members of an empty group gather: there a full house
 *  does not end the wait, and everybody who comes may prolong it. */

import type { BrokerClock, BrokerTimer } from '../core/clock.ts'

export class JoinWait {
  readonly #clock: BrokerClock
  readonly #onEnd: () => void
  #timer: BrokerTimer | undefined
  #isGathering = false
  #hasNewcomer = false

  constructor(clock: BrokerClock, onEnd: () => void) {
    this.#clock = clock
    this.#onEnd = onEnd
  }

  get isGathering(): boolean {
    return this.#isGathering
  }

  newcomer(): void {
    this.#hasNewcomer = true
  }

  start(timeoutMs: number): void {
    this.end()
    this.#timer = this.#clock.setTimer(timeoutMs, this.#onEnd)
  }

  /** Waits a little, again and again while members keep coming, but not longer than `leftMs` in all. */
  gather(delayMs: number, leftMs: number): void {
    const waitMs = Math.min(delayMs, leftMs)
    this.end()
    this.#isGathering = true
    this.#hasNewcomer = false
    this.#timer = this.#clock.setTimer(waitMs, () => {
      if (this.#hasNewcomer && leftMs > waitMs && waitMs > 0) this.gather(delayMs, leftMs - waitMs)
      else this.#onEnd()
    })
  }

  end(): void {
    this.#timer?.cancel()
    this.#isGathering = false
  }
}
