/** What the clock of the brokers says, as far as the answers to our own appends showed it, and when a retry may start by it
 *  (R22). It decides nothing about timers: whoever waits asks again.
 *
 *  A broker stamps an append before we hear of it, so its clock is at least `appended − acknowledged` ahead of ours. Every
 *  append gives such a lower bound, and the highest of the recent ones is the best: a retry may start a little late by it,
 *  never early. Before the first append the broker's clock is taken to agree with our calendar, as it was at the start.
 *
 *  Our side of it is the monotonic clock: a calendar that is set makes no retry start early. */
import type { HandedOff } from '../model/handed-off.ts'

/** Enough to hold one append that was quick … */
const samplesMax = 64
/** … and few and young enough that a clock that was set or has drifted is believed again soon. */
const sampleAgeMaxMs = 600_000

type Sample = { readonly offsetMs: number; readonly ackedAtMs: number }

export class BrokerTime {
  #samples: Sample[] = []
  #offsetMs: number

  /** `offsetMs` is how far our calendar is ahead of our monotonic clock. */
  constructor(offsetMs = 0) {
    this.#offsetMs = offsetMs
  }

  /** An append of ours got the broker's time `appendedAtMs`, and our monotonic clock said `ackedAtMs` when we knew. */
  note(appendedAtMs: number, ackedAtMs: number): void {
    if (!Number.isFinite(appendedAtMs) || !Number.isFinite(ackedAtMs) || appendedAtMs < 0) return
    this.#samples.push({ offsetMs: appendedAtMs - ackedAtMs, ackedAtMs })
    const isRecent = (sample: Sample): boolean => Math.abs(ackedAtMs - sample.ackedAtMs) <= sampleAgeMaxMs
    this.#samples = this.#samples.slice(-samplesMax).filter(isRecent)
    this.#offsetMs = this.#samples.reduce((best, { offsetMs }) => Math.max(best, offsetMs), -Infinity)
  }

  /** How far the broker's clock is ahead of ours, at least. Negative if it is behind. */
  get offsetMs(): number {
    return this.#offsetMs
  }

  /** The broker's time at the moment that our monotonic clock calls `monotonicNowMs`, at least. */
  nowMs(monotonicNowMs: number): number {
    return monotonicNowMs + this.#offsetMs
  }
}

/** When the next attempt may start, in the broker's time. `appendedAtMs` is the timestamp of the record in its delay topic:
 *  the broker's where the topic uses LogAppendTime, and else the time at which we wrote it. */
export function runAtMs(handedOff: Pick<HandedOff, 'dueAtMs' | 'delayMs'>, appendedAtMs: number): number {
  const { dueAtMs, delayMs } = handedOff
  return Math.max(dueAtMs ?? 0, delayMs === null ? 0 : appendedAtMs + delayMs)
}
