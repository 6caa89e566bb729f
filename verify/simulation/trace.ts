/** What a history leaves behind: one list of everything that an observer outside Holdfast could see, in order. Laws read it,
 *  people read its printed form, and its hash tells whether two runs of a seed were the same.
 *
 *  Handlers, the broker and the conductor write it. Of Holdfast's own events only `retryAnnounced` is used by a law, because
 *  nobody else can say when a retry is due; the rest is kept as text for readers. */

import { createHash } from 'node:crypto'
import { type Order } from '../../packages/holdfast/src/model/settings.ts'

export type At = { readonly partition: number; readonly offset: number }

export type TraceEvent = { readonly atMs: number } & (
  | ({ readonly kind: 'appended'; readonly key: string | null } & At)
  /** `run` is unique for each call of a handler. */
  | ({ readonly kind: 'began'; readonly machine: string; readonly run: number; readonly attempt: number } & At)
  | ({
      readonly kind: 'ended'
      readonly machine: string
      readonly run: number
      readonly result: 'done' | 'failed'
    } & At)
  | ({ readonly kind: 'filtered'; readonly machine: string } & At)
  | ({
      readonly kind: 'retryAnnounced'
      readonly machine: string
      /** The attempt that failed. */
      readonly attempt: number
      readonly dueMs: number
    } & At)
  /** Applied by the broker. `offset` is the next one to read. */
  | ({ readonly kind: 'committed' } & At)
  /** A partition was revoked or lost: what the machine does with it afterwards is a new ownership. */
  | { readonly kind: 'left'; readonly machine: string; readonly partition: number }
  | { readonly kind: 'counted'; readonly machine: string; readonly accepted: number; readonly accounted: number }
  | { readonly kind: 'switchedOn' | 'started' | 'crashed' | 'stopping'; readonly machine: string }
  | { readonly kind: 'stopped'; readonly machine: string; readonly clean: boolean; readonly uncommitted: number }
  | { readonly kind: 'failed'; readonly machine: string; readonly reason: string }
  | { readonly kind: 'healed' }
  | { readonly kind: 'drained' }
  | { readonly kind: 'stuck'; readonly afterMs: number; readonly reason: string }
  | { readonly kind: 'unhandledRejection'; readonly reason: string }
  /** A fault that somebody made, and what Holdfast says about itself: for readers only. */
  | { readonly kind: 'fault'; readonly fault: string; readonly what: string }
  | { readonly kind: 'said'; readonly machine: string; readonly what: string }
)

/** What was true of a history from the beginning, as far as laws need to know it. */
export type Terms = {
  readonly order: Order
  readonly concurrency: number
  readonly attemptTimeoutMs: number
  readonly abortGraceMs: number
  readonly drainAtStopMs: number
  /** Everything must have been committed so long after the faults ended. */
  readonly drainBoundMs: number
  /** Nothing goes wrong but the one crash. */
  readonly isCalm: boolean
}

type Unstamped<E> = E extends unknown ? Omit<E, 'atMs'> : never

export class Trace {
  readonly events: TraceEvent[] = []
  readonly #nowMs: () => number
  #runs = 0

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs
  }

  add(event: Unstamped<TraceEvent>): void {
    this.events.push({ atMs: this.#nowMs(), ...event })
  }

  nextRun(): number {
    return ++this.#runs
  }
}

/** Equal for two histories in which the same things happened at the same times. */
export function hashOf(events: readonly TraceEvent[]): string {
  const hash = createHash('sha256')
  for (const event of events) hash.update(JSON.stringify(event))
  return hash.digest('hex')
}

/** One line for each event: time in seconds, who, what. */
export function printed(events: readonly TraceEvent[]): string {
  return events.map(lineOf).join('\n')
}

function lineOf(event: TraceEvent): string {
  const who =
    'machine' in event ? event.machine : event.kind === 'appended' || event.kind === 'committed' ? 'kafka' : ''
  return `${(event.atMs / 1_000).toFixed(3).padStart(10)}  ${who.padEnd(8)} ${sentenceOf(event)}`
}

function sentenceOf(event: TraceEvent): string {
  const place = 'offset' in event ? `${event.partition}/${event.offset}` : ''
  switch (event.kind) {
    case 'appended':
      return `record ${place} key ${event.key ?? '—'}`
    case 'began':
      return `▶ ${place} attempt ${event.attempt} (run ${event.run})`
    case 'ended':
      return `${event.result === 'done' ? '✓' : '✗'} ${place} ${event.result} (run ${event.run})`
    case 'filtered':
      return `⊘ ${place} filtered`
    case 'retryAnnounced':
      return `↻ ${place} attempt ${event.attempt} failed, next at ${(event.dueMs / 1_000).toFixed(3)}`
    case 'committed':
      return `● committed ${place}`
    case 'left':
      return `partition ${event.partition} left`
    case 'counted':
      return `accepted ${event.accepted}, accounted for ${event.accounted}`
    case 'switchedOn':
    case 'started':
    case 'crashed':
    case 'stopping':
      return `■ ${event.kind}`
    case 'stopped':
      return `■ stopped${event.clean ? ', clean' : `, not clean, ${event.uncommitted} uncommitted`}`
    case 'failed':
      return `■ failed: ${event.reason}`
    case 'healed':
      return '══ faults end ══'
    case 'drained':
      return '══ everything is committed ══'
    case 'stuck':
      return `══ not drained ${event.afterMs} ms after the faults ended: ${event.reason} ══`
    case 'unhandledRejection':
      return `unhandled rejection: ${event.reason}`
    case 'fault':
      return `⚡ ${event.fault}: ${event.what}`
    case 'said':
      return `  ${event.what}`
  }
}
