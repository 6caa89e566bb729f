/** The simulation: many histories, each a pure function of its seed, each held against every law.
 *
 *    node verify/simulation/main.ts --runs N [--seed S] [--workers N] [--json] [--pairs] [--verbose]
 *    node verify/simulation/main.ts --planted [--only ID,ID] [--runs N] [--seed S] [--json]
 *    node verify/simulation/main.ts --patch FILE [--runs N] [--seed S] [--json]
 *
 *  Seeds that failed before (`seeds.json`) come first, then N seeds from S on, in as many processes as there are cores.
 *  Progress and failures go to stderr; with --json the last line of stdout is the figures (`figures.ts`). --verbose prints
 *  the trace of every history. Exit code 0: no law was broken; 1: one was, or a fault never happened in 5,000 histories;
 *  2: wrong call.
 *
 *  --planted looks whether the simulation notices each defect of `verify/planted/simulation`, each in a copy of the sources
 *  and within N seeds (1,000 if nothing is said): `{ planted, caught, medianSeeds, missed }`. Exit code 0: all were caught.
 *
 *  --patch does the same with a patch, in the format of `git apply`: `{ caught, seed, law, seeds }`. Exit code 1: a law was
 *  broken, as without a patch; 0: none was; 2: the patch does not apply, or what it makes does not run. */

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Command, InvalidArgumentError } from 'commander'
import { type Account, type Trial } from './account.ts'
import { type Figures, shortcomings } from './figures.ts'
import { huntWithPatch, PatchRefused } from './hunt.ts'
import { huntPlanted } from './planted.ts'
import { simulate, simulateHere } from './simulate.ts'
import { isWorthReading, printed } from './trace-text.ts'
import { workersDefault } from './workers.ts'

type Options = {
  readonly runs?: number
  readonly seed: number
  readonly workers: number
  readonly json?: true
  readonly pairs?: true
  readonly verbose?: true
  readonly untilBroken?: boolean
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
  .option('--workers <count>', 'how many processes', parseCount, workersDefault)
  .option('--json', 'print the figures as one line')
  .option('--pairs', 'also in how many histories each pair of faults happened')
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
  const figures = await figuresFor(runs ?? 0, options)
  const { runs: ran, pairs, ...rest } = figures
  const lacking = shortcomings(figures)
  for (const sentence of lacking) console.error(sentence)
  return print(
    { runs: ran, seed, ...rest, ...(options.pairs && { pairs }) },
    json,
    figures.violations + lacking.length > 0,
  )
}

function figuresFor(runs: number, { seed, workers, verbose, untilBroken = false }: Options): Promise<Figures> {
  const trials = trialsOf(seed, runs, runs === 1 || untilBroken)
  if (!verbose && !untilBroken) return simulate(trials, { workers: Math.max(1, workers), onAccount: reporter() })
  return simulateHere(trials, {
    untilBroken,
    onBegin: (each) => {
      if (untilBroken) console.error(`seed ${each}`)
    },
    onHistory: ({ events }, account) => {
      if (verbose) console.error(printed(events.filter(isWorthReading)))
      if (!untilBroken && account.violations.length > 0) tell(account)
    },
  })
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
function reporter(): (account: Account) => void {
  let ran = 0
  let told = 0
  let lastProgressAt = performance.now()
  return (account) => {
    ran += 1
    if (account.violations.length > 0 && ++told <= toldMax) tell(account)
    if (performance.now() - lastProgressAt <= progressEveryMs) return
    lastProgressAt = performance.now()
    console.error(`${ran} histories, ${told} of them broke a law`)
  }
}

/** Kept seeds, then the ones that were asked for; or only these, if somebody wants to look at them alone. */
function trialsOf(first: number, runs: number, isAlone: boolean): Trial[] {
  const asked = Array.from({ length: runs }, (_, index) => ({ seed: first + index }))
  if (isAlone) return asked
  const file = JSON.parse(readFileSync(join(import.meta.dirname, 'seeds.json'), 'utf8')) as {
    readonly seeds: readonly { readonly seed: number }[]
  }
  return [...file.seeds.map(({ seed }) => ({ seed })), ...asked]
}

function tell({ seed, violations }: Account): void {
  console.error(`seed ${seed} broke a law:`)
  for (const { law, what } of violations) console.error(`  ${law}: ${what}`)
  console.error(`  look: node verify/simulation/main.ts --runs 1 --seed ${seed} --verbose`)
}

function parseCount(text: string): number {
  const count = Number(text)
  if (!Number.isSafeInteger(count) || count < 0) throw new InvalidArgumentError('expected a whole number from 0 up')
  return count
}
