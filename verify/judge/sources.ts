/** Reads the evidence that lies in files: the CSV of the npm package, the attempt files and the samples (one JSON object a
 *  line), and the SQLite database. A line that cannot be understood is an error, never left out: half a history proves
 *  nothing. The one exception is the last line of a file without a line end: its process was killed while writing it. */
import { parse } from 'csv-parse/sync'
import { readdir, readFile } from 'node:fs/promises'
import { findPackageJSON } from 'node:module'
import { dirname, join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { type AirportTotals, type AttemptRow, type OffsetSample, type SourceRow, type Totals } from './evidence.ts'

/** Other codes (`B`, `C`) are in the file, but nowhere in its documentation. */
const documentedDamage = new Set(['None', 'Minor', 'Medium', 'Substantial'])

/** The first `count` rows of `birdstrikes.csv`. */
export async function readSourceRows(count: number): Promise<SourceRow[]> {
  const manifest = findPackageJSON('vega-datasets', import.meta.url)
  if (manifest === undefined) throw new Error('the package vega-datasets is not installed: run npm ci')
  const text = await readFile(join(dirname(manifest), 'data', 'birdstrikes.csv'), 'utf8')
  const rows: Record<string, string>[] = parse(text, { columns: true, bom: true, toLine: count + 1 })
  if (rows.length !== count) throw new Error(`birdstrikes.csv has ${rows.length} rows, expected at least ${count}`)
  return rows.map((row, index) => {
    const damage = column(row, 'Effect Amount of damage')
    return {
      id: index + 1,
      airport: column(row, 'Airport Name'),
      isDocumented: documentedDamage.has(damage),
      isDamaging: damage !== 'None',
      costDollars: Number(column(row, 'Cost Total $')),
    }
  })
}

function column(row: Readonly<Record<string, string>>, name: string): string {
  const value = row[name]
  if (value === undefined) throw new Error(`birdstrikes.csv has no column ${name}`)
  return value
}

/** The rows of every `attempts-*.ndjson` in the folder. */
export async function readAttemptRows(folder: string): Promise<AttemptRow[]> {
  const names = (await readdir(folder)).filter((name) => /^attempts-.*\.ndjson$/.test(name)).toSorted()
  const files = await Promise.all(names.map((name) => readLines(join(folder, name), isAttemptRow)))
  return files.flat()
}

export function readSamples(file: string): Promise<OffsetSample[]> {
  return readLines(file, isOffsetSample)
}

async function readLines<T>(file: string, isExpected: (value: unknown) => value is T): Promise<T[]> {
  return parseLines(await readFile(file, 'utf8'), file, isExpected)
}

export function parseLines<T>(text: string, file: string, isExpected: (value: unknown) => value is T): T[] {
  // What follows the last line end is empty, or was cut off.
  return text
    .split('\n')
    .slice(0, -1)
    .map((line, index) => {
      const value = parseJson(line)
      if (!isExpected(value)) throw new Error(`${file}:${index + 1} cannot be understood: ${line}`)
      return value
    })
}

function parseJson(line: string): unknown {
  try {
    return JSON.parse(line)
  } catch {
    return undefined
  }
}

export function isAttemptRow(value: unknown): value is AttemptRow {
  if (!isRecord(value)) return false
  const { key, outcome, topic } = value
  const numbers = ['time', 'process', 'partition', 'offset', 'attempt']
  return (
    numbers.every((name) => Number.isFinite(value[name])) &&
    typeof topic === 'string' &&
    (key === null || typeof key === 'string') &&
    ['started', 'done', 'failed', 'filtered'].some((known) => known === outcome)
  )
}

export function isOffsetSample(value: unknown): value is OffsetSample {
  if (!isRecord(value)) return false
  const { askedMs, answeredMs, committed, ownCommitted, ownEnds } = value
  return [askedMs, answeredMs].every(Number.isFinite) && [committed, ownCommitted, ownEnds].every(isOffsetTable)
}

function isOffsetTable(value: unknown): boolean {
  return isRecord(value) && Object.values(value).every((offset) => Number.isSafeInteger(offset))
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}

export function readTotals(file: string): Totals {
  const database = new DatabaseSync(file, { readOnly: true })
  try {
    const applied = database.prepare('select id from applied').all()
    const totals = database.prepare('select airport, strikes, damaging, cost_dollars from totals').all()
    return {
      appliedIds: new Set(applied.map((row) => Number(row['id']))),
      byAirport: new Map(
        totals.map((row): [string, AirportTotals] => [
          String(row['airport']),
          {
            strikes: Number(row['strikes']),
            damaging: Number(row['damaging']),
            costDollars: Number(row['cost_dollars']),
          },
        ]),
      ),
    }
  } finally {
    database.close()
  }
}
