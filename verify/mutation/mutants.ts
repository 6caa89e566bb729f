/** Plants mutants in a copy of the sources: small changes, each of which makes the code do something else. Which changes are
 *  worth making is Stryker's knowledge; its instrumenter puts all of a file behind switches at once, so that one process can
 *  try them all without loading anything again. */
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { errorTexts } from './error-texts.ts'

export type PlantedMutant = {
  /** The name of its switch. */
  readonly id: string
  readonly file: string
  /** Of the first character, from 1. */
  readonly line: number
  /** The line in which it begins, without its indent. */
  readonly code: string
  /** What is replaced, and by what; in one line each. */
  readonly was: string
  readonly becomes: string
}

/** `survived`: all tests that reach it passed, or none reaches it. `timedOut`: a test did not come to its end. */
export type Fate = 'killed' | 'timedOut' | 'survived'

export type Mutant = PlantedMutant & { readonly fate: Fate }

/** From 0. */
type Place = { readonly line: number; readonly column: number }
type File = { readonly name: string; readonly content: string; readonly mutate: true }
type Instrumented = {
  readonly files: readonly File[]
  readonly mutants: readonly {
    readonly id: string
    readonly fileName: string
    readonly replacement: string
    readonly status?: string
    readonly location: { readonly start: Place; readonly end: Place }
  }[]
}
type Instrumenter = new (log: object) => {
  instrument(files: readonly File[], options: object): Promise<Instrumented>
}

/** Loaded by name: its types are those of Babel, which nobody here has. */
const instrumenterModule: string = '@stryker-mutator/instrumenter'

/** Changes these files of the folder. */
export async function plantMutants(folder: string, files: readonly string[]): Promise<readonly PlantedMutant[]> {
  const { Instrumenter } = (await import(instrumenterModule)) as { readonly Instrumenter: Instrumenter }
  const originals = await Promise.all(
    files.map(async (name) => ({ name, content: await readFile(join(folder, name), 'utf8'), mutate: true as const })),
  )
  const silent = { debug: () => {}, info: () => {}, warn: () => {}, isDebugEnabled: () => false }
  const options = { plugins: null, excludedMutations: [], noHeader: false, ignorers: [errorTexts] }
  const { files: planted, mutants } = await new Instrumenter(silent).instrument(originals, options)
  for (const { name, content } of planted) await writeFile(join(folder, name), content)
  const lines = new Map(originals.map(({ name, content }) => [name, content.split('\n')]))
  return mutants.flatMap((mutant) => {
    if (mutant.status === 'Ignored') return []
    const { id, fileName: file, replacement } = mutant
    const { start, end } = mutant.location
    const text = lines.get(file) ?? []
    const code = (text[start.line] ?? '').trim()
    const was = oneLine(between(text, start, end))
    return [{ id, file, line: start.line + 1, code, was, becomes: oneLine(replacement) }]
  })
}

function between(lines: readonly string[], start: Place, end: Place): string {
  const within = lines.slice(start.line, end.line + 1)
  const last = within.length - 1
  return within
    .map((line, at) => line.slice(at === 0 ? start.column : 0, at === last ? end.column : undefined))
    .join('\n')
}

function oneLine(text: string): string {
  return text.replace(/\s+/g, ' ').trim()
}
