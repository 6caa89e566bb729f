/** The closing table: the judge's figures, and for each of them how it was checked; then what the demo itself has seen. */
import { type Verdict } from '../verify/judge/verdict.ts'
import { type Blockage } from './blockages.ts'
import { counted, type Line, seconds, type Style } from './line.ts'
import { type MoveCounts } from './moves.ts'
import { type DemoOptions } from './options.ts'

/** What the demo alone can know: the judge sees neither rebalances nor how the consumers stopped. */
export type RunFacts = {
  readonly broker: 'embedded' | 'kafka'
  readonly moves: MoveCounts
  /** Null if no commit was ever held back. */
  readonly longestBlockage: Blockage | null
  readonly latenessMaxMs: number
  /** Records that the second consumer has done, by the judge's count. */
  readonly doneBySecond: number
  readonly stoppedCleanly: boolean
  readonly totalMs: number
}

type Wanted = Pick<DemoOptions, 'order' | 'retrying' | 'rows'>

const margin = '  '
const nameWidth = 24
const textWidth = 7
const gap = '   '
/** Where the meaning of a figure begins. */
const meaningColumn = margin.length + nameWidth + textWidth + gap.length
/** On a terminal so narrow that less would be left, lines are cut after all. */
const meaningWidthMin = 20

/** Nothing in it may be cut off, so what is too long for the terminal goes on below itself. */
export function composeClosing(wanted: Wanted, verdict: Verdict, facts: RunFacts, width: number): Line[] {
  const table = (rows: readonly Row[]): Line[] => rows.flatMap((row) => composeRow(row, width))
  const summary = [
    `at most ${counted(verdict.maxInFlight)} attempts at once`,
    facts.stoppedCleanly ? 'stopped cleanly' : 'did not stop cleanly',
    `handled in ${seconds(verdict.elapsedMs)}`,
    `${seconds(facts.totalMs)} in all`,
  ]
  return [
    [],
    headline(verdict),
    [margin, ['It is a program of its own (verify/judge), without a line of Holdfast.', 'dim']],
    [],
    ...table(figures(wanted, verdict, facts)),
    [],
    ...table(laws(wanted, verdict)),
    [],
    ...table(observations(facts)),
    [],
    [margin, [summary.join(' · '), 'dim']],
    [],
  ]
}

export function composeProblems({ problems }: Verdict): Line[] {
  return problems.map((problem) => [margin, ['✖ ', 'red'], problem])
}

function headline({ agrees, lost }: Verdict): Line {
  if (agrees) return [margin, ['✔ The judge agrees: nothing was lost.', ['bold', 'green']]]
  const what = lost > 0 ? `${counted(lost)} records were lost` : 'a promise was broken'
  return [margin, [`✖ The judge does not agree: ${what}.`, ['bold', 'red']]]
}

function figures({ rows, retrying }: Wanted, verdict: Verdict, { doneBySecond }: RunFacts): Row[] {
  const { produced, done, deadLettered, deathReasons, filtered, retriedInPlace, retriedByTopic } = verdict
  return [
    figure('produced', produced, `records that kafkajs read back, for ${counted(rows)} rows`),
    figure('done', done, `handlers that wrote that they succeeded; ${counted(doneBySecond)} in the second consumer`),
    figure('dead letters', deadLettered, 'nobody else may die than rows with an undocumented damage code'),
    ...deathReasons.map(({ reason, count }) => row('', '', `${counted(count)} × ${reason}`)),
    ...(filtered === 0 ? [] : [figure('filtered', filtered, 'records that a filter left out')]),
    figure('retried in place', retriedInPlace, inPlaceWaits[retrying]),
    figure('retried by topic', retriedByTopic, 'attempts after 2 s in a topic where they held up nobody'),
  ]
}

const inPlaceWaits: Readonly<Record<DemoOptions['retrying'], string>> = {
  overtake: 'attempts after up to 100 or 400 ms',
  block: 'attempts after up to 100 or 400 ms, or 2 s; their lane waited',
}

function laws({ order, retrying }: Wanted, verdict: Verdict): Row[] {
  return [
    law('lost', verdict.lost, 'rows looked for in all topics, attempt files and SQLite'),
    law('duplicates', verdict.duplicates, 'records that succeeded more than once, in either consumer'),
    law('order violations', verdict.orderViolations, `${orderChecks[order]}${exceptions[retrying]}`),
    law('early retries', verdict.earlyRetries, 'attempts before the last had failed, or before they were due'),
    law(
      'commits past unfinished',
      verdict.commitsPastUnfinished,
      `in ${counted(verdict.samples)} looks at the offsets`,
    ),
    law('uncommitted', verdict.uncommitted, 'records above the last commit after the stop'),
    totals(verdict),
  ]
}

const orderChecks: Readonly<Record<DemoOptions['order'], string>> = {
  partition: 'overlaps and overtakings in a partition',
  key: 'overlaps and overtakings in an airport',
  none: 'overlaps of attempts of one record; no more was promised',
}

const exceptions: Readonly<Record<DemoOptions['retrying'], string>> = { overtake: ', delay topics aside', block: '' }

function observations({ moves, longestBlockage, latenessMaxMs }: RunFacts): Row[] {
  const { rebalances, movedTo, interrupted, readAgain } = moves
  const moved = `${movedTo.second} partitions moved to the second consumer, ${movedTo.first} back`
  const aside = `others interrupted: ${interrupted}, records read again: ${counted(readAgain)}`
  return [
    figure('rebalances', rebalances, moved),
    row('', '', aside),
    longestBlockage === null ? row('blocked longest', 'none', 'no commit was held back') : blocked(longestBlockage),
    row('latest retry', `${Math.ceil(latenessMaxMs)} ms`, 'after it was due'),
  ]
}

function blocked({ partition, offset, forMs, why }: Blockage): Row {
  return row('blocked longest', seconds(forMs), `partition ${partition}, offset ${counted(offset)}: ${why}`)
}

type Row = { readonly name: string; readonly text: string; readonly style: Style; readonly meaning: string }

function row(name: string, text: string, meaning: string, style: Style = 'bold'): Row {
  return { name, text, style, meaning }
}

function figure(name: string, count: number, meaning: string): Row {
  return row(name, counted(count), meaning)
}

function law(name: string, violations: number, meaning: string): Row {
  return row(name, counted(violations), meaning, ['bold', violations === 0 ? 'green' : 'red'])
}

function totals({ totalsMatch }: Verdict): Row {
  const [text, colour] = totalsMatch ? (['match', 'green'] as const) : (['differ', 'red'] as const)
  return row('totals', text, 'SQLite against the CSV file, airport by airport', ['bold', colour])
}

function composeRow({ name, text, style, meaning }: Row, width: number): Line[] {
  const [first = '', ...rest] = wrap(meaning, Math.max(meaningWidthMin, width - meaningColumn))
  return [
    [margin, name.padEnd(nameWidth), [text.padStart(textWidth), style], gap, [first, 'dim']],
    ...rest.map((line): Line => [' '.repeat(meaningColumn), [line, 'dim']]),
  ]
}

/** Lines of at most this length, cut between words; a word that is longer has a line of its own. */
function wrap(text: string, length: number): string[] {
  const lines: string[] = []
  let line = ''
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > length) {
      lines.push(line)
      line = word
    } else {
      line = line === '' ? word : `${line} ${word}`
    }
  }
  return [...lines, line]
}
