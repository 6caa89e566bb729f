/** Looks into a failure: makes its history as small as it can while the same law is broken, and tells what is left. */

import { type Account, brokenLaws, play, sameSeedLaw, type Trial, unendedLaw } from './account.ts'
import { type Plan, planOf } from './plan.ts'
import { shrink } from './shrink.ts'
import { describedPlan } from './shrunk-plan.ts'
import { storyOf } from './story.ts'
import { Worker } from './workers.ts'

export type Finding = {
  readonly law: string
  /** Of the smallest history that was found. */
  readonly plan: Plan
  /** For people. */
  readonly story: string
}

/** A history that takes longer than this is taken for one that does not end. */
const patienceMs = 20_000
/** An inquest takes about so long at the most. */
const timeMs = 60_000

/** Null if the law is not broken when the history is played again, by itself. */
export async function inquire(trial: Trial, law: string): Promise<Finding | null> {
  const drawn = trial.plan ?? planOf(trial.seed)
  const worker = new Worker({ patienceMs })
  const endAtMs = performance.now() + timeMs
  const isRepeated = law === sameSeedLaw
  const accountOf = (plan: Plan): Promise<Account> => worker.play({ seed: trial.seed, plan, isRepeated })
  const isBroken = async (plan: Plan): Promise<boolean> => brokenLaws(await accountOf(plan)).includes(law)
  try {
    if (!(await isBroken(drawn))) return null
    const { plan, attempts } = await shrink(drawn, { isBroken, isOver: () => performance.now() > endAtMs })
    const { violations } = await accountOf(plan)
    const told = violations.filter((violation) => violation.law === law)
    const left = describedPlan(plan, drawn)
    // Who ended a process would end this one too, and has left no trace.
    const story =
      law === unendedLaw
        ? (told[0]?.what ?? '')
        : storyOf((await play({ seed: trial.seed, plan })).history.events, told)
    const head = `seed ${trial.seed} breaks ${law}; what is left of it after ${attempts} attempts to make it smaller:`
    return { law, plan, story: `${head}\n${left}\n\n${story}` }
  } finally {
    await worker.end()
  }
}
