/** Time that stands still until somebody moves it, one timer at a time (R33). Broker and toolkit share one, so a heartbeat
 *  that is due within the next hour is sent on the way through that hour, and answered, before anything later happens.
 *
 *  Time moves only while everything that can happen without it has happened. What really waits for the world (a socket,
 *  a file) is not seen: code that does so belongs on a broker over TCP and on the machine's clock. */

import type { Clock, Timer } from '../index.ts'
import { type Duration, formatDuration, parseDuration } from '../model/duration.ts'
import { ClockView } from './clock-view.ts'
import { takeTurns } from './immediate-turns.ts'
import { SeededRandom } from './seeded-random.ts'
import { type HeapTimer, TimerHeap } from './timer-heap.ts'

export type VirtualClockOptions = {
  /** Where all chance comes from. @default 1 */
  readonly seed?: number | undefined
  /** What a calendar shows at the beginning, in milliseconds since 1970. @default 1 January 2030, 00:00 UTC */
  readonly epochMs?: number | undefined
}

export type RunOptions = {
  /** Virtual time after which the wait is given up. @default '1h' */
  readonly limit?: Duration | undefined
  /** What is waited for, in the words of the error. @default 'the condition' */
  readonly what?: string | undefined
}

/** Somebody who keeps time moving. */
type Mover = {
  /** Time does not pass this moment before the mover has ended. */
  readonly untilMs: number
  /** Null if only the moment counts. */
  readonly isSatisfied: (() => boolean) | null
  /** Called once. `idle`: no timer is left, so nothing will ever change. */
  end(reason: 'satisfied' | 'reached' | 'idle'): void
  fail(error: unknown): void
}

/** 1 January 2030: later than any test is run, because a broker refuses records from its future. */
const epochDefaultMs = 1_893_456_000_000
const limitDefaultMs = 3_600_000
/** No program needs so many timers at one moment; a loop of zero delays does. */
const timersPerMomentMax = 1_000_000

export class VirtualClock implements Clock {
  readonly #random: SeededRandom
  readonly #chance: SeededRandom
  readonly #timers = new TimerHeap()
  readonly #movers = new Set<Mover>()
  #nowMs = 0
  #epochOffsetMs: number
  #sequence = 0
  #isMoving = false
  #firedAtThisMoment = 0
  #isFlowing = false

  constructor({ seed = 1, epochMs = epochDefaultMs }: VirtualClockOptions = {}) {
    this.#random = new SeededRandom(seed)
    this.#chance = this.#random.stream('clock')
    this.#epochOffsetMs = epochMs
  }

  monotonicMs(): number {
    return this.#nowMs
  }

  epochMs(): number {
    return this.#epochOffsetMs + this.#nowMs
  }

  random(): number {
    return this.#chance.fraction()
  }

  setTimer(delayMs: number, callback: () => void): Timer {
    if (Number.isNaN(delayMs)) throw new RangeError('expected a delay in milliseconds, got NaN')
    const dueMs = this.#nowMs + Math.max(0, delayMs)
    const timer: HeapTimer = { dueMs, sequence: this.#sequence++, callback, place: -1 }
    this.#timers.add(timer)
    if (this.#isFlowing) this.#move()
    return { cancel: () => this.#timers.remove(timer) }
  }

  /** Resolves when so much time has passed, without moving it: for handlers that take their time. */
  pass(duration: Duration): Promise<void> {
    const ms = parseDuration(duration, 'pass')
    return new Promise((resolve) => {
      this.setTimer(ms, resolve)
    })
  }

  /** Chance of its own for `name`, from the same seed. */
  stream(name: string): SeededRandom {
    return this.#random.stream(name)
  }

  /** The same time with chance of its own, and a calendar that can be wrong: the clock of one machine among several. */
  view(name: string): ClockView {
    return new ClockView(this, this.stream(`view ${name}`))
  }

  /** Sets the calendar forward or back, as an administrator or a time server does. Timers do not notice. */
  jumpEpoch(byMs: number): void {
    this.#epochOffsetMs += byMs
  }

  get timersPending(): number {
    return this.#timers.size
  }

  /** Fires every timer that comes due meanwhile, in order, each with all that follows from it. Rejects with whatever a
   *  timer throws. */
  async advance(by: Duration): Promise<void> {
    await this.advanceTo(this.#nowMs + parseDuration(by, 'advance'))
  }

  /** As `advance`, up to a moment of the monotonic clock. Rejects if it has passed. */
  async advanceTo(untilMs: number): Promise<void> {
    if (!(untilMs >= this.#nowMs)) throw new RangeError(`time is at ${this.#nowMs} ms and cannot go to ${untilMs} ms`)
    await new Promise<void>((resolve, reject) => {
      this.#add({ untilMs, isSatisfied: null, end: () => resolve(), fail: reject })
    })
  }

  /** Lets everything happen that needs no time. */
  settle(): Promise<void> {
    return this.advanceTo(this.#nowMs)
  }

  /** Lets time pass until `goal` is true or has settled, and gives what it resolved with. Rejects as it does; also when
   *  the limit is reached, and at once when no timer is left that could ever change anything. */
  async runUntil<T>(goal: Promise<T> | (() => boolean), options: RunOptions = {}): Promise<T | undefined> {
    const { limit = limitDefaultMs, what = 'the condition' } = options
    let isSettled = false
    const settled = (): void => void (isSettled = true)
    if (goal instanceof Promise) goal.then(settled, settled)
    const isSatisfied = goal instanceof Promise ? () => isSettled : goal
    const startMs = this.#nowMs
    const untilMs = startMs + parseDuration(limit, 'limit')
    await new Promise<void>((resolve, reject) => {
      const end: Mover['end'] = (reason) => {
        if (reason === 'satisfied') resolve()
        else reject(new Error(gaveUp(reason, what, this.#nowMs - startMs)))
      }
      this.#add({ untilMs, isSatisfied, end, fail: reject })
    })
    return goal instanceof Promise ? goal : undefined
  }

  /** From now on time passes by itself whenever nothing else can happen. Returns how to stop that.
   *
   *  For tests that wait on promises of the code under test, which take virtual time to settle: they need not say how
   *  much. An error in a timer is then thrown as an uncaught exception, as it would be on the machine's clock. */
  flow(): () => void {
    this.#isFlowing = true
    this.#move()
    return () => {
      this.#isFlowing = false
    }
  }

  #add(mover: Mover): void {
    this.#movers.add(mover)
    this.#move()
  }

  #move(): void {
    if (this.#isMoving) return
    this.#isMoving = true
    void takeTurns(() => this.#turn()).catch((error: unknown) => this.#fail(error))
  }

  /** One timer, or the end of those whose moment has come. What follows from it happens before the next turn. */
  #turn(): 'more' | 'done' {
    let hasEnded = false
    let untilMs = Infinity
    for (const mover of this.#movers) {
      if (mover.isSatisfied?.() === true) hasEnded = this.#end(mover, 'satisfied')
      else untilMs = Math.min(untilMs, mover.untilMs)
    }
    if (hasEnded) return 'more'
    const timer = this.#timers.first()
    if (timer !== undefined && timer.dueMs <= untilMs && (this.#isFlowing || this.#movers.size > 0)) {
      this.#fire(timer)
      return 'more'
    }
    if (timer === undefined) {
      const waiting = [...this.#movers].filter((mover) => mover.isSatisfied !== null)
      const isAlone = waiting.length === this.#movers.size
      if (isAlone) for (const mover of waiting) hasEnded = this.#end(mover, 'idle')
      if (hasEnded) return 'more'
    }
    if (this.#movers.size === 0) {
      this.#isMoving = false
      return 'done'
    }
    this.#moveTo(untilMs)
    for (const mover of this.#movers) if (mover.untilMs <= untilMs) this.#end(mover, 'reached')
    return 'more'
  }

  #fire(timer: HeapTimer): void {
    this.#moveTo(timer.dueMs)
    this.#timers.remove(timer)
    this.#firedAtThisMoment += 1
    if (this.#firedAtThisMoment > timersPerMomentMax) {
      throw new Error(`${timersPerMomentMax} timers fired at ${this.#nowMs} ms: something waits for 0 ms in a loop`)
    }
    timer.callback()
  }

  #moveTo(nowMs: number): void {
    if (nowMs > this.#nowMs) this.#firedAtThisMoment = 0
    this.#nowMs = Math.max(this.#nowMs, nowMs)
  }

  /** Always true, for whoever keeps account. */
  #end(mover: Mover, reason: 'satisfied' | 'reached' | 'idle'): true {
    this.#movers.delete(mover)
    mover.end(reason)
    return true
  }

  #fail(error: unknown): void {
    this.#isMoving = false
    const movers = [...this.#movers]
    this.#movers.clear()
    for (const mover of movers) mover.fail(error)
    if (movers.length > 0) return
    this.#isFlowing = false
    setImmediate(() => {
      throw error
    })
  }
}

function gaveUp(reason: 'reached' | 'idle', what: string, afterMs: number): string {
  const when = `after ${formatDuration(Math.round(afterMs))} of virtual time`
  return reason === 'reached'
    ? `${what} did not come true: given up ${when}, with timers left`
    : `${what} can never come true: ${when} no timer is left, so nothing else will happen`
}
