/** `bench -- io`: handlers that wait, as most do. First one partition and ever more keys at one concurrency, against the time
 *  that the same work must take; then ever more concurrency, to see where it bends. */
import { type Bench, type BenchOptions } from './bench.ts'
import { type BenchBroker, openBroker } from './brokers.ts'
import { interleaved, measure, type Subject } from './children.ts'
import { type WorkingFigures, type WorkingGiven } from './consume-working.ts'
import { check, type Row } from './result.ts'
import { medians } from './statistics.ts'

const bytes = 100
const keyCounts = [1, 2, 5, 10, 20, 50, 100, 1_000, 10_000] as const
const scalingRecords = 10_000
const scalingConcurrency = 100
const scalingToMs = 5
/** Where the target is. */
const targetKeys = 1_000
const targetEfficiency = 0.9

const concurrencies = [10, 50, 100, 200, 500, 1_000, 2_000, 5_000] as const
const bendRecordsMax = 100_000
const bendKeys = 100_000
const bendMs = 50
/** A low concurrency is not asked for all of the records: at its limit this long is enough to know. */
const bendSeconds = 10
/** Refilled at half of it, so there is always a record for every permit. */
const bufferPerPermit = 4
const bufferMin = 256

export const io: Bench = {
  name: 'io',
  summary: 'handlers that wait: makespan against theory, and where more concurrency no longer helps',
  usesBroker: true,
  run: async (options) => {
    const broker = await openBroker(options)
    try {
      const scaling = await measureScaling(broker, options)
      const bend = await measureBend(broker, options)
      const atTarget = scaling.find(({ order, keys }) => order === 'key' && keys === targetKeys)
      const name = `share of the theoretical speed at ${targetKeys} keys`
      const checks = [check(name, Number(atTarget?.['efficiency'] ?? NaN), { atLeast: targetEfficiency })]
      return { bench: 'io', on: broker.label, rounds: options.rounds, rows: scaling, more: { bend }, checks }
    } finally {
      await broker.release()
    }
  },
}

type Case = Subject<WorkingFigures> & { readonly labels: Row }

async function measureScaling(broker: BenchBroker, { rounds, records }: BenchOptions): Promise<Row[]> {
  const count = Math.min(records ?? scalingRecords, scalingRecords)
  const given = { records: count, concurrency: scalingConcurrency, fromMs: 0, toMs: scalingToMs }
  const cases: Case[] = []
  for (const keys of keyCounts) {
    const topic = await broker.createTopic(1)
    await broker.fill(topic, { records: count, bytes, partitions: 1, keys })
    cases.push(caseOf(broker, { ...given, topic, order: 'key' }, keys))
    if (keys !== targetKeys) continue
    cases.push(caseOf(broker, { ...given, topic, order: 'partition' }, null))
    cases.push(caseOf(broker, { ...given, topic, order: 'none' }, null))
  }
  return rowsOf(cases, rounds, 'io')
}

async function measureBend(broker: BenchBroker, { rounds, records }: BenchOptions): Promise<Row[]> {
  const count = Math.min(records ?? bendRecordsMax, bendRecordsMax)
  const topic = await broker.createTopic(1)
  await broker.fill(topic, { records: count, bytes, partitions: 1, keys: bendKeys })
  const cases = concurrencies.map((concurrency) => {
    const enough = Math.min(count, Math.ceil((concurrency / bendMs) * 1_000 * bendSeconds))
    const bufferedRecords = Math.max(bufferMin, bufferPerPermit * concurrency)
    const given = { records: enough, concurrency, bufferedRecords, fromMs: bendMs, toMs: bendMs, topic }
    return caseOf(broker, { ...given, order: 'key' }, bendKeys)
  })
  return rowsOf(cases, rounds, 'bend')
}

function caseOf(broker: BenchBroker, given: Omit<WorkingGiven, 'bootstrap'>, keys: number | null): Case {
  const { order, records, concurrency } = given
  return {
    name: `${order}, ${keys ?? 'any'} keys, concurrency ${concurrency}`,
    labels: { order, keys, records, concurrency },
    measure: () => measure('working', { ...given, bootstrap: broker.bootstrap }),
  }
}

async function rowsOf(cases: readonly Case[], rounds: number, what: string): Promise<Row[]> {
  const found = await interleaved(cases, rounds, what)
  return cases.map(({ labels }, index) => {
    const { seconds: _, ...figures } = medians(found[index] ?? [])
    return { ...labels, ...figures }
  })
}
