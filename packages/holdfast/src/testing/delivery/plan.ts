/** What one run will be like: everything that is drawn before it begins, as plain values. The same seed gives the
 *  same plan. Which of the calls of the downstream fail is drawn when they are made, and can be taken back here one
 *  by one. */

import { type NetworkConditions, perfectNetwork } from '../simulated-network.ts'
import { SeededRandom } from '../seeded-random.ts'
import { withoutSome } from './shrink.ts'

/** `crash` a machine vanishes without a word and another takes its place · `rebalance` a second machine joins the
 *  group for a while · `failingDownstream` a call made through `faulty` rejects, before or after it took effect ·
 *  `hangingDownstream` it does not settle for a minute, or until its attempt is aborted · `network` connections to
 *  the brokers break and stall. */
export const deliveryFaults = ['crash', 'rebalance', 'failingDownstream', 'hangingDownstream', 'network'] as const

export type DeliveryFault = (typeof deliveryFaults)[number]

/** Something that befalls a machine. */
export type Incident = {
  readonly kind: 'crash' | 'rebalance'
  /** It befalls when so many things have happened with this message, the begin and end of its handler and each call
   *  of the downstream being one: something is going on then. */
  readonly index: number
  readonly moment: number
  /** It comes so long after that moment. */
  readonly waitMs: number
  /** How long nobody takes the place of the machine, or the second machine stays. */
  readonly forMs: number
}

/** How the downstream behaves, for calls made through `faulty`. */
export type CallPlan = {
  readonly latencyMaxMs: number
  /** Probabilities of one call. */
  readonly fails: number
  readonly hangs: number
  /** Names of calls that are left alone. */
  readonly spared: ReadonlySet<string>
}

export type Sending = { readonly index: number; readonly atMs: number }

export type DeliveryPlan = {
  readonly seed: number
  /** In the order in which they are sent. */
  readonly sendings: readonly Sending[]
  readonly incidents: readonly Incident[]
  readonly calls: CallPlan
  readonly network: NetworkConditions
}

export type PlanTerms = { readonly records: number; readonly faults: readonly DeliveryFault[] }

export function drawPlan(seed: number, { records, faults }: PlanTerms): DeliveryPlan {
  const random = new SeededRandom(seed).stream('delivery plan')
  const incidents = drawIncidents(random.stream('incidents'), { records, faults })
  const isVisited = incidents.some(({ kind }) => kind === 'rebalance')
  return {
    seed,
    sendings: drawSendings(random.stream('sendings'), records, isVisited),
    incidents,
    calls: drawCalls(random.stream('calls'), faults),
    network: drawNetwork(random.stream('network'), faults),
  }
}

/** Who joins does so while records still come, or nothing is left to be handed over. */
function drawSendings(random: SeededRandom, records: number, isVisited: boolean): Sending[] {
  const spanMs = random.pick(isVisited ? [20_000, 60_000] : [0, 500, 5_000, 20_000])
  const times = Array.from({ length: records }, () => random.integer(0, spanMs)).toSorted((one, other) => one - other)
  return times.map((atMs, index) => ({ index, atMs }))
}

function drawIncidents(random: SeededRandom, { records, faults }: PlanTerms): Incident[] {
  const crashes = random.pick([0, 1, 1, 2])
  const visits = random.pick([0, 1, 1])
  const draw = (kind: Incident['kind'], forMs: readonly number[]): Incident => ({
    kind,
    index: random.integer(0, records - 1),
    moment: random.integer(1, 3),
    waitMs: random.pick([0, 0, 15, 1_200]),
    forMs: random.pick(forMs),
  })
  const drawn = [
    ...Array.from({ length: crashes }, () => draw('crash', [0, 1_000, 10_000])),
    ...Array.from({ length: visits }, () => draw('rebalance', [5_000, 20_000, 60_000])),
  ]
  return drawn.filter(({ kind }) => faults.includes(kind))
}

function drawCalls(random: SeededRandom, faults: readonly DeliveryFault[]): CallPlan {
  const latencyMaxMs = random.pick([0, 20, 200])
  const fails = random.pick([0, 0.05, 0.3])
  const hangs = random.pick([0, 0, 0.05])
  return {
    latencyMaxMs,
    fails: faults.includes('failingDownstream') ? fails : 0,
    hangs: faults.includes('hangingDownstream') ? hangs : 0,
    spared: new Set(),
  }
}

function drawNetwork(random: SeededRandom, faults: readonly DeliveryFault[]): NetworkConditions {
  const isRough = random.chance(0.5)
  const latencyMs = random.pick([[0, 2] as const, [1, 30] as const])
  if (!isRough || !faults.includes('network')) return { ...perfectNetwork, latencyMs }
  const rare = (): number => random.pick([0, 0.005, 0.02])
  return {
    latencyMs,
    stallMs: 4_000,
    stalled: rare(),
    refused: random.pick([0, 0.1]),
    requestLost: rare(),
    resetBeforeApplied: rare(),
    answerLost: rare(),
    resetAfterApplied: rare(),
  }
}

/** Ways to a plan in which less happens. `faulted` names the calls that failed or hung in the run of the plan. */
export const simplerPlans: readonly ((plan: DeliveryPlan, faulted: readonly string[]) => Iterable<DeliveryPlan>)[] = [
  withoutKinds,
  withoutMessages,
  withoutFaults,
  inLessTime,
  withSimplerIncidents,
]

function* withoutKinds(plan: DeliveryPlan): Generator<DeliveryPlan> {
  const { incidents, calls, network } = plan
  if (network !== perfectNetwork) yield { ...plan, network: perfectNetwork }
  if (calls.hangs > 0) yield { ...plan, calls: { ...calls, hangs: 0 } }
  if (calls.fails > 0) yield { ...plan, calls: { ...calls, fails: 0 } }
  for (const incident of incidents) yield { ...plan, incidents: incidents.filter((each) => each !== incident) }
}

function* withoutMessages(plan: DeliveryPlan): Generator<DeliveryPlan> {
  for (const sendings of withoutSome(plan.sendings)) yield { ...plan, sendings }
}

function* withoutFaults(plan: DeliveryPlan, faulted: readonly string[]): Generator<DeliveryPlan> {
  const { calls } = plan
  const sparing = (names: readonly string[]): DeliveryPlan => ({
    ...plan,
    calls: { ...calls, spared: new Set([...calls.spared, ...names]) },
  })
  for (const left of withoutSome(faulted)) yield sparing(faulted.filter((name) => !left.includes(name)))
}

function* inLessTime(plan: DeliveryPlan): Generator<DeliveryPlan> {
  const { sendings, calls } = plan
  const at = (timeOf: (atMs: number) => number): DeliveryPlan => ({
    ...plan,
    sendings: sendings.map(({ index, atMs }) => ({ index, atMs: timeOf(atMs) })),
  })
  const firstMs = sendings[0]?.atMs ?? 0
  const spanMs = (sendings.at(-1)?.atMs ?? 0) - firstMs
  if (firstMs + spanMs > 0) yield at(() => 0)
  if (firstMs > 0) yield at((atMs) => atMs - firstMs)
  if (spanMs > leastSpanMs) yield at((atMs) => Math.round(atMs / 2))
  if (calls.latencyMaxMs > 0) yield { ...plan, calls: { ...calls, latencyMaxMs: 0 } }
}

/** Shorter is no simpler. */
const leastSpanMs = 1_000

function* withSimplerIncidents(plan: DeliveryPlan): Generator<DeliveryPlan> {
  for (const [place, incident] of plan.incidents.entries()) {
    for (const simpler of simplerIncidents(incident)) {
      yield { ...plan, incidents: plan.incidents.with(place, simpler) }
    }
  }
}

function* simplerIncidents(incident: Incident): Generator<Incident> {
  const { waitMs, forMs, kind } = incident
  if (waitMs > 0) yield { ...incident, waitMs: 0 }
  if (forMs > 0 && kind === 'crash') yield { ...incident, forMs: 0 }
}
