/** Plays many histories and sums them up: in processes beside each other, or here, one after the other, for those who want to
 *  see each of them or to stop at the first that broke a law. Which histories, and what becomes of the figures, is for the
 *  caller to say. */

import { type Account, play, type Trial } from './account.ts'
import { knownFaults } from './faults.ts'
import { type Figures, figuresOf } from './figures.ts'
import { type History } from './history.ts'
import { playAll } from './workers.ts'

/** One in so many histories is played twice. */
const repeatEvery = 25

export type BesideOptions = {
  readonly workers: number
  /** Told after each history, in the order of the trials. */
  readonly onAccount?: ((account: Account) => void) | undefined
}

/** The figures do not depend on how many processes there are, but for those of speed. */
export async function simulate(trials: readonly Trial[], options: BesideOptions): Promise<Figures> {
  const startedAt = performance.now()
  const accounts = await playAll(withRepetitions(trials), options)
  return figuresOf(accounts, knownFaults, secondsSince(startedAt))
}

export type HereOptions = {
  readonly untilBroken: boolean
  /** Told before each history. */
  readonly onBegin: (seed: number) => void
  readonly onHistory: (history: History, account: Account) => void
}

/** In this process. `untilBroken` ends with the first history that broke a law. */
export async function simulateHere(trials: readonly Trial[], options: HereOptions): Promise<Figures> {
  const startedAt = performance.now()
  const accounts: Account[] = []
  for (const trial of withRepetitions(trials)) {
    options.onBegin(trial.seed)
    const { account, history } = await play(trial)
    accounts.push(account)
    options.onHistory(history, account)
    if (options.untilBroken && account.violations.length > 0) break
  }
  return figuresOf(accounts, knownFaults, secondsSince(startedAt))
}

function withRepetitions(trials: readonly Trial[]): Trial[] {
  return trials.map((trial, index) => ({ ...trial, isRepeated: index % repeatEvery === 0 }))
}

function secondsSince(startedAt: number): number {
  return (performance.now() - startedAt) / 1_000
}
