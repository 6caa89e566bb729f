/** The simulation: many histories, each a pure function of its seed, each held against every law.
 *
 *    node verify/simulation/main.ts --runs N [--seed S] [--workers N] [--keep] [--json] [--pairs] [--verbose]
 *    node verify/simulation/main.ts --plan FILE [--json] [--verbose]
 *    node verify/simulation/main.ts --planted [--only ID,ID] [--runs N] [--seed S] [--json]
 *    node verify/simulation/main.ts --patch FILE [--runs N] [--seed S] [--json]
 *
 *  Histories that failed before (`kept.ts`) come first, then N seeds from S on, in as many processes as there are cores.
 *  Progress and failures go to stderr; of each law that was broken one failure is made as small as it can be and told
 *  (`inquest.ts`), and with --keep its plan is kept. With --json the last line of stdout is the figures (`figures.ts`).
 *  --verbose prints the trace of every history, --plan plays one that was kept. Exit code 0: no law was broken; 1: one
 *  was, or a fault never happened in 5,000 histories; 2: wrong call.
 *
 *  --planted looks whether the simulation notices each defect of `verify/planted/simulation`, each in a copy of the sources
 *  and within N seeds (1,000 if nothing is said): `{ planted, caught, medianSeeds, missed }`. Exit code 0: all were caught.
 *
 *  --patch does the same with a patch, in the format of `git apply`: `{ caught, seed, law, seeds }`. Exit code 1: a law was
 *  broken, as without a patch; 0: none was; 2: the patch does not apply, or what it makes does not run. */

import { resolve } from 'node:path'
import { Command, InvalidArgumentError } from 'commander'
import { type Trial } from './account.ts'
import { type Figures, shortcomings } from './figures.ts'
import { huntWithPatch, PatchRefused } from './hunt.ts'
import { inquire } from './inquest.ts'
import { keepPlan, keptTrials, planIn } from './kept.ts'
import { huntPlanted } from './planted.ts'
import { Progress } from './progress.ts'
import { simulate, simulateHere } from './simulate.ts'
import { toldFigures } from './told-figures.ts'
import { isWorthReading, printed } from './trace-text.ts'
import { workersDefault } from './workers.ts'

type Options = {
  readonly runs?: number
  readonly seed: number
  readonly workers: number
  readonly plan?: string
  readonly keep?: true
  readonly shrink: boolean
  readonly json?: true
  readonly pairs?: true
  readonly verbose?: true
  readonly untilBroken?: boolean
  readonly planted?: true
  readonly only?: readonly string[]
  readonly patch?: string
}

/** Broken laws of which a failure is looked into. */
const inquestsMax = 3
/** How many seeds a defect may take to be noticed. */
const huntRuns = 1_000

const program = new Command('simulation')
  .option('--runs <count>', 'how many histories', parseCount)
  .option('--seed <seed>', 'seed of the first one', parseCount, 1)
  .option('--workers <count>', 'how many processes', parseCount, workersDefault)
  .option('--plan <file>', 'play the history of a plan')
  .option('--keep', 'keep the plans of failures, to be played first')
  .option('--no-shrink', 'only name failures')
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
  const trials = trialsOf(options)
  const figures = await figuresFor(trials, options)
  const lacking = shortcomings(figures)
  for (const sentence of lacking) console.error(sentence)
  if (options.shrink && !options.untilBroken) await lookInto(figures, trials, options)
  const { runs: ran, pairs, ...rest } = figures
  const isBroken = figures.violations + lacking.length > 0
  if (json) return print({ runs: ran, seed, ...rest, ...(options.pairs && { pairs }) }, json, isBroken)
  console.log(toldFigures(figures, options))
  return isBroken ? 1 : 0
}

/** Kept histories, then the seeds that were asked for; or only these, if somebody wants to look at them alone. */
function trialsOf({ runs, seed, plan, untilBroken }: Options): Trial[] {
  if (plan !== undefined) {
    const given = planIn(fileGiven(plan))
    return [{ seed: given.seed, plan: given }]
  }
  if (runs === undefined) program.error('error: expected --runs, --plan, --planted or --patch', { exitCode: 2 })
  const asked = Array.from({ length: runs ?? 0 }, (_, index) => ({ seed: seed + index }))
  return runs === 1 || untilBroken ? asked : [...keptTrials(), ...asked]
}

async function figuresFor(trials: readonly Trial[], options: Options): Promise<Figures> {
  const { workers, verbose, untilBroken = false } = options
  const progress = new Progress(trials.length)
  try {
    if (!verbose && !untilBroken) {
      const onAccount = progress.follow.bind(progress)
      return await simulate(trials, { workers: Math.max(1, workers), onAccount })
    }
    return await simulateHere(trials, {
      untilBroken,
      onBegin: (each) => {
        if (untilBroken) console.error(`seed ${each}`)
      },
      onHistory: ({ events }, account) => {
        if (verbose) console.error(printed(events.filter(isWorthReading)))
        if (!untilBroken) progress.follow(account)
      },
    })
  } finally {
    progress.end()
  }
}

/** One failure of each law, the first. */
async function lookInto({ failures }: Figures, trials: readonly Trial[], { keep, plan }: Options): Promise<void> {
  const firsts = failures.filter(({ law }, index) => failures.findIndex((each) => each.law === law) === index)
  for (const { law, seed } of firsts.slice(0, inquestsMax)) {
    const trial = trials.find((each) => each.seed === seed) ?? { seed }
    const finding = await inquire(trial, law)
    if (finding === null) {
      console.error(`seed ${seed} broke ${law}, and does not by itself: something outlives a history`)
      continue
    }
    console.error(`\n${finding.story}\n`)
    if (keep) console.error(`kept, with its cause to be written: ${keepPlan(law, finding.plan)}`)
    const call = plan === undefined ? `--runs 1 --seed ${seed}` : `--plan ${plan}`
    console.error(`again: npm run -s sim -- ${call} (all of its trace: --verbose; keep it: --keep)`)
  }
}

/** A path counts from where somebody called npm. */
function fileGiven(path: string): string {
  return resolve(process.env['INIT_CWD'] ?? process.cwd(), path)
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

function parseCount(text: string): number {
  const count = Number(text)
  if (!Number.isSafeInteger(count) || count < 0) throw new InvalidArgumentError('expected a whole number from 0 up')
  return count
}
