/** Runs many histories, one after the other, and holds each against every law. Which seeds, and what becomes of the figures,
 *  is for the caller to say. Every so often a history is run twice and must leave the same trace. */

import { featuresOf } from './features.ts'
import { type History, runHistory } from './history.ts'
import { type Violation, violationsOf } from './laws.ts'
import { planOf } from './plan.ts'
import { hashOf, printed } from './trace.ts'

export type Failure = { readonly seed: number; readonly law: string }

export type Figures = {
  readonly runs: number
  /** Counted once for each law that a history broke. */
  readonly violations: number
  /** How often each fault happened. */
  readonly faults: Readonly<Record<string, number>>
  /** In how many histories something happened that makes them worth their time. */
  readonly histories: Readonly<Record<string, number>>
  readonly historiesPerSecond: number
  readonly failures: readonly Failure[]
}

export type SimulationOptions = {
  readonly seeds: Iterable<number>
  /** Ends with the first history that broke a law. @default false */
  readonly untilBroken?: boolean
  /** Told before each history. */
  readonly onBegin?: (seed: number) => void
  /** Told after each history. */
  readonly onHistory?: (history: History, violations: readonly Violation[]) => void
}

/** One in so many histories is run twice. */
const repeatEvery = 25

export async function simulate({ seeds, untilBroken, onBegin, onHistory }: SimulationOptions): Promise<Figures> {
  const startedAt = performance.now()
  const faults = new Map<string, number>()
  const features = new Map<string, number>()
  const failures: Failure[] = []
  let runs = 0
  for (const seed of seeds) {
    onBegin?.(seed)
    const history = await runHistory(planOf(seed))
    runs += 1
    for (const [fault, count] of Object.entries(history.faults)) add(faults, fault, count)
    for (const [feature, count] of Object.entries(featuresOf(history.events, history.plan)))
      add(features, feature, count)
    const violations = violationsOf(history.events, history.plan.terms)
    if (runs % repeatEvery === 1) violations.push(...(await differences(history)))
    for (const law of new Set(violations.map((violation) => violation.law))) failures.push({ seed, law })
    onHistory?.(history, violations)
    if (untilBroken && failures.length > 0) break
  }
  const seconds = (performance.now() - startedAt) / 1_000
  return {
    runs,
    violations: failures.length,
    faults: sorted(faults),
    histories: sorted(features),
    historiesPerSecond: Math.round((runs / seconds) * 10) / 10,
    failures,
  }
}

function add(counts: Map<string, number>, name: string, count: number): void {
  counts.set(name, (counts.get(name) ?? 0) + count)
}

function sorted(counts: ReadonlyMap<string, number>): Record<string, number> {
  return Object.fromEntries([...counts].toSorted(([one], [other]) => (one < other ? -1 : 1)))
}

/** I18: a history is a function of its seed and of nothing else. */
async function differences({ plan, events }: History): Promise<Violation[]> {
  const again = await runHistory(plan)
  if (hashOf(again.events) === hashOf(events)) return []
  const index = events.findIndex((event, place) => JSON.stringify(event) !== JSON.stringify(again.events[place]))
  const [one, other] = [printed(events.slice(index, index + 1)), printed(again.events.slice(index, index + 1))]
  return [{ law: 'same-seed-same-trace', what: `first '${one.trim()}', then '${other.trim()}'` }]
}
