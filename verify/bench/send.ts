/** `bench -- send`: our producer beside the raw client's and that of kafkajs. */
import { type Bench } from './bench.ts'
import { openBroker } from './brokers.ts'
import { interleaved, measure, type Subject } from './children.ts'
import { type BenchResult, check, type Check, type Row } from './result.ts'
import { type SendingGiven } from './sending.ts'
import { medians, pairedRatio, rounded } from './statistics.ts'
import { type VitalFigures } from './vitals.ts'

const clients = ['raw', 'kafkajs', 'holdfast'] as const
const partitions = 6
const sizes = [100, 1_024] as const
/** How many messages are enough to measure each way. */
const ways = [
  { way: 'sequential', messages: 500 },
  { way: 'single', messages: 50_000 },
  { way: 'bulk', messages: 200_000 },
] as const

export const send: Bench = {
  name: 'send',
  summary: 'the producer: one message per call and in bulk, beside the raw client and kafkajs',
  usesBroker: true,
  run: async (options): Promise<BenchResult> => {
    const broker = await openBroker(options)
    try {
      const topic = await broker.createTopic(partitions)
      const rows: Row[] = []
      const checks: Check[] = []
      for (const bytes of sizes) {
        for (const { way, messages: usual } of ways) {
          const messages = Math.min(options.records ?? usual, usual)
          const given = { way, bytes, topic, bootstrap: broker.bootstrap, messages }
          const found = await compare(given, options.rounds)
          rows.push(...found.rows)
          checks.push(found.check)
        }
      }
      return { bench: 'send', on: broker.label, rounds: options.rounds, rows, checks }
    } finally {
      await broker.release()
    }
  },
}

async function compare(given: Omit<SendingGiven, 'client'>, rounds: number): Promise<{ rows: Row[]; check: Check }> {
  const { way, bytes, messages } = given
  const subjects = clients.map((client): Subject<VitalFigures> => {
    return { name: client, measure: () => measure('sending', { client, ...given }) }
  })
  const found = await interleaved(subjects, rounds, `send ${way}, ${bytes} B`)
  const speeds = found.map((ofRounds) => ofRounds.map(({ msgPerSec }) => msgPerSec))
  const raw = speeds[0] ?? []
  const rows = clients.map((client, index) => {
    const { seconds: _, ...figures } = medians(found[index] ?? [])
    const { ratio, low, high } = pairedRatio(speeds[index] ?? [], raw)
    const ratios = { ratioToRaw: rounded(ratio, 3), ratioLow: rounded(low, 3), ratioHigh: rounded(high, 3) }
    return { subject: client, way, bytes, messages, ...ratios, ...figures }
  })
  const ours = Number(rows.at(-1)?.ratioToRaw)
  return { rows, check: check(`speed beside the raw client, ${way}, ${bytes} B`, ours, { atLeast: 1 }) }
}
