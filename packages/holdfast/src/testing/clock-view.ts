/** One machine's clock among several that share their time: with chance of its own, a calendar that can be wrong, a power
 *  switch, and an event loop that can be held up. What happens to a machine meanwhile is in `in-process-port.ts`. */

import type { Clock, Timer } from '../index.ts'
import type { SeededRandom } from './seeded-random.ts'

/** The clock that views share; a `VirtualClock`. */
type SharedClock = Pick<Clock, 'monotonicMs' | 'epochMs' | 'setTimer'>

/** What waits for a machine whose event loop is held up. */
type Held = {
  untilMs: number
  /** In the order in which they were due. */
  readonly timers: (() => void)[]
  /** In the order in which they arrived. */
  readonly arrivals: (() => void)[]
  /** All of it, and whatever comes meanwhile, once the loop goes round again. */
  backlog: (() => void)[] | null
}

export class ClockView implements Clock {
  readonly #clock: SharedClock
  readonly #chance: SeededRandom
  #epochOffsetMs = 0
  #isHalted = false
  #held: Held | null = null

  constructor(clock: SharedClock, chance: SeededRandom) {
    this.#clock = clock
    this.#chance = chance
  }

  monotonicMs(): number {
    return this.#clock.monotonicMs()
  }

  epochMs(): number {
    return this.#clock.epochMs() + this.#epochOffsetMs
  }

  random(): number {
    return this.#chance.fraction()
  }

  setTimer(delayMs: number, callback: () => void): Timer {
    if (this.#isHalted) return { cancel: () => undefined }
    let isCancelled = false
    const timer = this.#clock.setTimer(delayMs, () => {
      if (this.#held === null) {
        if (!this.#isHalted) callback()
        return
      }
      const { timers, backlog } = this.#held
      const late = (): void => {
        if (!isCancelled) callback()
      }
      ;(backlog ?? timers).push(late)
    })
    return {
      cancel: () => {
        isCancelled = true
        timer.cancel()
      },
    }
  }

  jumpEpoch(byMs: number): void {
    this.#epochOffsetMs += byMs
  }

  /** Holds up the event loop, as a long computation or a collection of garbage does. What comes due or arrives meanwhile
   *  waits; then all timers fire, one by one in their order, and after them what has arrived, as on a real event loop. */
  freeze(forMs: number): void {
    const held = this.#held
    const isCatchingUp = held !== null && held.backlog !== null
    if (isCatchingUp) return this.whenAwake(() => this.freeze(forMs))
    const untilMs = this.#clock.monotonicMs() + forMs
    if (held === null) this.#held = { untilMs, timers: [], arrivals: [], backlog: null }
    else held.untilMs = Math.max(held.untilMs, untilMs)
    this.#clock.setTimer(forMs, () => this.#thaw())
  }

  /** Runs what comes to this machine from outside: at once, or when its event loop gets to it. Never if it was halted. */
  whenAwake(arrive: () => void): void {
    if (this.#isHalted) return
    if (this.#held === null) arrive()
    else (this.#held.backlog ?? this.#held.arrivals).push(arrive)
  }

  /** Power off: no timer of this clock ever fires again. */
  halt(): void {
    this.#isHalted = true
    this.#held = null
  }

  #thaw(): void {
    const held = this.#held
    if (held === null || held.backlog !== null || this.#clock.monotonicMs() < held.untilMs) return
    held.backlog = [...held.timers, ...held.arrivals]
    this.#catchUp(held)
  }

  /** One at a time: what follows from it happens before the next. */
  #catchUp(held: Held): void {
    const next = held.backlog?.shift()
    if (this.#isHalted) return
    if (next === undefined) {
      this.#held = null
      return
    }
    this.#clock.setTimer(0, () => this.#catchUp(held))
    next()
  }
}
