/** The simulation: many histories, each a pure function of its seed, each held against every law.
 *
 *    node verify/simulation/main.ts --runs N [--seed S] [--json] [--verbose]
 *
 *  Seeds that failed before (`seeds.json`) come first, then N seeds from S on. Every so often one is run twice and must
 *  leave the same trace. Progress and failures go to stderr; with --json the last line of stdout is
 *  `{ runs, seed, violations, faults, histories, historiesPerSecond, failures }`, `histories`
 *  being in how many of them something happened that makes them worth their time. --verbose prints the trace of every history.
 *  Exit code 0: no law was broken; 1: one was; 2: wrong call. */

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Command, InvalidArgumentError } from 'commander'
import { featuresOf } from './features.ts'
import { type History, runHistory } from './history.ts'
import { type Violation, violationsOf } from './laws.ts'
import { hashOf, printed } from './trace.ts'

type Options = { readonly runs: number; readonly seed: number; readonly json?: true; readonly verbose?: true }
type Failure = { readonly seed: number; readonly law: string }

/** One in so many histories is run twice. */
const repeatEvery = 25
/** Failures that are told in words; all of them are counted. */
const toldMax = 20
const progressEveryMs = 2_000

const program = new Command('simulation')
  .requiredOption('--runs <count>', 'how many histories', parseCount)
  .option('--seed <seed>', 'seed of the first one', parseCount, 1)
  .option('--json', 'print the figures as one line')
  .option('--verbose', 'print what happened in each history')
  .exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : 2))
  .parse()

process.exitCode = await simulate(program.opts<Options>())

async function simulate({ runs, seed, json, verbose }: Options): Promise<number> {
  const startedAt = performance.now()
  const faults = new Map<string, number>()
  const features = new Map<string, number>()
  const failures: Failure[] = []
  let lastProgressAt = startedAt
  let ran = 0
  for (const next of seedsOf(seed, runs)) {
    const history = await runHistory(next)
    ran += 1
    for (const [fault, count] of Object.entries(history.faults)) add(faults, fault, count)
    for (const [feature, count] of Object.entries(featuresOf(history.events, history.plan)))
      add(features, feature, count)
    const violations = violationsOf(history.events, history.plan.terms)
    if (ran % repeatEvery === 1) violations.push(...(await differences(history)))
    if (verbose) console.error(printed(history.events))
    if (violations.length > 0 && failures.length < toldMax) tell(next, violations)
    for (const law of new Set(violations.map((violation) => violation.law))) failures.push({ seed: next, law })
    if (performance.now() - lastProgressAt > progressEveryMs) {
      lastProgressAt = performance.now()
      console.error(`${ran} histories, ${failures.length} violations`)
    }
  }
  const seconds = (performance.now() - startedAt) / 1_000
  const figures = {
    runs: ran,
    seed,
    violations: failures.length,
    faults: sorted(faults),
    histories: sorted(features),
    historiesPerSecond: Math.round((ran / seconds) * 10) / 10,
    failures,
  }
  console.log(json ? JSON.stringify(figures) : figures)
  return failures.length > 0 ? 1 : 0
}

function add(counts: Map<string, number>, name: string, count: number): void {
  counts.set(name, (counts.get(name) ?? 0) + count)
}

function sorted(counts: ReadonlyMap<string, number>): Record<string, number> {
  return Object.fromEntries([...counts].toSorted(([one], [other]) => (one < other ? -1 : 1)))
}

/** Kept seeds, then the ones that were asked for. With a single run only that one: somebody wants to look at it. */
function seedsOf(first: number, runs: number): number[] {
  const asked = Array.from({ length: runs }, (_, index) => first + index)
  if (runs === 1) return asked
  const file = JSON.parse(readFileSync(join(import.meta.dirname, 'seeds.json'), 'utf8')) as {
    readonly seeds: readonly { readonly seed: number }[]
  }
  return [...file.seeds.map((kept) => kept.seed), ...asked]
}

/** I18: a history is a function of its seed and of nothing else. */
async function differences({ plan, events }: History): Promise<Violation[]> {
  const again = await runHistory(plan.seed)
  if (hashOf(again.events) === hashOf(events)) return []
  const index = events.findIndex((event, place) => JSON.stringify(event) !== JSON.stringify(again.events[place]))
  const [one, other] = [printed(events.slice(index, index + 1)), printed(again.events.slice(index, index + 1))]
  return [{ law: 'same-seed-same-trace', what: `first '${one.trim()}', then '${other.trim()}'` }]
}

function tell(seed: number, violations: readonly Violation[]): void {
  console.error(`seed ${seed} broke ${violations.length} times:`)
  for (const { law, what } of violations.slice(0, 5)) console.error(`  ${law}: ${what}`)
  console.error(`  look: node verify/simulation/main.ts --runs 1 --seed ${seed} --verbose`)
}

function parseCount(text: string): number {
  const count = Number(text)
  if (!Number.isSafeInteger(count) || count < 0) throw new InvalidArgumentError('expected a whole number from 0 up')
  return count
}
