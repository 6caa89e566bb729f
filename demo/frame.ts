/** Composes what the live screen shows, from top to bottom. Pure: progress and width in, lines out. */
import { counted, type Line, seconds, type Span } from './line.ts'
import { type ConsumerView, type News, type Phase, type Progress, sumUp } from './progress.ts'

/** From here on there is room for a bar beside each partition's lag. */
const wideEnough = 86
const widthMax = 110
const margin = '  '
const newsShown = 3

export type Heading = {
  readonly broker: 'embedded' | 'kafka'
  readonly order: string
  readonly retrying: string
  readonly concurrency: number
  readonly rate: number
  readonly rows: number
}

export function composeFrame(heading: Heading, progress: Progress, terminalWidth: number): Line[] {
  const width = Math.min(terminalWidth, widthMax)
  return [
    ...composeHeading(heading),
    [],
    progressBar(progress, width),
    [],
    ...counters(progress),
    [],
    ...progress.consumers.map(consumerRow),
    [],
    ...partitions(progress, width),
    ...progress.news.slice(-newsShown).map((news) => [margin, ...composeNews(news)]),
  ]
}

export function composeHeading({ broker, order, retrying, concurrency, rate, rows }: Heading): Line[] {
  const place = broker === 'embedded' ? 'embedded broker' : 'real Kafka'
  const speed = rate === Infinity ? 'as fast as it goes' : `${counted(rate)} records/s`
  const settings = [place, '6 partitions', `order ${order}`, retrying, `concurrency ${counted(concurrency)}`, speed]
  return [
    [margin, ['Holdfast', ['bold', 'cyan']], `  ${counted(rows)} wildlife strikes, counted per airport in SQLite`],
    [margin, [settings.join(' · '), 'dim']],
  ]
}

export function composeNews({ kind, text }: News): Line {
  return kind === 'note'
    ? [['› ', 'cyan'], text]
    : [
        ['! ', 'yellow'],
        [text, 'yellow'],
      ]
}

function progressBar({ phase, rows, consumers, elapsedMs }: Progress, width: number): Line {
  const share = Math.min(1, sumUp(consumers).finished / rows)
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

function counters({ produced, producedPerSecond, finishedPerSecond, consumers }: Progress): Line[] {
  const { done, dead, retriedInPlace, retriedByTopic, parked, waiting } = sumUp(consumers)
  const retried = `${counted(retriedInPlace)} in place, ${counted(retriedByTopic)} by topic`
  return [
    counterRow('produced', produced, producedPerSecond, 'parked', counted(parked)),
    counterRow('done', done, finishedPerSecond, 'waiting', counted(waiting)),
    counterRow('dead', dead, null, 'retried', retried),
  ]
}

function counterRow(name: string, count: number, perSecond: number | null, beside: string, other: string): Line {
  const rate = perSecond === null ? '' : `${counted(perSecond)}/s`
  return [
    margin,
    [name.padEnd(10), 'dim'],
    [counted(count).padStart(8), 'bold'],
    [rate.padStart(10), 'cyan'],
    '      ',
    [beside.padEnd(10), 'dim'],
    [other, 'bold'],
  ]
}

function consumerRow({ name, phase, status }: ConsumerView): Line {
  const isHere = phase === 'running' || phase === 'leaving'
  const owned = isHere ? sourcePartitions(status).length : 0
  return [
    margin,
    [`${name} consumer`.padEnd(16), 'dim'],
    [phase.padEnd(8), isHere ? 'green' : 'dim'],
    [`${owned} partitions`.padStart(13), owned > 0 ? 'bold' : 'dim'],
    [`   in flight ${counted(isHere ? (status?.inFlight ?? 0) : 0).padStart(3)}`, 'dim'],
    [`   done ${counted(status?.counts.done ?? 0).padStart(6)}`, 'dim'],
  ]
}

type PartitionStatus = NonNullable<ConsumerView['status']>['partitions'][number]

/** Those of the source topic, without those of delay topics. */
function sourcePartitions(status: ConsumerView['status']): PartitionStatus[] {
  return (status?.partitions ?? []).filter(({ topic }) => topic === status?.topic)
}

function partitions({ consumers }: Progress, width: number): Line[] {
  const isWide = width >= wideEnough
  const barLength = isWide ? 16 : 0
  const present = consumers.filter(({ phase }) => phase !== 'left')
  const rows = present
    .flatMap(({ name, status }) => sourcePartitions(status).map((partition) => ({ name, ...partition })))
    .toSorted((a, b) => a.partition - b.partition)
  const lagMost = Math.max(20, ...rows.map(({ lag }) => lag))
  const head = `partition  owner      lag  ${' '.repeat(barLength)}  committed  blocked by`
  return [
    [margin, [head, 'dim']],
    ...rows.map(({ name, partition, lag, committed, blockedBy, pausedFor }): Line => {
      const bar = '▇'.repeat(Math.ceil((Math.max(0, lag) / lagMost) * barLength)).padEnd(barLength)
      const paused: Span[] = pausedFor.length === 0 ? [] : [[`paused: ${pausedFor.join(', ')} · `, 'magenta']]
      return [
        margin,
        String(partition).padStart(9),
        [`  ${name.padEnd(6)}`, name === 'first' ? 'dim' : 'cyan'],
        [counted(Math.max(0, lag)).padStart(6), 'bold'],
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

function blocker(blockedBy: PartitionStatus['blockedBy']): Span[] {
  if (blockedBy === null) return [['–', 'dim']]
  const { offset, attempt, why } = blockedBy
  return [`offset ${counted(offset)} `, [`attempt ${attempt}, ${why}`, 'dim']]
}
