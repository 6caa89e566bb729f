/** The simulation: many histories, each a pure function of its seed, each held against every law.
 *
 *    node verify/simulation/main.ts --runs N [--seed S] [--json] [--verbose]
 *    node verify/simulation/main.ts --planted [--only ID,ID] [--runs N] [--seed S] [--json]
 *    node verify/simulation/main.ts --patch FILE [--runs N] [--seed S] [--json]
 *
 *  Seeds that failed before (`seeds.json`) come first, then N seeds from S on. Progress and failures go to stderr; with
 *  --json the last line of stdout is `{ runs, seed, violations, faults, histories, historiesPerSecond, failures }`,
 *  `histories` being in how many of them something happened that makes them worth their time. --verbose prints the trace of
 *  every history. Exit code 0: no law was broken; 1: one was; 2: wrong call.
 *
 *  --planted looks whether the simulation notices each defect of `verify/planted/simulation`, each in a copy of the sources
 *  and within N seeds (1,000 if nothing is said): `{ planted, caught, medianSeeds, missed }`. Exit code 0: all were caught.
 *
 *  --patch does the same with a patch, in the format of `git apply`: `{ caught, seed, law, seeds }`. Exit code 1: a law was
 *  broken, as without a patch; 0: none was; 2: the patch does not apply, or what it makes does not run. */

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Command, InvalidArgumentError } from 'commander'
import { type History } from './history.ts'
import { huntWithPatch, PatchRefused } from './hunt.ts'
import { type Violation } from './laws.ts'
import { huntPlanted } from './planted.ts'
import { simulate } from './simulate.ts'
import { printed } from './trace.ts'

type Options = {
  readonly runs?: number
  readonly seed: number
  readonly json?: true
  readonly verbose?: true
  readonly untilBroken?: true
  readonly planted?: true
  readonly only?: readonly string[]
  readonly patch?: string
}

/** Failures that are told in words; all of them are counted. */
const toldMax = 20
const progressEveryMs = 2_000
/** How many seeds a defect may take to be noticed. */
const huntRuns = 1_000

const program = new Command('simulation')
  .option('--runs <count>', 'how many histories', parseCount)
  .option('--seed <seed>', 'seed of the first one', parseCount, 1)
  .option('--json', 'print the figures as one line')
  .option('--verbose', 'print what happened in each history')
  .option('--until-broken', 'without kept seeds, end with the first broken law, name each seed')
  .option('--planted', 'look whether each planted defect is noticed')
  .option('--only <ids>', 'of the planted defects only these', (text: string) => text.split(','))
  .option('--patch <file>', 'look whether the defect that a patch makes is noticed')
  .exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : 2))
  .parse()

process.exitCode = await run(program.opts<Options>())

async function run(options: Options): Promise<number> {
  const { runs, seed, json } = options
  if (options.planted) {
    const { missed, ...figures } = await huntPlanted({ runs: runs ?? huntRuns, seed, only: options.only })
    return print({ ...figures, missed }, json, missed.length > 0)
  }
  if (options.patch !== undefined) return huntPatch(options.patch, runs ?? huntRuns, options)
  if (runs === undefined) program.error('error: expected --runs, --planted or --patch', { exitCode: 2 })
  const isHunting = options.untilBroken ?? false
  const figures = await simulate({
    seeds: seedsOf(seed, runs ?? 0, runs === 1 || isHunting),
    untilBroken: isHunting,
    ...(isHunting ? { onBegin: (each: number) => console.error(`seed ${each}`) } : reporter(options)),
  })
  const { runs: ran, ...rest } = figures
  return print({ runs: ran, seed, ...rest }, json, figures.violations > 0)
}

async function huntPatch(file: string, runs: number, { seed, json }: Options): Promise<number> {
  try {
    const found = await huntWithPatch(file, { runs, seed })
    return print(found, json, found.caught)
  } catch (error) {
    if (!(error instanceof PatchRefused)) throw error
    console.error(`error: ${error.message}`)
    return 2
  }
}

function print(figures: object, json: true | undefined, isBroken: boolean): number {
  console.log(json ? JSON.stringify(figures) : figures)
  return isBroken ? 1 : 0
}

/** Tells of progress and failures as they come. */
function reporter({ verbose }: Options): { onHistory: (history: History, violations: readonly Violation[]) => void } {
  let ran = 0
  let told = 0
  let lastProgressAt = performance.now()
  const onHistory = ({ plan, events }: History, violations: readonly Violation[]): void => {
    ran += 1
    if (verbose) console.error(printed(events))
    if (violations.length > 0 && ++told <= toldMax) tell(plan.seed, violations)
    if (performance.now() - lastProgressAt <= progressEveryMs) return
    lastProgressAt = performance.now()
    console.error(`${ran} histories, ${told} of them broke a law`)
  }
  return { onHistory }
}

/** Kept seeds, then the ones that were asked for; or only these, if somebody wants to look at them alone. */
function seedsOf(first: number, runs: number, isAlone: boolean): number[] {
  const asked = Array.from({ length: runs }, (_, index) => first + index)
  if (isAlone) return asked
  const file = JSON.parse(readFileSync(join(import.meta.dirname, 'seeds.json'), 'utf8')) as {
    readonly seeds: readonly { readonly seed: number }[]
  }
  return [...file.seeds.map((kept) => kept.seed), ...asked]
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
