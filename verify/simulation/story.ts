/** Tells a history that broke a law to people: as much of its trace as fits on a page, what the law speaks about first. What is
 *  left out is counted where it was. */

import { type Violation } from './laws.ts'
import { addressOf, type TraceEvent } from './trace.ts'
import { isWorthReading, lineOf } from './trace-text.ts'

/** Lines, those that count what was left out included. */
export const storyLinesMax = 60
/** After the last broken law. */
const linesAfterMax = 5

const gap = '          …  '
const markSign = '  ▲'

export function storyOf(events: readonly TraceEvent[], violations: readonly Violation[]): string {
  const topic = new Topic(events, violations)
  for (const view of views) {
    const lines = linesOf(events, (event) => view(event, topic) || topic.isThen(event), violations)
    if (lines.length <= storyLinesMax) return lines.join('\n')
  }
  const lines = linesOf(events, (event) => narrowest(event, topic), violations)
  return cut(lines).join('\n')
}

/** What the violations speak about. */
class Topic {
  /** Addresses of records, in all of their places. */
  readonly addresses: ReadonlySet<string>
  /** Partitions in which these lie, as `address` without the offset. */
  readonly places: ReadonlySet<string>
  readonly #moments: readonly { readonly atMs: number; readonly machine: string | undefined }[]

  constructor(events: readonly TraceEvent[], violations: readonly Violation[]) {
    const named = new Set(violations.flatMap(({ what }) => what.match(addressPattern) ?? []))
    for (const event of events) {
      if (event.kind === 'stored' && named.has(addressOf(event))) named.add(addressOf(event.source))
    }
    for (const event of events) {
      if (event.kind === 'stored' && named.has(addressOf(event.source))) named.add(addressOf(event))
    }
    this.addresses = named
    this.places = new Set([...named].map((address) => placeOf(address)))
    const machines = new Set(events.flatMap((event) => (event.kind === 'switchedOn' ? [event.machine] : [])))
    this.#moments = violations.flatMap(({ what }) => {
      const words = what.split(/[\s,]+/)
      return momentsIn(what).map((atMs) => ({ atMs, machine: words.find((word) => machines.has(word)) }))
    })
  }

  /** What the machine that is named does when the violation says that it does something wrong. */
  isThen(event: TraceEvent): boolean {
    if (!('machine' in event) || event.kind === 'counted') return false
    return this.#moments.some(({ atMs, machine }) => machine === event.machine && Math.abs(event.atMs - atMs) <= nearMs)
  }

  concerns(event: TraceEvent): boolean {
    if (!('offset' in event) || event.kind === 'committed') return this.isNear(event)
    return this.addresses.has(addressOf(event))
  }

  isNear(event: TraceEvent): boolean {
    if (!('partition' in event)) return true
    return this.places.has(placeOf(addressOf({ offset: 0, ...event })))
  }
}

/** `3/17`, or with the short name of a topic of ours before it. */
const addressPattern = /(?:(?:retry\.\S+|dlq) )?\d+\/\d+/g

/** Around a moment that a violation names. */
const nearMs = 20

function momentsIn(what: string): number[] {
  return [...what.matchAll(/\b(?:at|and) ([\d.]+) ms\b/g)].map(([, ms]) => Number(ms))
}

function placeOf(address: string): string {
  return address.slice(0, address.indexOf('/'))
}

type View = (event: TraceEvent, topic: Topic) => boolean

/** Bookkeeping, which says something only to its own laws. */
const books: ReadonlySet<TraceEvent['kind']> = new Set(['counted', 'asked', 'commitAsked', 'sent', 'heard'])
/** What happens to machines, to the group and to the world. */
const turns: ReadonlySet<TraceEvent['kind']> = new Set([
  'fault',
  'froze',
  'expelled',
  'calendarJumped',
  'paused',
  'resumed',
  'left',
  'switchedOn',
  'started',
  'crashed',
  'stopping',
  'stopped',
  'failed',
  'healed',
  'drained',
  'stuck',
  'unhandledRejection',
])

const narrowest: View = (event, topic) => (turns.has(event.kind) || 'offset' in event) && topic.concerns(event)

/** From the fullest to the narrowest. */
const views: readonly View[] = [
  (event) => isWorthReading(event) && event.kind !== 'counted',
  ({ kind }) => !books.has(kind),
  (event, topic) => !books.has(event.kind) && topic.isNear(event),
  (event, topic) => !books.has(event.kind) && topic.concerns(event),
  (event, topic) => narrowest(event, topic) || (event.kind === 'said' && /^(group|partition)\./.test(event.what)),
  narrowest,
]

function linesOf(
  events: readonly TraceEvent[],
  isTold: (event: TraceEvent) => boolean,
  violations: readonly Violation[],
): string[] {
  const endMs = events.at(-1)?.atMs ?? 0
  const marks = [...new Map(violations.map((violation) => [violation.what, violation])).values()]
    .map(({ law, what }) => ({ atMs: momentsIn(what).findLast((ms) => ms <= endMs) ?? Infinity, law, what }))
    .toSorted((one, other) => one.atMs - other.atMs)
  const lines: string[] = []
  const left = new Map<string, number>()
  const tellLeft = (): void => {
    if (left.size > 0) lines.push(countLine(left))
    left.clear()
  }
  const tellMarks = (untilMs: number): void => {
    while (marks[0] !== undefined && marks[0].atMs < untilMs) {
      const { law, what } = marks.shift() as (typeof marks)[number]
      tellLeft()
      lines.push(markLine(law, what))
    }
  }
  for (const event of events) {
    tellMarks(event.atMs)
    if (isTold(event)) {
      tellLeft()
      lines.push(lineOf(event))
    } else if ('offset' in event) left.set(event.kind, (left.get(event.kind) ?? 0) + 1)
  }
  tellLeft()
  tellMarks(Infinity)
  for (const { law, what } of marks) lines.push(markLine(law, what))
  return withoutEnd(lines)
}

function markLine(law: string, what: string): string {
  return `${markSign} ${law}: ${what}`
}

/** Little of what comes after the last broken law matters. */
function withoutEnd(lines: string[]): string[] {
  const end = lines.findLastIndex((line) => line.startsWith(markSign)) + 1 + linesAfterMax
  const left = lines.length - end
  return left > 1 ? [...lines.slice(0, end), `${gap}${left} lines`] : lines
}

function countLine(left: ReadonlyMap<string, number>): string {
  const counts = [...left].map(([kind, count]) => `${count} ${kind}`)
  return `${gap}${counts.join(', ')}`
}

/** The beginning, and what leads to the first broken law. */
function cut(lines: readonly string[]): readonly string[] {
  const mark = lines.findIndex((line) => line.startsWith(markSign))
  const head = lines.slice(0, Math.floor(storyLinesMax / 4))
  const room = storyLinesMax - head.length - 2
  const end = Math.min(lines.length, Math.max(mark + 4, head.length + room))
  const start = Math.max(head.length, end - room)
  const note = (count: number): string[] => (count > 0 ? [`${gap}${count} lines`] : [])
  return [...head, ...note(start - head.length), ...lines.slice(start, end), ...note(lines.length - end)]
}
