/** What can be measured in a process of its own, by name. Each loads its code when it is asked for, so that a subject has
 *  nothing of the others in its memory. */
import type * as engineCost from './engine-cost.ts'
import type * as holdfast from './consume-holdfast.ts'
import type * as kafkajs from './consume-kafkajs.ts'
import type * as raw from './consume-raw.ts'
import type * as working from './consume-working.ts'
import type * as skew from './skewed-work.ts'
import type * as slow from './slow-work.ts'
import type * as commits from './commit-counts.ts'
import type * as inflight from './many-in-flight.ts'
import type * as sending from './sending.ts'
import type * as brokerLives from './broker-lives.ts'
import type * as brokerTraffic from './broker-traffic.ts'

type Measure<F extends (given: never) => Promise<object>> = F

export type Measurements = {
  readonly raw: Measure<typeof raw.measureRaw>
  readonly eachMessage: Measure<typeof kafkajs.measureEachMessage>
  readonly eachBatch: Measure<typeof kafkajs.measureEachBatch>
  readonly holdfast: Measure<typeof holdfast.measureHoldfast>
  readonly engine: Measure<typeof engineCost.measureEngine>
  readonly working: Measure<typeof working.measureWorking>
  readonly skew: Measure<typeof skew.measureSkew>
  readonly slow: Measure<typeof slow.measureSlow>
  readonly commits: Measure<typeof commits.measureCommits>
  readonly inflight: Measure<typeof inflight.measureInFlight>
  readonly sending: Measure<typeof sending.measureSending>
  readonly brokerLives: Measure<typeof brokerLives.measureLives>
  readonly brokerCrowd: Measure<typeof brokerLives.measureCrowd>
  readonly brokerTraffic: Measure<typeof brokerTraffic.measureTraffic>
}

export type MeasurementName = keyof Measurements
export type GivenTo<N extends MeasurementName> = Parameters<Measurements[N]>[0]
export type FoundBy<N extends MeasurementName> = Awaited<ReturnType<Measurements[N]>>

const load: { readonly [N in MeasurementName]: () => Promise<Measurements[N]> } = {
  raw: async () => (await import('./consume-raw.ts')).measureRaw,
  eachMessage: async () => (await import('./consume-kafkajs.ts')).measureEachMessage,
  eachBatch: async () => (await import('./consume-kafkajs.ts')).measureEachBatch,
  holdfast: async () => (await import('./consume-holdfast.ts')).measureHoldfast,
  engine: async () => (await import('./engine-cost.ts')).measureEngine,
  working: async () => (await import('./consume-working.ts')).measureWorking,
  skew: async () => (await import('./skewed-work.ts')).measureSkew,
  slow: async () => (await import('./slow-work.ts')).measureSlow,
  commits: async () => (await import('./commit-counts.ts')).measureCommits,
  inflight: async () => (await import('./many-in-flight.ts')).measureInFlight,
  sending: async () => (await import('./sending.ts')).measureSending,
  brokerLives: async () => (await import('./broker-lives.ts')).measureLives,
  brokerCrowd: async () => (await import('./broker-lives.ts')).measureCrowd,
  brokerTraffic: async () => (await import('./broker-traffic.ts')).measureTraffic,
}

/** Measures, prints one JSON object as the last line, and ends the process: whatever is still connected is of no interest,
 *  and some clients take seconds to close. */
export async function measureAndEnd(name: string, given: string): Promise<never> {
  if (!Object.hasOwn(load, name)) throw new Error(`expected one of ${Object.keys(load).join(', ')}, got '${name}'`)
  const run = (await load[name as MeasurementName]()) as (given: unknown) => Promise<object>
  const found = await run(JSON.parse(given))
  await new Promise<void>((resolve) => {
    process.stdout.write(`${JSON.stringify(found)}\n`, () => resolve())
  })
  process.exit(0)
}
