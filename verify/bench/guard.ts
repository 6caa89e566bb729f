/** `bench -- guard`: what must not get worse unnoticed, in a minute, on a machine that may be busy. Only ratios and counts are
 *  judged: CPU beside CPU of the same moment, bytes beside information, virtual time beside a bound. */
import { type Bench } from './bench.ts'
import { measureCommitRows } from './commits.ts'
import { measureMap } from './map.ts'
import { type BenchResult, check, type Row } from './result.ts'
import { measureSkewed } from './skew.ts'
import { engineRows } from './tax-of-engine.ts'

const engineRecords = 100_000
const commitSeconds = 10
const skewRecords = 20_000

/** CPU of the engine to that of a bare loop on the same decoder; about one and a half times what it was when this was written. */
const engineLimits = { none: 3.5, partition: 5, key: 4.5 } as const
const skewLimit = 1.1

export const guard: Bench = {
  name: 'guard',
  summary: 'the ratios that a change must not worsen, for CI',
  usesBroker: false,
  run: async ({ rounds, records }): Promise<BenchResult> => {
    const engine = await engineRows({ rounds, records: records ?? engineRecords }, ['bare', 'engine'])
    const commits = await measureCommitRows({ rounds: 1, records: commitSeconds }, null)
    const skewed = await measureSkewed({ exponent: 0.8, partitions: 1, concurrency: 50, records: skewRecords })
    const sizes = measureMap(1).checks.filter(({ limit }) => limit !== null)
    const engineChecks = engine.flatMap(({ subject, order, cpuRatioToBare }) => {
      if (order === null) return []
      const limit = engineLimits[order]
      return [check(`CPU of the ${subject} to a bare loop, ${order}`, cpuRatioToBare, { atMost: limit, limit })]
    })
    const skewCheck = check('makespan of skewed keys to its bound', skewed.toBound, {
      atMost: skewLimit,
      limit: skewLimit,
    })
    const rows: Row[] = engine
    return {
      bench: 'guard',
      on: 'no broker',
      rounds,
      rows,
      checks: [...engineChecks, skewCheck, ...commits.checks, ...sizes],
    }
  },
}
