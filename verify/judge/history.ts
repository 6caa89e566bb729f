/** Turns attempt rows into a history: which attempt ran from when to when, and when each record was finished for the first
 *  time. It draws no conclusions; laws are checked in `order.ts`, `commits.ts`, `retries.ts` and `verdict.ts`. */
import { addressOf, type AttemptRow, type Violation } from './evidence.ts'

export type Attempt = {
  readonly process: number
  readonly partition: number
  readonly offset: number
  readonly attempt: number
  readonly startedMs: number
  /** Null if it never ended: its process was killed, or the handler never settled. */
  readonly endedMs: number | null
  readonly outcome: 'done' | 'failed' | null
}

export type History = {
  /** All rows in order of time; rows of one process in the order in which it wrote them. */
  readonly rows: readonly AttemptRow[]
  /** In order of their start. */
  readonly attempts: readonly Attempt[]
  /** When a record (by address) was done or filtered for the first time. */
  readonly finishedMs: ReadonlyMap<string, number>
  /** How often the handler succeeded for a record. */
  readonly successes: ReadonlyMap<string, number>
  readonly filtered: ReadonlySet<string>
  readonly maxInFlight: number
  /** Rows that contradict each other: then the history itself cannot be trusted. */
  readonly contradictions: readonly Violation[]
}

type OpenAttempt = { -readonly [K in keyof Attempt]: Attempt[K] }

export function readHistory(written: readonly AttemptRow[]): History {
  const rows = written.toSorted((a, b) => a.time - b.time)
  const attempts: OpenAttempt[] = []
  const open = new Map<string, OpenAttempt[]>()
  const finishedMs = new Map<string, number>()
  const successes = new Map<string, number>()
  const filtered = new Set<string>()
  const contradictions: Violation[] = []
  let inFlight = 0
  let maxInFlight = 0

  for (const row of rows) {
    const address = addressOf(row)
    const running = `${row.process} ${address} ${row.attempt}`
    if (row.outcome === 'started') {
      const { process, partition, offset, attempt, time } = row
      const begun = { process, partition, offset, attempt, startedMs: time, endedMs: null, outcome: null }
      attempts.push(begun)
      open.set(running, [...(open.get(running) ?? []), begun])
      inFlight += 1
      maxInFlight = Math.max(maxInFlight, inFlight)
      continue
    }
    if (row.outcome === 'filtered') {
      filtered.add(address)
    } else {
      const ending = open.get(running)?.shift()
      if (ending === undefined) {
        contradictions.push(`attempt ${row.attempt} of ${address} ended without having started`)
        continue
      }
      ending.endedMs = row.time
      ending.outcome = row.outcome
      inFlight -= 1
      if (row.outcome === 'failed') continue
      successes.set(address, (successes.get(address) ?? 0) + 1)
    }
    if (!finishedMs.has(address)) finishedMs.set(address, row.time)
  }
  return { rows, attempts, finishedMs, successes, filtered, maxInFlight, contradictions }
}

/** When each attempt failed, by `nameOf`. If a crash made several of one, the earliest counts: which of them a retry
 *  followed cannot be seen from outside. */
export function failures({ attempts }: History): Map<string, number> {
  const failedMs = new Map<string, number>()
  for (const { attempt, endedMs, outcome, ...at } of attempts) {
    if (outcome !== 'failed' || endedMs === null) continue
    const name = nameOf(addressOf(at), attempt)
    failedMs.set(name, Math.min(endedMs, failedMs.get(name) ?? Infinity))
  }
  return failedMs
}

export function nameOf(address: string, attempt: number): string {
  return `attempt ${attempt} of ${address}`
}
