/** Plays a history, judges it, and keeps of it what outlives it: plain values, so that it can be played in another process. */

import { featuresOf } from './features.ts'
import { type History, runHistory } from './history.ts'
import { type Violation, violationsOf } from './laws.ts'
import { type Plan, planOf } from './plan.ts'
import { type Extent, extentOf } from './extent.ts'
import { printed } from './trace-text.ts'
import { hashOf } from './trace.ts'

/** What is to be played: what the seed draws, or a plan. */
export type Trial = {
  readonly seed: number
  readonly plan?: Plan | undefined
  /** Played twice, which must leave the same trace. */
  readonly isRepeated?: boolean | undefined
}

export type Account = {
  readonly seed: number
  /** Of each law that was broken the first few. */
  readonly violations: readonly Violation[]
  /** How often each fault happened to somebody. */
  readonly faults: Readonly<Record<string, number>>
  readonly features: Readonly<Record<string, number>>
  /** Null of a history that did not end. */
  readonly extent: Extent | null
  /** Equal for two histories in which the same things happened at the same times. */
  readonly traceHash: string
}

/** What is said of a history that ended its process or never ended: nothing else could say it. */
export const unendedLaw = 'history-ends'
/** I18: a history is a function of its plan and of nothing else. */
export const sameSeedLaw = 'same-seed-same-trace'

/** A law that is broken is often broken a thousand times. */
const violationsOfOneLawMax = 5

/** A trial, played and judged; `history` is there for those who want to see it. */
export async function play(trial: Trial): Promise<{ readonly account: Account; readonly history: History }> {
  const history = await runHistory(trial.plan ?? planOf(trial.seed))
  const { events, plan, faults } = history
  const violations = violationsOf(events, plan.terms)
  if (trial.isRepeated) violations.push(...(await differences(history)))
  const account = {
    seed: plan.seed,
    violations: firstOfEach(violations),
    faults,
    features: featuresOf(events, plan),
    extent: extentOf(events, plan),
    traceHash: hashOf(events),
  }
  return { account, history }
}

/** Of a history that ended its process, or that somebody had to end. */
export function accountOfUnended(seed: number, what: string): Account {
  const violations = [{ law: unendedLaw, what }]
  return { seed, violations, faults: {}, features: {}, extent: null, traceHash: '' }
}

/** The laws that were broken, each once. */
export function brokenLaws({ violations }: Account): string[] {
  return [...new Set(violations.map(({ law }) => law))]
}

function firstOfEach(violations: readonly Violation[]): Violation[] {
  const counts = new Map<string, number>()
  return violations.filter(({ law }) => {
    const count = (counts.get(law) ?? 0) + 1
    counts.set(law, count)
    return count <= violationsOfOneLawMax
  })
}

async function differences({ plan, events }: History): Promise<Violation[]> {
  const again = await runHistory(plan)
  if (hashOf(again.events) === hashOf(events)) return []
  const index = events.findIndex((event, place) => JSON.stringify(event) !== JSON.stringify(again.events[place]))
  const [one, other] = [printed(events.slice(index, index + 1)), printed(again.events.slice(index, index + 1))]
  return [{ law: sameSeedLaw, what: `first '${one.trim()}', then '${other.trim()}'` }]
}
