/** Decides what every benchmark reports: rows of figures, and checks, each a figure beside what was asked of it. A target that
 *  is missed is told; only a limit that is broken fails the run. */
import { availableParallelism, cpus, loadavg } from 'node:os'
import { rounded } from './statistics.ts'

export type Cell = string | number | boolean | null
export type Row = Readonly<Record<string, Cell>>

export type Check = {
  readonly name: string
  readonly value: number
  /** What the project promises itself. */
  readonly target: number
  /** Beyond it something is broken. Null: a miss is only told. */
  readonly limit: number | null
  /** Whether more is better, or less. */
  readonly wants: 'atLeast' | 'atMost'
  readonly isMet: boolean
  readonly hasFailed: boolean
}

export type BenchResult = {
  readonly bench: string
  /** Where it ran: a real Kafka, the embedded broker over TCP, virtual time, or without any broker. */
  readonly on: string
  readonly rounds: number
  readonly rows: readonly Row[]
  /** Tables of another shape. */
  readonly more?: Readonly<Record<string, readonly Row[]>>
  readonly checks: readonly Check[]
}

/** `atLeast` and `atMost` are targets; `limit` fails the run. */
export function check(
  name: string,
  value: number,
  asked: { readonly atLeast: number; readonly limit?: number } | { readonly atMost: number; readonly limit?: number },
): Check {
  const wants = 'atLeast' in asked ? 'atLeast' : 'atMost'
  const target = 'atLeast' in asked ? asked.atLeast : asked.atMost
  const keeps = (bound: number): boolean => (wants === 'atLeast' ? value >= bound : value <= bound)
  const limit = asked.limit ?? null
  return {
    name,
    value: rounded(value),
    target,
    limit,
    wants,
    isMet: keeps(target),
    // Written so that a figure that is not a number fails too.
    hasFailed: limit !== null && !keeps(limit),
  }
}

export type Machine = {
  readonly cpu: string
  readonly cores: number
  readonly node: string
  readonly platform: string
  /** Mean length of the run queue over the last minute: above the number of cores, figures are of a busy machine. */
  readonly load: number
}

export function machine(): Machine {
  const { version, arch, platform } = process
  return {
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: availableParallelism(),
    node: version,
    platform: `${platform} ${arch}`,
    load: rounded(loadavg()[0] ?? 0, 3),
  }
}

/** For people: columns as wide as their widest cell, numbers to the right. */
export function table(rows: readonly Row[]): string {
  const names = [...new Set(rows.flatMap((row) => Object.keys(row)))]
  const cells = [names, ...rows.map((row) => names.map((name) => shown(row[name])))]
  const widths = names.map((_, column) => Math.max(...cells.map((line) => (line[column] as string).length)))
  const isNumeric = names.map((name) => rows.every((row) => typeof (row[name] ?? 0) === 'number'))
  const lineOf = (line: readonly string[]): string =>
    line
      .map((cell, column) =>
        isNumeric[column] ? cell.padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0),
      )
      .join('  ')
      .trimEnd()
  return cells.map(lineOf).join('\n')
}

/** Large numbers in groups of three digits, nothing as a dash. */
export function shown(cell: Cell | undefined): string {
  if (cell === null || cell === undefined) return '–'
  if (typeof cell === 'number' && Math.abs(cell) >= 1_000) return Math.round(cell).toLocaleString('en-US')
  return String(cell)
}

export function describeCheck({ name, value, target, limit, wants, isMet, hasFailed }: Check): string {
  const sign = wants === 'atLeast' ? '≥' : '≤'
  const mark = hasFailed ? '✗' : isMet ? '✓' : '·'
  return `${mark} ${name}: ${shown(value)} (target ${sign} ${target}${limit === null ? '' : `, limit ${sign} ${limit}`})`
}
