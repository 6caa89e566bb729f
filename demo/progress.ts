/** What the demo knows of itself while it runs, gathered from the producer and from the consumers' reports: everything that
 *  a screen can show. The figures of the closing table come from the judge, never from here. */
import type { ConsumerStatus } from 'holdfast'

export type Phase = 'starting' | 'running' | 'stopping' | 'judging'
export type ConsumerName = 'first' | 'second'

export type ConsumerView = {
  readonly name: ConsumerName
  /** `away` before it was called. */
  readonly phase: 'away' | 'joining' | 'running' | 'leaving' | 'left'
  /** Null until it has reported for the first time. */
  readonly status: ConsumerStatus | null
}

/** Something that a person should know. */
export type News = { readonly kind: 'note' | 'trouble'; readonly text: string }

export type Progress = {
  readonly phase: Phase
  readonly elapsedMs: number
  readonly rows: number
  readonly produced: number
  readonly producedPerSecond: number
  readonly finishedPerSecond: number
  readonly consumers: readonly ConsumerView[]
  /** Oldest first. */
  readonly news: readonly News[]
}

/** What all consumers did together, those that have left included. */
export type Sums = {
  readonly done: number
  readonly filtered: number
  readonly dead: number
  /** Done, filtered or dead: nothing more will happen to them. */
  readonly finished: number
  readonly retriedInPlace: number
  /** Handed to a delay topic. */
  readonly retriedByTopic: number
  readonly inFlight: number
  /** Waiting in place. */
  readonly parked: number
  /** Waiting in a delay topic, as far as it was read. */
  readonly waiting: number
}

export function sumUp(consumers: readonly ConsumerView[]): Sums {
  const sum = (pick: (status: ConsumerStatus) => number): number =>
    consumers.reduce((total, { status }) => total + (status === null ? 0 : pick(status)), 0)
  const present = consumers.filter(({ phase }) => phase !== 'left').map(({ status }) => status)
  const done = sum(({ counts }) => counts.done)
  const filtered = sum(({ counts }) => counts.filtered)
  const dead = sum(({ counts }) => counts.deadLettered)
  return {
    done,
    filtered,
    dead,
    finished: done + filtered + dead,
    retriedInPlace: sum(({ retriedInPlace }) => retriedInPlace),
    retriedByTopic: sum(({ counts }) => counts.retried),
    inFlight: present.reduce((total, status) => total + (status?.inFlight ?? 0), 0),
    parked: present.reduce((total, status) => total + (status?.parked ?? 0), 0),
    waiting: present.reduce((total, status) => total + (status?.waiting ?? 0), 0),
  }
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
