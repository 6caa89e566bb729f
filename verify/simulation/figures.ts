/** Sums up what many histories were: what broke, which faults happened and which together, and how big they were. Pure; whether
 *  a run is good enough is said here, what follows from it is for the caller. */

import { createHash } from 'node:crypto'
import { type Account, brokenLaws } from './account.ts'
import { type Extent } from './extent.ts'

export type Failure = { readonly seed: number; readonly law: string }
type Counts = Readonly<Record<string, number>>

export type Figures = {
  readonly runs: number
  /** Counted once for each law that a history broke. */
  readonly violations: number
  /** In how many histories each fault happened to somebody. */
  readonly faults: Counts
  /** How often each fault happened to somebody, in all histories. */
  readonly faultEvents: Counts
  /** Known, and happened in no history. */
  readonly faultsMissing: readonly string[]
  /** In how many histories two faults happened, as `one+other`. */
  readonly pairs: Counts
  /** Two known faults that never happened in one history. */
  readonly pairsMissing: readonly string[]
  /** In how many histories something happened that makes them worth their time. */
  readonly histories: Counts
  readonly sizes: Sizes
  readonly historiesPerSecond: number
  readonly failures: readonly Failure[]
  /** Equal for two runs in which the same happened, whatever ran beside what. */
  readonly traceHash: string
}

/** Counts of histories, but for the records and the time. */
export type Sizes = {
  readonly medianRecords: number
  readonly mostRecords: number
  readonly allRecords: number
  readonly virtualSeconds: number
  readonly atLeast1000: number
  readonly atLeast3Members: number
  readonly members: Counts
  readonly orders: Counts
  readonly whileRetrying: Counts
  readonly protocols: Counts
}

/** From so many histories on a fault that never happened is a fault of the world. */
export const enoughRuns = 5_000

const manyRecords = 1_000
const manyMembers = 3

/** Accounts in the order of their seeds, and how long it took to get them. */
export function figuresOf(accounts: readonly Account[], knownFaults: readonly string[], seconds: number): Figures {
  const failures = accounts.flatMap((account) => brokenLaws(account).map((law) => ({ seed: account.seed, law })))
  const happened = accounts.map(({ faults }) => Object.keys(faults).filter((name) => (faults[name] ?? 0) > 0))
  const faults = countsOf(happened.flat(), knownFaults)
  const known = Object.keys(faults)
  const pairs = countsOf(happened.flatMap(pairsOf), pairsOf(known))
  return {
    runs: accounts.length,
    violations: failures.length,
    faults,
    faultEvents: sumsOf(accounts.map((account) => account.faults)),
    faultsMissing: known.filter((name) => faults[name] === 0),
    pairs,
    pairsMissing: Object.keys(pairs).filter((name) => pairs[name] === 0),
    histories: sumsOf(accounts.map(({ features }) => features)),
    sizes: sizesOf(accounts.flatMap(({ extent }) => (extent === null ? [] : [extent]))),
    historiesPerSecond: seconds > 0 ? Math.round((accounts.length / seconds) * 10) / 10 : 0,
    failures,
    traceHash: hashOfAll(accounts),
  }
}

/** What is wrong with a run besides broken laws, in words: a fault that never happens proves nothing. */
export function shortcomings({ runs, faultsMissing }: Figures): string[] {
  if (runs < enoughRuns) return []
  return faultsMissing.map((fault) => `the fault '${fault}' never happened in ${runs} histories`)
}

function sizesOf(extents: readonly Extent[]): Sizes {
  const records = extents.map((extent) => extent.records)
  return {
    medianRecords: records.toSorted((one, other) => one - other)[Math.floor((records.length - 1) / 2)] ?? 0,
    mostRecords: records.reduce((most, each) => Math.max(most, each), 0),
    allRecords: records.reduce((sum, each) => sum + each, 0),
    virtualSeconds: Math.round(extents.reduce((sum, { virtualMs }) => sum + virtualMs, 0) / 1_000),
    atLeast1000: records.filter((each) => each >= manyRecords).length,
    atLeast3Members: extents.filter(({ members }) => members >= manyMembers).length,
    members: countsOf(extents.map(({ members }) => String(members))),
    orders: countsOf(extents.map(({ order }) => order)),
    whileRetrying: countsOf(extents.map(({ whileRetrying }) => whileRetrying)),
    protocols: countsOf(extents.map(({ protocol }) => protocol)),
  }
}

/** Each two of them, in alphabetical order. */
function pairsOf(names: readonly string[]): string[] {
  const sorted = names.toSorted()
  return sorted.flatMap((one, index) => sorted.slice(index + 1).map((other) => `${one}+${other}`))
}

/** How often each name occurs; those that are expected occur at least 0 times. */
function countsOf(names: readonly string[], expected: readonly string[] = []): Counts {
  const counts = new Map(expected.map((name) => [name, 0]))
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1)
  return sorted(counts)
}

function sumsOf(all: readonly Counts[]): Counts {
  const sums = new Map<string, number>()
  for (const counts of all) {
    for (const [name, count] of Object.entries(counts)) sums.set(name, (sums.get(name) ?? 0) + count)
  }
  return sorted(sums)
}

function sorted(counts: ReadonlyMap<string, number>): Counts {
  return Object.fromEntries([...counts].toSorted(([one], [other]) => (one < other ? -1 : 1)))
}

function hashOfAll(accounts: readonly Account[]): string {
  const hash = createHash('sha256')
  for (const { seed, traceHash } of accounts) hash.update(`${seed} ${traceHash}\n`)
  return hash.digest('hex').slice(0, 16)
}
