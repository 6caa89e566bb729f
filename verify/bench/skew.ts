/** `bench -- skew`: from even keys to a few very frequent ones, in key order, against max(total / concurrency, heaviest key).
 *  Each round has other work; the time is virtual. */
import { type Bench, type BenchOptions } from './bench.ts'
import { interleaved, measure, type Subject } from './children.ts'
import { check, type Row } from './result.ts'
import { type SkewFigures, type SkewGiven } from './skewed-work.ts'
import { medians, rounded } from './statistics.ts'

const exponents = [0, 0.8, 1.2, 1.5] as const
const partitionCounts = [1, 12] as const
const concurrencies = [50, 200] as const
const keys = 10_000
const recordsDefault = 200_000
/** Enough for a record of another key for every permit; the rows of the default show what it costs to have fewer. */
const bufferPerPermit = 8
const target = 1.05

type Case = Subject<SkewFigures> & { readonly labels: Row; readonly isJudged: boolean }

export const skew: Bench = {
  name: 'skew',
  summary: 'Zipf 0 to 1.5 in key order: makespan against the bound, on virtual time',
  usesBroker: false,
  run: async (options) => {
    const { rows, worst } = await measureSkewRows(options)
    const checks = [check('worst makespan in key order to its bound', worst, { atMost: target })]
    return { bench: 'skew', on: 'virtual time, in process', rounds: options.rounds, rows, checks }
  },
}

async function measureSkewRows({
  rounds,
  records,
}: Pick<BenchOptions, 'rounds' | 'records'>): Promise<{ rows: Row[]; worst: number }> {
  const count = Math.min(records ?? recordsDefault, recordsDefault)
  const cases: Case[] = []
  for (const exponent of exponents) {
    for (const partitions of partitionCounts) {
      for (const concurrency of concurrencies) {
        const given = { records: count, keys, exponent, partitions, concurrency, order: 'key' } as const
        cases.push(caseOf({ ...given, bufferedRecords: bufferPerPermit * concurrency }))
        if (partitions === 1) cases.push(caseOf(given))
      }
    }
  }
  const found = await interleaved(cases, rounds, 'skew')
  const judged = cases.flatMap(({ isJudged }, index) => {
    const toBound = medians(found[index] ?? []).toBound
    return isJudged ? [toBound] : []
  })
  const rows = cases.map(({ labels }, index) => {
    const { makespanMs, ...figures } = medians(found[index] ?? [])
    return { ...labels, makespanMs: rounded(makespanMs), ...figures }
  })
  return { rows, worst: Math.max(...judged) }
}

function caseOf(given: Omit<SkewGiven, 'seed'>): Case {
  const { exponent, partitions, concurrency, bufferedRecords, records } = given
  const buffered = bufferedRecords ?? 'default'
  return {
    name: `exponent ${exponent}, ${partitions} partitions, concurrency ${concurrency}, buffer ${buffered}`,
    labels: { exponent, partitions, concurrency, buffered: String(buffered), records },
    isJudged: bufferedRecords !== undefined,
    measure: (round) => measure('skew', { ...given, seed: round + 1 }),
  }
}

/** One round of one case. */
export function measureSkewed(
  given: Pick<SkewGiven, 'exponent' | 'partitions' | 'concurrency' | 'records'>,
): Promise<SkewFigures> {
  return measure('skew', {
    ...given,
    keys,
    order: 'key',
    bufferedRecords: bufferPerPermit * given.concurrency,
    seed: 1,
  })
}
