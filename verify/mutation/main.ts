/** Mutation testing: the engine with one small defect at a time, thousands of times, against its own unit and property tests.
 *
 *    npm run -s mutation -- [--only NAME,NAME] [--workers N] [--examples N] [--json]
 *
 *  --only takes areas (`areas.ts`) and files of the engine; --examples is how many examples a property draws
 *  for each mutant, at most. Progress and survivors go to stderr; with --json the last line of stdout is
 *  `{ mutants, killed, timedOut, survived, score, areas, files, unlisted, killedSince, vanished, seconds }`: scores in per
 *  cent, in all, by area and by file; survivors without a reason in `survivors.json`; reasons of mutants that are killed or
 *  gone. Exit code 0: each area reaches its score and the reasons fit; 1: not; 2: wrong call. */
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Command, InvalidArgumentError } from 'commander'
import { copySources } from '../copies.ts'
import { filesNamed } from './areas.ts'
import { areasBelow, compare, type KnownSurvivor, scoresOf } from './score.ts'
import type { Mutant } from './mutants.ts'
import { tryMutants } from './trials.ts'

type Options = {
  readonly only: readonly string[]
  readonly workers: number
  readonly examples?: number
  readonly json?: true
}

const progressEveryMs = 5_000
const root = join(import.meta.dirname, '../..')
const exists = (path: string): boolean => existsSync(join(root, path))

const program = new Command('mutation')
  .option('--only <names>', 'only these areas or files', (text: string) => text.split(','), [])
  .option('--workers <count>', 'processes that run tests at once', parseCount, 2)
  .option('--examples <count>', 'examples that a property draws for each mutant', parseCount)
  .option('--json', 'print the figures as one line')
  .exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : 2))
  .parse()

process.exitCode = await run(program.opts<Options>())

async function run({ only, workers, examples, json }: Options): Promise<number> {
  const files = filesAsked(only)
  const startedAt = performance.now()
  const known = JSON.parse(await readFile(join(import.meta.dirname, 'survivors.json'), 'utf8')) as KnownSurvivor[]
  const copy = await copySources()
  try {
    const mutants = await tryMutants({ copy, files, workers, examples, onProgress: progress() })
    const scores = scoresOf(mutants)
    const { unlisted, killedSince, vanished } = compare(mutants, known)
    for (const mutant of unlisted) console.error(told(mutant))
    for (const row of killedSince) console.error(`killed, but listed: ${row.file}: ${row.code}`)
    for (const row of vanished) console.error(`gone, but listed: ${row.file}: ${row.code}`)
    const lists = { unlisted: unlisted.length, killedSince: killedSince.length, vanished: vanished.length }
    const figures = { ...scores, ...lists, seconds: Math.round((performance.now() - startedAt) / 1000) }
    console.log(json ? JSON.stringify(figures) : figures)
    const fits = Object.values(lists).every((count) => count === 0)
    return fits && areasBelow(scores).length === 0 ? 0 : 1
  } finally {
    await copy.remove()
  }
}

/** Tells how far it has come, now and then. */
function progress(): (tried: number, all: number) => void {
  let toldAt = 0
  let told = 0
  return (tried, all) => {
    if (tried === told || performance.now() < toldAt + progressEveryMs) return
    toldAt = performance.now()
    told = tried
    console.error(`${tried} of ${all} mutants tried`)
  }
}

function filesAsked(names: readonly string[]): readonly string[] {
  try {
    return filesNamed(names, exists)
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
    return program.error(`error: ${error.message}`, { exitCode: 2 })
  }
}

function told({ file, line, code, was, becomes }: Mutant): string {
  return `survived: ${file}:${line}\n    ${code}\n    ${was}  →  ${becomes === '' ? '(nothing)' : becomes}`
}

function parseCount(text: string): number {
  const count = Number(text)
  if (!Number.isSafeInteger(count) || count < 1) throw new InvalidArgumentError('expected a whole number from 1 up')
  return count
}
