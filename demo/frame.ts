/** Composes what the live screen shows, from top to bottom. Pure: progress and width in, lines out. */
import { counted, type Line, seconds, type Span } from './line.ts'
import { type Phase, type Progress } from './progress.ts'

/** From here on there is room for a bar beside each partition's lag. */
const wideEnough = 76
const widthMax = 100
const margin = '  '
const troublesShown = 3

export type Heading = {
  readonly broker: 'embedded' | 'kafka'
  readonly order: string
  readonly concurrency: number
  readonly rate: number
  readonly rows: number
}

export function composeFrame(heading: Heading, progress: Progress, terminalWidth: number): Line[] {
  const width = Math.min(terminalWidth, widthMax)
  const lines: Line[] = [
    ...composeHeading(heading),
    [],
    progressBar(progress, width),
    [],
    ...counters(progress),
    [],
    ...partitions(progress, width),
    ...progress.troubles.slice(-troublesShown).map((text): Line => [margin, ['! ', 'yellow'], [text, 'yellow']]),
  ]
  return lines
}

export function composeHeading({ broker, order, concurrency, rate, rows }: Heading): Line[] {
  const place = broker === 'embedded' ? 'embedded broker' : 'real Kafka'
  const speed = rate === Infinity ? 'as fast as it goes' : `${counted(rate)} records/s`
  return [
    [margin, ['Holdfast', ['bold', 'cyan']], `  ${counted(rows)} wildlife strikes, counted per airport in SQLite`],
    [margin, [`${place} · 6 partitions · order ${order} · concurrency ${counted(concurrency)} · ${speed}`, 'dim']],
  ]
}

function progressBar({ phase, rows, consumer, elapsedMs }: Progress, width: number): Line {
  const finished = finishedCount(consumer)
  const share = Math.min(1, finished / rows)
  const figures = ` ${String(Math.floor(share * 100)).padStart(3)} %  ${phaseNames[phase]}  ${seconds(elapsedMs)}`
  const length = Math.max(0, width - margin.length - figures.length - 1)
  const full = Math.round(share * length)
  return [margin, ['█'.repeat(full), 'green'], ['░'.repeat(length - full), 'dim'], figures]
}

const phaseNames: Readonly<Record<Phase, string>> = {
  starting: 'starting',
  running: 'running ',
  stopping: 'stopping',
  judging: 'judging ',
}

export function finishedCount(consumer: Progress['consumer']): number {
  return consumer === null ? 0 : consumer.counts.done + consumer.counts.filtered
}

function counters({ produced, producedPerSecond, donePerSecond, consumer }: Progress): Line[] {
  const { done = 0, filtered = 0 } = consumer?.counts ?? {}
  return [
    counterRow('produced', produced, producedPerSecond, 'in flight', consumer?.inFlight ?? 0),
    counterRow('done', done, donePerSecond, 'parked', consumer?.parked ?? 0),
    counterRow('filtered', filtered, null, 'retried', consumer?.retriedInPlace ?? 0),
  ]
}

function counterRow(name: string, count: number, perSecond: number | null, beside: string, other: number): Line {
  const rate = perSecond === null ? '' : `${counted(perSecond)}/s`
  return [
    margin,
    [name.padEnd(10), 'dim'],
    [counted(count).padStart(8), 'bold'],
    [rate.padStart(10), 'cyan'],
    '      ',
    [beside.padEnd(10), 'dim'],
    [counted(other).padStart(6), 'bold'],
  ]
}

function partitions({ consumer }: Progress, width: number): Line[] {
  const isWide = width >= wideEnough
  const barLength = isWide ? 16 : 0
  const rows = (consumer?.partitions ?? []).toSorted((a, b) => a.partition - b.partition)
  const lagMost = Math.max(20, ...rows.map(({ lag }) => lag ?? 0))
  const head = `partition    lag  ${' '.repeat(barLength)}  committed  blocked by`
  return [
    [margin, [head, 'dim']],
    ...rows.map(({ partition, lag, committed, blockedBy, pausedFor }): Line => {
      const bar = '▇'.repeat(Math.ceil(((lag ?? 0) / lagMost) * barLength)).padEnd(barLength)
      const paused: Span[] = pausedFor.length === 0 ? [] : [[`paused: ${pausedFor.join(', ')} · `, 'magenta']]
      return [
        margin,
        String(partition).padStart(9),
        [counted(lag ?? 0).padStart(7), 'bold'],
        '  ',
        [bar, 'yellow'],
        counted(committed ?? 0).padStart(11),
        '  ',
        ...paused,
        ...blocker(blockedBy),
      ]
    }),
  ]
}

type BlockedBy = NonNullable<Progress['consumer']>['partitions'][number]['blockedBy']

function blocker(blockedBy: BlockedBy): Span[] {
  if (blockedBy === null) return [['–', 'dim']]
  const { offset, attempt, why } = blockedBy
  return [`offset ${counted(offset)} `, [`attempt ${attempt}, ${why}`, 'dim']]
}
