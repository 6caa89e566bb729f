/** A length of time as people write it: `'100ms'`, `'20s'`, `'5m'`, `'1h'`, `'7d'`, or a number of milliseconds. Decides
 *  what can be read as one; which lengths make sense for an option is decided where the option is. */

export type Duration = number | string

const millisecondsPer = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const

const written = /^(\d+) ?(ms|s|m|h|d)$/

/** Whole milliseconds, 0 or more. Throws a `RangeError` that names `what`, what was expected and what came. */
export function parseDuration(value: unknown, what = 'duration'): number {
  const milliseconds = typeof value === 'string' ? readText(value) : value
  if (typeof milliseconds === 'number' && Number.isSafeInteger(milliseconds) && milliseconds >= 0) return milliseconds
  throw new RangeError(`${what}: expected ${durationForm}, got ${shownDuration(value)}`)
}

/** What `parseDuration` accepts, for messages. */
export const durationForm = `whole milliseconds or a text such as '100ms', '20s', '5m', '1h' or '7d'`

/** The shortest text that `parseDuration` reads back as the same length. */
export function formatDuration(milliseconds: number): string {
  const unit = (['d', 'h', 'm', 's'] as const).find((one) => milliseconds % millisecondsPer[one] === 0)
  return unit === undefined || milliseconds === 0
    ? `${milliseconds}ms`
    : `${milliseconds / millisecondsPer[unit]}${unit}`
}

function readText(text: string): number {
  const parts = written.exec(text.trim())
  if (parts === null) return Number.NaN
  return Number(parts[1]) * millisecondsPer[parts[2] as keyof typeof millisecondsPer]
}

function shownDuration(value: unknown): string {
  if (typeof value === 'string') return value.length > 40 ? `'${value.slice(0, 40)}…'` : `'${value}'`
  return typeof value === 'number' ? String(value) : value === null ? 'null' : typeof value
}
