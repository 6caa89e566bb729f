/** What the clock of the brokers says, as far as the answers to our own appends showed it, and when a retry may start by it
 *  (R22). It decides nothing about timers: whoever waits asks again.
 *
 *  A broker stamps an append before we hear of it, so its clock is at least `appended − acknowledged` ahead of ours. Every
 *  append gives such a lower bound, and the highest of the recent ones is the best: a retry may start a little late by it,
 *  never early. Before the first append the two clocks are taken to agree. */
import { type HandedOff } from '../model/handed-off.ts'

/** Enough to hold one append that was quick … */
const samplesMax = 64
/** … and few and young enough that a clock that was set or has drifted is believed again soon. */
const sampleAgeMaxMs = 600_000

type Sample = { readonly offsetMs: number; readonly ackedAtMs: number }

export class BrokerTime {
  #samples: Sample[] = []
  #offsetMs = 0

  /** An append of ours got the broker's time `appendedAtMs`, and our clock said `ackedAtEpochMs` when we knew. */
  note(appendedAtMs: number, ackedAtEpochMs: number): void {
    if (!Number.isFinite(appendedAtMs) || !Number.isFinite(ackedAtEpochMs) || appendedAtMs < 0) return
    this.#samples.push({ offsetMs: appendedAtMs - ackedAtEpochMs, ackedAtMs: ackedAtEpochMs })
    const isRecent = (sample: Sample): boolean => Math.abs(ackedAtEpochMs - sample.ackedAtMs) <= sampleAgeMaxMs
    this.#samples = this.#samples.slice(-samplesMax).filter(isRecent)
    this.#offsetMs = this.#samples.reduce((best, { offsetMs }) => Math.max(best, offsetMs), -Infinity)
  }

  /** How far the broker's clock is ahead of ours, at least. Negative if it is behind. */
  get offsetMs(): number {
    return this.#offsetMs
  }

  /** The broker's time at the moment that our clock calls `epochNowMs`, at least. */
  nowMs(epochNowMs: number): number {
    return epochNowMs + this.#offsetMs
  }
}

/** When the next attempt may start, in the broker's time. `appendedAtMs` is the timestamp of the record in its delay topic:
 *  the broker's where the topic uses LogAppendTime, and else the time at which we wrote it. */
export function runAtMs(handedOff: Pick<HandedOff, 'dueAtMs' | 'delayMs'>, appendedAtMs: number): number {
  const { dueAtMs, delayMs } = handedOff
  return Math.max(dueAtMs ?? 0, delayMs === null ? 0 : appendedAtMs + delayMs)
}
