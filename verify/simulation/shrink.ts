/** Makes the plan of a history that broke a law smaller, step by step, for as long as the law is still broken: fewer records,
 *  fewer faults, fewer members, a calmer network, simpler handlers. Whether it is broken is asked; how the plan is read by
 *  people is for `shrunk-plan.ts`. */

import { perfectNetwork } from 'holdfast/testing'
import { type Batch } from './load-plan.ts'
import { type Plan } from './plan.ts'
import { termsOf } from './terms.ts'

export type ShrinkOptions = {
  /** Plays the plan. */
  readonly isBroken: (plan: Plan) => Promise<boolean>
  /** How many plans are played at the most. @default 200 */
  readonly attemptsMax?: number | undefined
  /** Asked before each attempt: enough time was spent. */
  readonly isOver?: (() => boolean) | undefined
}

export type Shrunk = { readonly plan: Plan; readonly attempts: number }

const attemptsDefault = 200

/** The smallest plan that was found; the given one if nothing can be left out. */
export async function shrink(plan: Plan, options: ShrinkOptions): Promise<Shrunk> {
  const search = new Search(plan, options)
  // Few records make every later attempt quick, so most of them go first and the last ones last.
  await search.leaveOut(recordsOf, withRecords, { finest: Math.ceil(recordsOf(plan).length / 8) })
  for (let before: Plan | null = null; before !== search.plan && !search.isOver;) {
    before = search.plan
    await search.leaveOut(
      ({ incidents }) => incidents,
      (changed, incidents) => ({ ...changed, incidents }),
    )
    await search.leaveOut(
      ({ visits }) => visits,
      (changed, visits) => ({ ...changed, visits }),
    )
    for (const simpler of simplifications) await search.attempt(simpler(search.plan))
    await search.leaveOut(recordsOf, withRecords)
  }
  return { plan: search.plan, attempts: search.attempts }
}

class Search {
  plan: Plan
  attempts = 0
  readonly #options: ShrinkOptions

  constructor(plan: Plan, options: ShrinkOptions) {
    this.plan = plan
    this.#options = options
  }

  get isOver(): boolean {
    const { attemptsMax = attemptsDefault, isOver } = this.#options
    return this.attempts >= attemptsMax || isOver?.() === true
  }

  /** Takes the changes over if the law is broken with them. Changes that change nothing are not tried. */
  async attempt(changes: Partial<Plan>): Promise<boolean> {
    const isNothing = Object.entries(changes).every(
      ([name, value]) => JSON.stringify(value) === JSON.stringify(this.plan[name as keyof Plan]),
    )
    if (isNothing || this.isOver) return false
    const changed = { ...this.plan, ...changes }
    // What laws know of the plan changes with it, but for what was promised of the history as a whole.
    const { drainAtRevokeMs, drainAtStopMs, isCalm } = this.plan.terms
    const candidate = { ...changed, terms: termsOf(changed, { drainAtRevokeMs, drainAtStopMs, isCalm }) }
    this.attempts += 1
    if (!(await this.#options.isBroken(candidate))) return false
    this.plan = candidate
    return true
  }

  /** Leaves out as many elements of a list as it can: all, then halves, then ever smaller parts down to `finest`. */
  async leaveOut<T>(
    read: (plan: Plan) => readonly T[],
    write: (plan: Plan, rest: readonly T[]) => Plan,
    { finest = 1 }: { readonly finest?: number } = {},
  ): Promise<void> {
    for (let length = read(this.plan).length; length >= finest && length > 0; length = Math.floor(length / 2)) {
      for (let start = 0; start < read(this.plan).length && !this.isOver;) {
        const rest = read(this.plan).toSpliced(start, length)
        if (!(await this.attempt(write(this.plan, rest)))) start += length
      }
    }
  }
}

/** One record, in a batch of its own. */
function recordsOf({ batches }: Plan): Batch[] {
  return batches.flatMap((batch) => batch.records.map((record) => ({ ...batch, records: [record] })))
}

/** Neighbours that come at the same time to the same place come together, as they were drawn. */
function withRecords(plan: Plan, records: readonly Batch[]): Plan {
  const batches: Batch[] = []
  for (const each of records) {
    const last = batches.at(-1)
    const isSame = last?.atMs === each.atMs && last.partition === each.partition
    if (isSame) batches.splice(-1, 1, { ...last, records: [...last.records, ...each.records] })
    else batches.push(each)
  }
  return { ...plan, batches }
}

type Simplification = (plan: Plan) => Partial<Plan>

function calmer(condition: keyof Plan['network']): Simplification {
  return ({ network }) => ({ network: { ...network, [condition]: perfectNetwork[condition] } })
}

function easier(change: Partial<Plan['handler']>): Simplification {
  return ({ handler }) => ({ handler: { ...handler, ...change } })
}

function fewerWaits(change: Partial<Plan['retries']>): Simplification {
  return (plan) => {
    const retries = { ...plan.retries, ...change }
    return { retries: { ...retries, attemptsMax: 1 + retries.inPlaceMs.length + retries.delaysMs.length } }
  }
}

function onPartitions(count: (partitions: number) => number): Simplification {
  return ({ partitions, batches }) => {
    const fewer = Math.min(partitions, count(partitions))
    return { partitions: fewer, batches: batches.map((batch) => ({ ...batch, partition: batch.partition % fewer })) }
  }
}

/** Each is tried alone, the bold ones first. */
const simplifications: readonly Simplification[] = [
  ({ network }) => ({ network: { ...perfectNetwork, latencyMs: network.latencyMs } }),
  ...(Object.keys(perfectNetwork) as (keyof Plan['network'])[]).map(calmer),
  () => ({ handoverAtMs: null }),
  easier({ fails: 0, hangs: 0, ignoresAbort: 0 }),
  easier({ fails: 0 }),
  easier({ hangs: 0 }),
  easier({ ignoresAbort: 0 }),
  easier({ latencyMaxMs: 0 }),
  easier({ sync: 0 }),
  ({ batches }) => ({
    batches: batches.map((batch) => ({
      ...batch,
      records: batch.records.map((record) => ({ ...record, fate: 'fine' as const })),
    })),
  }),
  fewerWaits({ asksForWait: 0 }),
  fewerWaits({ bucketsMs: [] }),
  fewerWaits({ delaysMs: [] }),
  fewerWaits({ inPlaceMs: [] }),
  onPartitions(() => 1),
  onPartitions((partitions) => Math.ceil(partitions / 2)),
  () => ({ brokers: 1 }),
  () => ({ filtersEvery: 0 }),
  () => ({ concurrency: 1 }),
  () => ({ restartAfterMs: 0 }),
  ({ crashAtMs, restartAfterMs }) => ({ healAtMs: crashAtMs + restartAfterMs }),
  () => ({ order: 'partition' }),
  ({ batches }) => ({ batches: batches.map((batch) => ({ ...batch, atMs: 0 })) }),
]
