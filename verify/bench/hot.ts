/** `bench -- hot`: one hot partition beside eleven idle ones, against the hot one alone (R28). A broker holds a fetch until some
 *  partition in it has records; one that is left out because it is full must not wait for those that are empty. */
import { type Bench, type BenchOptions } from './bench.ts'
import { type BenchBroker, openBroker } from './brokers.ts'
import { interleaved, measure, type Subject } from './children.ts'
import { type WorkingFigures } from './consume-working.ts'
import { check, type Check, type Row } from './result.ts'
import { medians, pairedRatio, rounded } from './statistics.ts'

const partitionsBeside = 12
const target = 0.9
/** The first is bound by fetching, the second by its handlers, so that its partition fills up and leaves the fetch. */
const loads = [
  { load: 'no work', records: 500_000, bytes: 100, keys: 1_000, concurrency: 64, workMs: 0 },
  { load: 'filled up', records: 100_000, bytes: 1_024, keys: 1_000, concurrency: 64, workMs: 4 },
] as const

type HotCase = Subject<WorkingFigures> & { readonly partitions: number }

export const hot: Bench = {
  name: 'hot',
  summary: 'one hot and eleven idle partitions against the hot one alone',
  usesBroker: true,
  run: async (options) => {
    const broker = await openBroker(options)
    try {
      const rows: Row[] = []
      const checks: Check[] = []
      for (const load of loads) {
        const found = await compare(broker, load, options)
        rows.push(...found.rows)
        checks.push(found.check)
      }
      return { bench: 'hot', on: broker.label, rounds: options.rounds, rows, checks }
    } finally {
      await broker.release()
    }
  },
}

async function compare(
  broker: BenchBroker,
  { load, bytes, keys, concurrency, workMs, records: usual }: (typeof loads)[number],
  options: BenchOptions,
): Promise<{ rows: Row[]; check: Check }> {
  const records = Math.min(options.records ?? usual, usual)
  const cases: HotCase[] = []
  for (const partitions of [1, partitionsBeside]) {
    const topic = await broker.createTopic(partitions)
    await broker.fill(topic, { records, bytes, partitions, keys, onlyFirst: true })
    const { bootstrap } = broker
    const given = { bootstrap, topic, records, order: 'key', concurrency, fromMs: workMs, toMs: workMs } as const
    cases.push({ name: `${load}, ${partitions} partitions`, partitions, measure: () => measure('working', given) })
  }
  const [alone = [], beside = []] = await interleaved(cases, options.rounds, 'hot')
  const speedOf = (rounds: readonly WorkingFigures[]): number[] => rounds.map(({ msgPerSec }) => msgPerSec)
  const { ratio, low, high } = pairedRatio(speedOf(beside), speedOf(alone))
  const rowOf = (partitions: number, rounds: readonly WorkingFigures[], more: Row): Row => {
    const { msgPerSec, cpuUsPerMsg, cpuShare, loopDelayP99Ms, loopDelayMaxMs } = medians(rounds)
    return {
      load,
      partitions,
      records,
      bytes,
      ...more,
      msgPerSec,
      cpuUsPerMsg,
      cpuShare,
      loopDelayP99Ms,
      loopDelayMaxMs,
    }
  }
  const ratios = { ratioToAlone: rounded(ratio, 3), ratioLow: rounded(low, 3), ratioHigh: rounded(high, 3) }
  return {
    rows: [
      rowOf(1, alone, { ratioToAlone: 1, ratioLow: null, ratioHigh: null }),
      rowOf(partitionsBeside, beside, ratios),
    ],
    check: check(`hot beside eleven idle partitions, ${load}`, ratio, { atLeast: target }),
  }
}
