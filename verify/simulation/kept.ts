/** Histories that once broke a law: played before all others, for ever. What is kept of a failure is its plan, made smaller: a
 *  seed means another history as soon as anything about the drawing of plans changes, and a plan does not. The few seeds that
 *  are kept too (`seeds.json`) are older than that. */

import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Trial } from './account.ts'
import { fromText, toText } from './plain-text.ts'
import { type Plan } from './plan.ts'

export type KeptPlan = {
  /** That it broke. */
  readonly law: string
  /** What was wrong, in words: written by whoever mended it. */
  readonly cause: string
  readonly plan: Plan
}

const folder = join(import.meta.dirname, 'kept')

export function keptTrials(): Trial[] {
  const { seeds } = JSON.parse(readFileSync(join(import.meta.dirname, 'seeds.json'), 'utf8')) as {
    readonly seeds: readonly { readonly seed: number }[]
  }
  const plans = keptPlans().map(({ plan }) => ({ seed: plan.seed, plan }))
  return [...plans, ...seeds.map(({ seed }) => ({ seed }))]
}

export function keptPlans(): KeptPlan[] {
  const files = readdirSync(folder).filter((file) => file.endsWith('.json'))
  return files.toSorted().map((file) => fromText(readFileSync(join(folder, file), 'utf8')) as KeptPlan)
}

/** Reads a plan alone, or one that was kept. */
export function planIn(file: string): Plan {
  const read = fromText(readFileSync(file, 'utf8')) as Plan | KeptPlan
  return 'plan' in read ? read.plan : read
}

/** Returns the file. Its cause is left to be written. */
export function keepPlan(law: string, plan: Plan): string {
  const file = join(folder, `${law}-${plan.seed}.json`)
  writeFileSync(file, `${toText({ law, cause: '', plan }, 2)}\n`)
  return file
}
