/** `bench -- sim`: how fast the simulation is, in one process and in as many as there are cores. The same histories in every
 *  round and in both; one in 25 is played twice, as in every run. */
import { type Trial } from '../simulation/account.ts'
import { type Figures } from '../simulation/figures.ts'
import { planOf } from '../simulation/plan.ts'
import { simulate } from '../simulation/simulate.ts'
import { workersDefault } from '../simulation/workers.ts'
import { type Bench } from './bench.ts'
import { check } from './result.ts'
import { medians, orderOfRound, rounded } from './statistics.ts'

const recordsDefault = 60_000
/** 10,000 histories in eight minutes on two cores. */
const perCoreTarget = 10_000 / (8 * 60) / 2

type Speed = {
  readonly historiesPerSecond: number
  readonly perSecondAndCore: number
  readonly recordsPerSecond: number
  readonly virtualSecondsPerSecond: number
}

export const sim: Bench = {
  name: 'sim',
  summary: 'the simulation: histories, records and virtual seconds in a second',
  usesBroker: false,
  run: async (options) => {
    const trials = trialsWith(options.records ?? recordsDefault)
    const counts = [...new Set([1, workersDefault])]
    const found = new Map<number, Speed[]>(counts.map((workers) => [workers, []]))
    for (let round = 0; round < options.rounds; round++) {
      for (const workers of orderOfRound(counts, round)) {
        const speed = await measured(trials, workers)
        found.get(workers)?.push(speed)
        console.error(`sim round ${round + 1}: ${speed.historiesPerSecond} per second in ${workers} processes`)
      }
    }
    const rows = counts.map((processes) => ({
      processes,
      histories: trials.length,
      ...medians(found.get(processes) ?? []),
    }))
    const all = rows.at(-1)?.perSecondAndCore ?? NaN
    const checks = [check('histories per second and core, all cores at work', all, { atLeast: rounded(perCoreTarget) })]
    return { bench: 'sim', on: 'virtual time, in process', rounds: options.rounds, rows, checks }
  },
}

/** The first histories that together hold so many records. */
function trialsWith(records: number): Trial[] {
  const trials: Trial[] = []
  for (let left = records; left > 0;) {
    const seed = trials.length + 1
    left -= planOf(seed).batches.reduce((sum, batch) => sum + batch.records.length, 0)
    trials.push({ seed })
  }
  return trials
}

async function measured(trials: readonly Trial[], workers: number): Promise<Speed> {
  const { runs, violations, sizes, historiesPerSecond }: Figures = await simulate(trials, { workers })
  if (violations > 0) throw new Error(`${violations} laws were broken: speed without them says nothing`)
  const perHistory = historiesPerSecond / runs
  return {
    historiesPerSecond,
    perSecondAndCore: rounded(historiesPerSecond / workers),
    recordsPerSecond: rounded(sizes.allRecords * perHistory),
    virtualSecondsPerSecond: rounded(sizes.virtualSeconds * perHistory),
  }
}
