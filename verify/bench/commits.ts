/** `bench -- commits`: how many OffsetCommit requests a consumer of twelve partitions sends (R9). The bound is one request per
 *  interval for all of them; above 1,000 completions per interval more of them are sent on purpose. */
import { type Bench, type BenchOptions } from './bench.ts'
import { openBroker } from './brokers.ts'
import { interleaved, measure, type Subject } from './children.ts'
import { type CommitFigures, type CommitsGiven } from './commit-counts.ts'
import { check, type Check, type Row } from './result.ts'
import { medians } from './statistics.ts'

const partitions = 12
const virtualSeconds = 60
const realSeconds = 10
/** `perSecond` messages; how many requests per second R9 allows for them. */
const loads = [
  { perSecond: 500, commitRecords: undefined, allowed: 1 },
  { perSecond: 5_000, commitRecords: undefined, allowed: 5 },
  { perSecond: 5_000, commitRecords: 1_000_000, allowed: 1 },
] as const
/** One more where an interval begins or ends beside the count. */
const tolerance = 1.15

type Labels = {
  readonly messagesPerSecond: number
  readonly commitRecords: string
  readonly partitions: number
  readonly seconds: number
}
type Case = Subject<CommitFigures> & { readonly labels: Labels; readonly allowed: number }

export const commits: Bench = {
  name: 'commits',
  summary: 'OffsetCommit requests per interval, one for all partitions',
  usesBroker: true,
  run: async (options) => {
    if (!options.kafka) return { on: 'virtual time, in process', ...(await measureCommitRows(options, null)) }
    const broker = await openBroker(options)
    try {
      const topic = await broker.createTopic(partitions)
      const place = { bootstrap: broker.bootstrap, topic }
      return { on: broker.label, ...(await measureCommitRows(options, place)) }
    } finally {
      await broker.release()
    }
  },
}

export async function measureCommitRows(
  { rounds, records }: Pick<BenchOptions, 'rounds' | 'records'>,
  broker: CommitsGiven['broker'],
): Promise<{ bench: string; rounds: number; rows: Row[]; checks: Check[] }> {
  const seconds = Math.min(broker === null ? virtualSeconds : realSeconds, records ?? Infinity)
  const cases = loads.map(({ perSecond, commitRecords, allowed }): Case => {
    const given = { broker, partitions, perSecond, seconds, commitRecords }
    const labels = {
      messagesPerSecond: perSecond,
      commitRecords: String(commitRecords ?? 'default'),
      partitions,
      seconds,
    }
    const name = `${perSecond} messages per second, commitRecords ${labels.commitRecords}`
    return { name, labels, allowed, measure: () => measure('commits', given) }
  })
  const found = await interleaved(cases, rounds, 'commits')
  const rows = cases.map(({ labels, allowed }, index) => {
    const { perSecond, ...figures } = medians(found[index] ?? [])
    return { ...labels, ...figures, requestsPerSecond: perSecond, allowedPerSecond: allowed }
  })
  const checks = rows.map(({ requestsPerSecond, allowedPerSecond, messagesPerSecond, commitRecords }) => {
    const name = `commits per second at ${messagesPerSecond} messages, commitRecords ${commitRecords}`
    return check(name, requestsPerSecond, { atMost: allowedPerSecond * tolerance, limit: allowedPerSecond * 2 })
  })
  return { bench: 'commits', rounds, rows, checks }
}
