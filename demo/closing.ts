/** The closing table: the judge's figures, and for each of them how it was checked; then what the demo itself has seen. */
import { type Verdict } from '../verify/judge/verdict.ts'
import { type Blockage } from './blockages.ts'
import { counted, type Line, seconds } from './line.ts'
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

export function composeClosing(wanted: Wanted, verdict: Verdict, facts: RunFacts): Line[] {
  return [
    [],
    headline(verdict),
    [margin, ['It is a program of its own (verify/judge), with kafkajs and without a line of Holdfast.', 'dim']],
    [],
    ...figures(wanted, verdict, facts),
    [],
    ...laws(wanted, verdict),
    [],
    ...observations(facts),
    [],
    [
      margin,
      [
        [
          `at most ${counted(verdict.maxInFlight)} attempts at once`,
          facts.stoppedCleanly ? 'stopped cleanly' : 'did not stop cleanly',
          `handled in ${seconds(verdict.elapsedMs)}`,
          `${seconds(facts.totalMs)} in all`,
        ].join(' · '),
        'dim',
      ],
    ],
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

function figures({ rows, retrying }: Wanted, verdict: Verdict, { doneBySecond }: RunFacts): Line[] {
  const bySecond = `, ${counted(doneBySecond)} of them in the second consumer`
  return [
    figure('produced', verdict.produced, `records that kafkajs read back from the topic, for ${counted(rows)} rows`),
    figure('done', verdict.done, `records whose handler wrote that it succeeded${bySecond}`),
    figure(
      'dead letters',
      verdict.deadLettered,
      'records in the dead-letter topic; nobody else may die than those with an undocumented damage code',
    ),
    ...verdict.deathReasons.map(({ reason, count }): Line => {
      return [margin, ''.padEnd(nameWidth + 7), '   ', [`${counted(count)} × ${reason}`, 'dim']]
    }),
    ...(verdict.filtered === 0 ? [] : [figure('filtered', verdict.filtered, 'records that a filter left out')]),
    figure(
      'retried in place',
      verdict.retriedInPlace,
      retrying === 'block' ? inPlaceOnly : 'attempts after up to 100 or 400 ms',
    ),
    figure(
      'retried by topic',
      verdict.retriedByTopic,
      'attempts after 2 s in the delay topic, where they held up nobody',
    ),
  ]
}

const inPlaceOnly = 'attempts after up to 100 or 400 ms, or after 2 s, with their lane waiting'

function laws({ order, retrying }: Wanted, verdict: Verdict): Line[] {
  return [
    law('lost', verdict.lost, 'each row was looked for in all topics, in the attempt files and in SQLite'),
    law('duplicates', verdict.duplicates, 'records whose handler succeeded more than once, in either consumer'),
    law('order violations', verdict.orderViolations, `${orderChecks[order]}${exceptions[retrying]}`),
    law('early retries', verdict.earlyRetries, 'attempts before the one before had failed, or before they were due'),
    law(
      'commits past unfinished',
      verdict.commitsPastUnfinished,
      `in ${counted(verdict.samples)} looks at the offsets`,
    ),
    law('uncommitted', verdict.uncommitted, 'records above the last commit after the stop'),
    totalsLine(verdict),
  ]
}

const orderChecks: Readonly<Record<DemoOptions['order'], string>> = {
  partition: 'attempts that overlapped or overtook another of their partition',
  key: 'attempts that overlapped or overtook another of their airport',
  none: 'attempts of one record that overlapped; nothing else was promised',
}

const exceptions: Readonly<Record<DemoOptions['retrying'], string>> = {
  overtake: ', delay topics aside',
  block: '',
}

function observations({ moves, longestBlockage, latenessMaxMs }: RunFacts): Line[] {
  const { rebalances, movedTo, interrupted, readAgain } = moves
  const moved = `${movedTo.second} partitions moved to the second consumer and ${movedTo.first} back`
  const aside = `interruptions of others: ${interrupted}; records read again: ${counted(readAgain)}`
  const blocked = longestBlockage === null ? 'none' : seconds(longestBlockage.forMs)
  const by =
    longestBlockage === null
      ? 'no commit was held back'
      : `partition ${longestBlockage.partition}, offset ${counted(longestBlockage.offset)}: ${longestBlockage.why}`
  return [
    figure('rebalances', rebalances, `${moved}; ${aside}`),
    observation('blocked longest', blocked, by),
    observation('latest retry', `${Math.ceil(latenessMaxMs)} ms`, 'after it was due'),
  ]
}

function figure(name: string, count: number, meaning: string): Line {
  return observation(name, counted(count), meaning)
}

function observation(name: string, text: string, meaning: string): Line {
  return [margin, name.padEnd(nameWidth), [text.padStart(7), 'bold'], '   ', [meaning, 'dim']]
}

function law(name: string, violations: number, meaning: string): Line {
  const style = violations === 0 ? 'green' : 'red'
  return [margin, name.padEnd(nameWidth), [counted(violations).padStart(7), ['bold', style]], '   ', [meaning, 'dim']]
}

function totalsLine({ totalsMatch }: Verdict): Line {
  const result: Line = totalsMatch
    ? [['match'.padStart(7), ['bold', 'green']]]
    : [['differ'.padStart(7), ['bold', 'red']]]
  return [
    margin,
    'totals'.padEnd(nameWidth),
    ...result,
    '   ',
    ['SQLite against the CSV file, airport by airport', 'dim'],
  ]
}
