/** What the demo knows of itself while it runs, gathered from the producer and from the consumer's reports: everything that
 *  a screen can show. The closing figures come from the judge, never from here. */
import type { ConsumerStatus } from 'holdfast'

export type Phase = 'starting' | 'running' | 'stopping' | 'judging'

export type Progress = {
  readonly phase: Phase
  readonly elapsedMs: number
  readonly rows: number
  readonly produced: number
  readonly producedPerSecond: number
  readonly donePerSecond: number
  /** Null until the consumer has reported for the first time. */
  readonly consumer: ConsumerStatus | null
  /** What a person should know, oldest first. */
  readonly troubles: readonly string[]
}

/** Long enough for a steady figure, short enough to see a stall. */
const windowMs = 2_000

/** How fast a counter grows, over the last two seconds. */
export class RateMeter {
  readonly #readings: { readonly atMs: number; readonly count: number }[] = []

  note(atMs: number, count: number): void {
    this.#readings.push({ atMs, count })
    while ((this.#readings[1]?.atMs ?? Infinity) <= atMs - windowMs) this.#readings.shift()
  }

  get perSecond(): number {
    const first = this.#readings[0]
    const last = this.#readings.at(-1)
    if (first === undefined || last === undefined || last.atMs <= first.atMs) return 0
    return ((last.count - first.count) / (last.atMs - first.atMs)) * 1_000
  }
}
