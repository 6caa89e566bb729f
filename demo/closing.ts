/** The closing table: the judge's figures, and for each of them how it was checked. */
import { type Verdict } from '../verify/judge/verdict.ts'
import { counted, type Line, seconds } from './line.ts'
import { type DemoOptions } from './options.ts'

/** What the demo alone can know: the judge sees neither rebalances nor how the consumer stopped. */
export type RunFacts = {
  readonly broker: 'embedded' | 'kafka'
  /** Rebalances of the group, by the consumer's own events. */
  readonly rebalances: number
  readonly stoppedCleanly: boolean
  readonly totalMs: number
}

const margin = '  '
const nameWidth = 24

export function composeClosing(
  { order, rows }: Pick<DemoOptions, 'order' | 'rows'>,
  verdict: Verdict,
  facts: RunFacts,
): Line[] {
  return [
    [],
    headline(verdict),
    [margin, ['It is a program of its own (verify/judge), with kafkajs and without a line of Holdfast.', 'dim']],
    [],
    figure('produced', verdict.produced, `records that kafkajs read back from the topic, for ${counted(rows)} rows`),
    figure('done', verdict.done, 'records whose handler wrote that it succeeded'),
    figure('filtered', verdict.filtered, 'records with a damage code that nobody documented'),
    figure('retried in place', verdict.retriedInPlace, 'attempts after a first one that failed'),
    [],
    law('lost', verdict.lost, 'each row was looked for in the topic, in the attempt files and in SQLite'),
    law('duplicates', verdict.duplicates, 'records whose handler succeeded more than once'),
    law('order violations', verdict.orderViolations, orderChecks[order]),
    law('early retries', verdict.earlyRetries, 'attempts that started before the one before had failed'),
    law('commits past unfinished', verdict.commitsPastUnfinished, `in ${counted(verdict.samples)} looks, 50 ms apart`),
    law('uncommitted', verdict.uncommitted, 'records above the last commit after the stop'),
    totalsLine(verdict),
    [],
    [
      margin,
      [
        [
          `at most ${counted(verdict.maxInFlight)} attempts at once`,
          `${facts.rebalances} rebalances`,
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

const orderChecks: Readonly<Record<DemoOptions['order'], string>> = {
  partition: 'attempts that overlapped or overtook another of their partition',
  key: 'attempts that overlapped or overtook another of their airport',
  none: 'attempts of one record that overlapped; nothing else was promised',
}

function headline({ agrees, lost }: Verdict): Line {
  if (agrees) return [margin, ['✔ The judge agrees: nothing was lost.', ['bold', 'green']]]
  const what = lost > 0 ? `${counted(lost)} records were lost` : 'a promise was broken'
  return [margin, [`✖ The judge does not agree: ${what}.`, ['bold', 'red']]]
}

function figure(name: string, count: number, meaning: string): Line {
  return [margin, name.padEnd(nameWidth), [counted(count).padStart(7), 'bold'], '   ', [meaning, 'dim']]
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
