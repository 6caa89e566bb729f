/** Draws what happens to failed records in a history: where they wait, how often, and which of them are lost for good. */

import { type SeededRandom } from 'holdfast/testing'
import { type WhileRetrying } from '../../packages/holdfast/src/model/settings.ts'
import { type Fate } from './trace.ts'

export type RetryPlan = {
  readonly inPlaceMs: readonly number[]
  readonly delaysMs: readonly number[]
  readonly bucketsMs: readonly number[]
  readonly whileRetrying: WhileRetrying
  /** Undefined: when the first one dies. */
  readonly deadLetters: boolean | undefined
  readonly attemptsMax: number
  /** Of an attempt that fails: it asks for one of these waits instead of the one that it would get. */
  readonly asksForWait: number
  readonly askedWaitsMs: readonly number[]
  /** Of a record: its fate is another one than to be done in the end. */
  readonly lost: number
}

/** `losses`: what the share of lost records is drawn from. */
export function drawRetries(
  random: SeededRandom,
  { losses, ownTopics }: { losses: readonly number[]; ownTopics: 'create' | 'verify' | 'ignore' },
): RetryPlan {
  const kind = random.pick(['inPlace', 'delays', 'delays', 'delays', 'block'] as const)
  const short = random.pick([[], [100], [100, 1_000], [50, 200, 400]])
  const delays = random.pick([[500], [2_000], [500, 2_000], [500, 2_000, 10_000]])
  const buckets = random.pick([[], [], [3_000]])
  const blockDelays = random.pick([[], [300], [300, 1_000]])
  const wanted = random.pick([true, undefined, undefined, false])
  // Who may not make the topic when the first one dies has to ask for it.
  const deadLetters = ownTopics === 'create' ? wanted : (wanted ?? true)
  const lost = random.pick(losses)
  const waits = {
    inPlace: { inPlaceMs: [100, 1_000, 5_000], delaysMs: [], bucketsMs: [] },
    delays: { inPlaceMs: short, delaysMs: delays, bucketsMs: buckets },
    block: { inPlaceMs: short, delaysMs: blockDelays, bucketsMs: [] },
  }[kind]
  return {
    ...waits,
    whileRetrying: kind === 'block' ? 'block' : 'overtake',
    deadLetters,
    attemptsMax: 1 + waits.inPlaceMs.length + waits.delaysMs.length,
    asksForWait: random.pick([0, 0, 0.3]),
    askedWaitsMs: [200, 1_200],
    // Without dead letters the first of them would stop its partition for ever.
    lost: deadLetters === false ? 0 : lost,
  }
}

export function drawFate(random: SeededRandom, { lost, attemptsMax }: RetryPlan): Fate {
  const isLost = random.chance(lost)
  const fate = random.pick<Fate>(['doomed', 'doomed', `hopeless ${random.integer(1, attemptsMax)}`, 'undecodable'])
  return isLost ? fate : 'fine'
}

/** How long a record that fails on and on keeps its lane waiting; `share` is what jitter leaves of the waits in place. */
export function waitsInOneLaneMs(retries: RetryPlan, share: number): number {
  const { inPlaceMs, delaysMs, whileRetrying, asksForWait, askedWaitsMs, attemptsMax } = retries
  const sum = (waits: readonly number[]): number => waits.reduce((all, each) => all + each, 0)
  const delays = whileRetrying === 'block' ? sum(delaysMs) : 0
  return sum(inPlaceMs) * share + delays + asksForWait * attemptsMax * Math.max(...askedWaitsMs)
}
