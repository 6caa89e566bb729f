/** What the fates of mutants are worth: the share that was killed, per area and per file, and how it compares with the list of
 *  those that are known to survive. Pure. */
import { basename } from 'node:path'
import { areas, scoreMin } from './areas.ts'
import type { Mutant } from './mutants.ts'

/** A mutant that may survive. It is known by its text, so that it is found again when lines move; where the same line occurs
 *  twice in a file, all of them are meant. */
export type KnownSurvivor = {
  /** Name in the folder of the engine. */
  readonly file: string
  readonly code: string
  readonly was: string
  readonly becomes: string
  readonly reason: string
}

export type Score = {
  readonly mutants: number
  readonly killed: number
  readonly timedOut: number
  readonly survived: number
  /** In per cent, one digit behind the point; what was too slow counts as killed, what no test reaches as survived. */
  readonly score: number
}

export type Scores = Score & {
  /** Per cent by area, then by file; areas of which nothing was mutated are left out. */
  readonly areas: Readonly<Record<string, number>>
  readonly files: Readonly<Record<string, number>>
}

export function scoresOf(mutants: readonly Mutant[]): Scores {
  const filesHit = [...new Set(mutants.map(({ file }) => basename(file)))]
  const perCentOf = (files: readonly string[]): number =>
    scoreOf(mutants.filter(({ file }) => files.includes(basename(file)))).score
  const areasHit = areas.filter(({ files }) => files.some((file) => filesHit.includes(file)))
  return {
    ...scoreOf(mutants),
    areas: Object.fromEntries(areasHit.map(({ name, files }) => [name, perCentOf(files)])),
    files: Object.fromEntries(filesHit.map((file) => [file, perCentOf([file])])),
  }
}

function scoreOf(mutants: readonly Mutant[]): Score {
  const count = (fate: Mutant['fate']): number => mutants.filter((mutant) => mutant.fate === fate).length
  const survived = count('survived')
  const ended = mutants.length - survived
  return {
    mutants: mutants.length,
    killed: count('killed'),
    timedOut: count('timedOut'),
    survived,
    // Rounded down: a bound is reached when it is reached.
    score: mutants.length === 0 ? 100 : Math.floor((1000 * ended) / mutants.length) / 10,
  }
}

/** The areas that fell below what they must reach. */
export function areasBelow(scores: Scores): readonly string[] {
  return Object.entries(scores.areas).flatMap(([name, score]) => (score < scoreMin ? [name] : []))
}

export type Comparison = {
  /** Survivors for which no reason is listed. */
  readonly unlisted: readonly Mutant[]
  /** Rows about mutants that are killed now. */
  readonly killedSince: readonly KnownSurvivor[]
  /** Rows about mutants that no longer exist. */
  readonly vanished: readonly KnownSurvivor[]
}

/** Rows about files of which nothing was mutated are not judged. */
export function compare(mutants: readonly Mutant[], known: readonly KnownSurvivor[]): Comparison {
  const fates = new Map<string, Mutant['fate'][]>()
  for (const mutant of mutants) {
    const key = keyOf(mutant)
    fates.set(key, [...(fates.get(key) ?? []), mutant.fate])
  }
  const listed = new Set(known.map(keyOf))
  const judged = new Set(mutants.map(({ file }) => basename(file)))
  const rows = known.filter(({ file }) => judged.has(file))
  return {
    unlisted: mutants.filter((mutant) => mutant.fate === 'survived' && !listed.has(keyOf(mutant))),
    killedSince: rows.filter((row) => fates.get(keyOf(row))?.every((fate) => fate !== 'survived') ?? false),
    vanished: rows.filter((row) => !fates.has(keyOf(row))),
  }
}

function keyOf({ file, code, was, becomes }: Pick<Mutant, 'file' | 'code' | 'was' | 'becomes'>): string {
  return JSON.stringify([basename(file), code, was, becomes])
}
