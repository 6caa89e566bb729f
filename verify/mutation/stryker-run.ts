/** Runs Stryker on a copy of the sources and tells what became of each mutant. Which files are mutated, and what the outcomes
 *  are worth, is the caller's business.
 *
 *  Stryker 10 plants all mutants of a file at once, each behind a switch, and per mutant runs only the tests that reach it.
 *  Its step that rewrites `tsconfig.json` wants the compiler as a library, which TypeScript 7 is not, and so has its checker
 *  of types: it is told of no `tsconfig.json`, and a mutant that `tsc` would refuse has to be killed by a test like others. */
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join, relative } from 'node:path'
import type { SourcesCopy } from '../copies.ts'
import { runProcess } from '../processes.ts'

/** `survived`: all tests that reach it passed, or none reaches it. */
export type Fate = 'killed' | 'timedOut' | 'survived'

export type Mutant = {
  readonly file: string
  /** Of the first character, from 1. */
  readonly line: number
  /** The line in which it begins, without its indent. */
  readonly code: string
  /** What was replaced, and by what; in one line each. */
  readonly was: string
  readonly becomes: string
  readonly fate: Fate
}

export type MutationOrder = {
  readonly copy: SourcesCopy
  /** Paths in the copy. */
  readonly files: readonly string[]
  /** Processes that run tests at once. */
  readonly workers: number
  /** Where outcomes are kept, so that the next run repeats only what a change of code or tests may have changed. */
  readonly memory?: string | undefined
  readonly onLine?: ((line: string) => void) | undefined
}

type Place = { readonly line: number; readonly column: number }
type Report = {
  readonly files: Readonly<Record<string, { readonly source: string; readonly mutants: readonly ReportedMutant[] }>>
}
type ReportedMutant = {
  readonly status: string
  readonly replacement: string
  readonly location: { readonly start: Place; readonly end: Place }
}

const fates: Readonly<Record<string, Fate>> = {
  Killed: 'killed',
  RuntimeError: 'killed',
  Timeout: 'timedOut',
  Survived: 'survived',
  NoCoverage: 'survived',
}

/** On top of half as much again as the tests took: a machine that does other work too must not kill mutants. */
const timeoutMs = 10_000
const reportFile = 'mutation-report.json'
const configFile = 'mutation-config.json'
const folder = relative(join(import.meta.dirname, '../..'), import.meta.dirname)

/** Rejects with Stryker's last lines if it could not do its work, for one because a test fails without any mutant. */
export async function runStryker(order: MutationOrder): Promise<readonly Mutant[]> {
  const { copy, files, workers, memory, onLine } = order
  const config = {
    mutate: files,
    plugins: ['@stryker-mutator/vitest-runner', `./${folder}/error-texts.ts`],
    ignorers: ['error-texts'],
    testRunner: 'vitest',
    vitest: { configFile: `${folder}/vitest.config.ts`, related: true },
    coverageAnalysis: 'perTest',
    // The copy is ours to spoil.
    inPlace: true,
    disableTypeChecks: false,
    tsconfigFile: 'none.json',
    concurrency: workers,
    timeoutMS: timeoutMs,
    reporters: ['json', 'progress-append-only'],
    jsonReporter: { fileName: reportFile },
    allowConsoleColors: false,
    ...(memory === undefined ? {} : { incremental: true, incrementalFile: memory }),
  }
  if (memory !== undefined) await mkdir(dirname(memory), { recursive: true })
  await writeFile(join(copy.folder, configFile), JSON.stringify(config))
  const { code, output } = await runProcess({
    name: 'Stryker',
    args: [strykerCommand(), 'run', configFile],
    cwd: copy.folder,
    onLine,
  })
  if (code !== 0) throw new Error(`Stryker ended with ${code}:\n${output.slice(-30).join('\n')}`)
  return mutantsOf(JSON.parse(await readFile(join(copy.folder, reportFile), 'utf8')) as Report)
}

function strykerCommand(): string {
  const manifest = createRequire(import.meta.url).resolve('@stryker-mutator/core/package.json')
  return join(dirname(manifest), 'bin/stryker.js')
}

function mutantsOf(report: Report): Mutant[] {
  return Object.entries(report.files).flatMap(([file, { source, mutants }]) => {
    const lines = source.split('\n')
    return mutants.flatMap(({ status, replacement, location: { start, end } }) => {
      const fate = fates[status]
      // Left are those that were not to be planted.
      if (fate === undefined) return []
      const code = (lines[start.line - 1] ?? '').trim()
      return {
        file,
        line: start.line,
        code,
        was: oneLine(between(lines, start, end)),
        becomes: oneLine(replacement),
        fate,
      }
    })
  })
}

function between(lines: readonly string[], start: Place, end: Place): string {
  const within = lines.slice(start.line - 1, end.line)
  const last = within.length - 1
  return within
    .map((line, at) => line.slice(at === 0 ? start.column - 1 : 0, at === last ? end.column - 1 : undefined))
    .join('\n')
}

function oneLine(text: string): string {
  return text.replace(/\s+/g, ' ').trim()
}
