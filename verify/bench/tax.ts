/** `bench -- tax`: what a record costs above the client underneath, when its handler does nothing. First every consumer on the
 *  same topics, then the engine alone over a bare loop on the same decoder. */
import { type Bench, type BenchOptions } from './bench.ts'
import { type BenchBroker, openBroker } from './brokers.ts'
import { interleaved, measure, type Subject } from './children.ts'
import { measureEngineCosts } from './tax-of-engine.ts'
import { type BenchResult, check, type Check, type Row } from './result.ts'
import { medians, pairedRatio, rounded } from './statistics.ts'
import { type VitalFigures } from './vitals.ts'

const orders = ['none', 'partition', 'key'] as const
const keys = 1_000
/** 500,000 small records, and a fifth of that of large ones. */
const smallRecords = 500_000
const shapes = [
  { bytes: 100, share: 1 },
  { bytes: 1_024, share: 0.2 },
] as const
const partitionCounts = [1, 6] as const
/** Of the raw stream's speed. */
const targets = { none: 1, partition: 1, key: 0.9 } as const

type Consumer = Subject<VitalFigures> & { readonly subject: string; readonly order: (typeof orders)[number] | null }

export const tax: Bench = {
  name: 'tax',
  summary: 'a handler that does nothing: Holdfast beside the raw client and kafkajs',
  usesBroker: true,
  run: async (options) => {
    const broker = await openBroker(options)
    try {
      return await run(broker, options)
    } finally {
      await broker.release()
    }
  },
}

async function run(broker: BenchBroker, options: BenchOptions): Promise<BenchResult> {
  const rows: Row[] = []
  const checks: Check[] = []
  for (const { bytes, share } of shapes) {
    for (const partitions of partitionCounts) {
      const records = Math.ceil((options.records ?? smallRecords) * share)
      const topic = await broker.createTopic(partitions)
      await broker.fill(topic, { records, bytes, partitions, keys })
      const found = await compare(broker, { topic, partitions, records }, bytes, options.rounds)
      rows.push(...found.rows)
      checks.push(...found.checks)
    }
  }
  const engine = await measureEngineCosts(options)
  return {
    bench: 'tax',
    on: broker.label,
    rounds: options.rounds,
    rows,
    more: { engine: engine.rows },
    checks: [...checks, ...engine.checks],
  }
}

type Case = { readonly topic: string; readonly partitions: number; readonly records: number }

async function compare(
  broker: BenchBroker,
  of: Case,
  bytes: number,
  rounds: number,
): Promise<{ rows: Row[]; checks: Check[] }> {
  const given = { bootstrap: broker.bootstrap, ...of }
  const foreign = (name: 'raw' | 'eachMessage' | 'eachBatch'): Consumer => {
    const subject = name === 'raw' ? name : `kafkajs ${name}`
    return { name: subject, subject, order: null, measure: () => measure(name, given) }
  }
  const consumers = [
    ...(['raw', 'eachMessage', 'eachBatch'] as const).map(foreign),
    ...orders.map((order): Consumer => {
      const run = (): Promise<VitalFigures> => measure('holdfast', { ...given, order })
      return { name: `holdfast ${order}`, subject: 'holdfast', order, measure: run }
    }),
  ]
  const what = `${bytes} B, ${of.partitions} partition${of.partitions === 1 ? '' : 's'}`
  const found = await interleaved(consumers, rounds, what)
  const raw = found[0] ?? []
  const rows: Row[] = []
  const checks: Check[] = []
  for (const [index, { subject, order }] of consumers.entries()) {
    const ofRounds = found[index] ?? []
    const speed = ratioOf('msgPerSec', ofRounds, raw)
    const cpu = ratioOf('cpuUsPerMsg', ofRounds, raw)
    const { seconds: _, ...figures } = medians(ofRounds)
    rows.push({
      subject,
      records: of.records,
      bytes,
      partitions: of.partitions,
      order,
      ratioToRaw: rounded(speed.ratio, 3),
      ratioLow: rounded(speed.low, 3),
      ratioHigh: rounded(speed.high, 3),
      ...figures,
    })
    if (order === null) continue
    checks.push(check(`speed beside the raw client, ${order}, ${what}`, speed.ratio, { atLeast: targets[order] }))
    checks.push(check(`CPU beside the raw client, ${order}, ${what}`, cpu.ratio, { atMost: 1 }))
  }
  return { rows, checks }
}

function ratioOf(
  figure: keyof VitalFigures,
  ours: readonly VitalFigures[],
  theirs: readonly VitalFigures[],
): ReturnType<typeof pairedRatio> {
  const valuesOf = (rounds: readonly VitalFigures[]): number[] => rounds.map((round) => round[figure])
  return pairedRatio(valuesOf(ours), valuesOf(theirs))
}
