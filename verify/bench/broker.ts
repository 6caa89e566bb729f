/** `bench -- broker`: what the embedded broker itself costs a test: a start and a stop of three nodes, records through two
 *  clients, 150 tests at once with a broker each, and what a thousand lives leave behind in memory. */
import { type Bench, type BenchOptions } from './bench.ts'
import { openBroker } from './brokers.ts'
import { interleaved, measure, type Subject } from './children.ts'
import { type TrafficFigures, trafficClients } from './broker-traffic.ts'
import { type BenchResult, check, type Row } from './result.ts'
import { median, medians, rounded } from './statistics.ts'

const nodes = 3
/** A thousand until the heap has its size, a thousand in which it should keep it. */
const settledAfter = 1_000
const lives = 2_000
const livesAtOnce = 150
const trafficRecords = 200_000
const recordBytes = 100
const startAndStopTargetMs = 20
const atOnceTargetSeconds = 60
/** Pages that Node does not give back; a single node that was left behind a thousand times would be far more. */
const rssTargetMb = 20
const heapTargetMb = 1

export const broker: Bench = {
  name: 'broker',
  summary: 'the embedded broker: start and stop, records per second, 150 at once, memory after 1,000 lives',
  usesBroker: false,
  run: async ({ rounds, records }) => {
    const shape = { records: Math.min(records ?? trafficRecords, trafficRecords), rounds }
    const traffic = await measureTraffic(shape)
    const { lived, crowd } = await measureLives(shape)
    return result(traffic, lived, crowd, rounds)
  },
}

type Shape = { readonly records: number; readonly rounds: number }

async function measureTraffic({ records, rounds }: Shape): Promise<Row[]> {
  const place = await openBroker({})
  try {
    const subjects = trafficClients.map((client): Subject<TrafficFigures> => ({
      name: client,
      measure: async () => {
        const topic = await place.createTopic(1)
        return measure('brokerTraffic', { client, bootstrap: place.bootstrap, topic, records, bytes: recordBytes })
      },
    }))
    const found = await interleaved(subjects, rounds, 'records through a client')
    return trafficClients.map((client, index) => {
      const { produced, consumed } = medians(found[index] ?? [])
      return {
        client,
        records,
        bytes: recordBytes,
        producedPerSec: rounded(produced),
        consumedPerSec: rounded(consumed),
      }
    })
  } finally {
    await place.release()
  }
}

type Lived = {
  readonly medianMs: number
  readonly p99Ms: number
  readonly firstMs: number
  readonly rssGrownMb: number
  readonly heapGrownMb: number
}
type Crowd = { readonly seconds: number; readonly failed: number }

async function measureLives({ rounds }: Shape): Promise<{ lived: Lived; crowd: Crowd }> {
  const nodeFlags = ['--expose-gc']
  const [lived = []] = await interleaved<Lived>(
    [{ name: `${lives} lives`, measure: () => measure('brokerLives', { nodes, lives, settledAfter }, { nodeFlags }) }],
    rounds,
    'start and stop',
  )
  const [crowds = []] = await interleaved<Crowd>(
    [{ name: `${livesAtOnce} tests`, measure: () => measure('brokerCrowd', { tests: livesAtOnce }) }],
    rounds,
    'at once',
  )
  return {
    lived: medians(lived),
    crowd: { ...medians(crowds), failed: Math.max(...crowds.map(({ failed }) => failed)) },
  }
}

function result(traffic: readonly Row[], lived: Lived, crowd: Crowd, rounds: BenchOptions['rounds']): BenchResult {
  const perSecond = traffic.flatMap(({ producedPerSec, consumedPerSec }) => [
    Number(producedPerSec),
    Number(consumedPerSec),
  ])
  return {
    bench: 'broker',
    on: 'embedded broker',
    rounds,
    rows: traffic,
    more: {
      lives: [{ nodes, lives, ...lived }],
      crowd: [{ tests: livesAtOnce, ...crowd }],
    },
    checks: [
      check('start and stop of three nodes, ms', lived.medianMs, {
        atMost: startAndStopTargetMs,
        limit: startAndStopTargetMs * 10,
      }),
      check('records per second, middle of all clients and directions', median(perSecond), { atLeast: 100_000 }),
      check('150 tests with a broker each, s', crowd.seconds, {
        atMost: atOnceTargetSeconds,
        limit: atOnceTargetSeconds,
      }),
      check('of these failed', crowd.failed, { atMost: 0, limit: 0 }),
      check('growth over 1,000 lives, MB of RSS', lived.rssGrownMb, { atMost: rssTargetMb, limit: rssTargetMb * 5 }),
      check('growth over 1,000 lives, MB of heap', lived.heapGrownMb, {
        atMost: heapTargetMb,
        limit: heapTargetMb * 5,
      }),
    ],
  }
}
