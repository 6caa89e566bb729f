/** One run: a cluster, records that come, machines that start, crash, join, leave and stop as the plan says, until
 *  everything is committed. It conducts and writes down; what must be true of it is in `guarantees.ts` and in the
 *  user's own check. */

import { BrokerCore, type TopicSpec } from '@holdfast/broker'
import type { Holdfast, Outgoing } from '../../index.ts'
import { formatDuration } from '../../model/duration.ts'
import { type ClusterNode, clusterNodes, Machine } from '../in-process-port.ts'
import { SeededRandom } from '../seeded-random.ts'
import { networkFaults, SimulatedNetwork } from '../simulated-network.ts'
import { VirtualClock } from '../virtual-clock.ts'
import { BrokerDiary } from './broker-diary.ts'
import type { FedRecord } from './feed.ts'
import type { DeliveryHistory, Reading } from './guarantees.ts'
import { addressOf, DeliveryLog, placeName } from './log.ts'
import type { DeliveryFault, DeliveryPlan, Incident } from './plan.ts'
import type { DeliveryStage } from './stage.ts'
import { StagedApp } from './staged-app.ts'

/** What the user wrote, as far as runs need it. */
export type DeliveryScene<In, D> = {
  readonly build: (stage: DeliveryStage<D>) => Holdfast | Promise<Holdfast>
  readonly newDownstream: () => D
  readonly topic: string
  readonly feed: readonly FedRecord<In>[]
  /** All that exist from the start. */
  readonly topics: Readonly<Record<string, TopicSpec>>
  /** How long everything may take once the last record was sent or the last fault befell, besides what its messages
   *  and the waits of its policy need. */
  readonly limitMs: number
  /** What a handler returns for a record that its filter leaves out. */
  readonly filtered: symbol
  /** Never the same twice. */
  readonly nextLife: () => string
}

export type DeliveryRun<In, D> = DeliveryHistory & {
  readonly downstream: D
  /** What was sent, in its order. */
  readonly sent: readonly Outgoing<In>[]
  /** What lies in a topic at the end. */
  readonly valuesIn: (topic: string) => readonly (Buffer | null)[]
  readonly faults: { readonly [F in DeliveryFault]: number }
  /** Names of the calls of the downstream that failed or hung. */
  readonly faulted: readonly string[]
  readonly usesFaulty: boolean
}

type Due = { readonly kind: 'crash' | 'join'; readonly forMs: number } | { readonly kind: 'start' | 'leave' }

/** For each message: a call that hangs for a minute now and then, in one lane. */
const patienceMs = 5_000
/** So many times all waits of a policy: crashes make attempts forget how many they were. */
const policiesPatience = 4
/** Longer than a clean stop may take by any setting: an hour of drain, and its last commit. */
const stopLimitMs = 4_000_000
/** The network mends so long after the last record was sent. */
const roughAfterMs = 10_000

export async function runDelivery<In, D>(plan: DeliveryPlan, scene: DeliveryScene<In, D>): Promise<DeliveryRun<In, D>> {
  const stage = new Conductor(plan, scene)
  try {
    await stage.play()
    return stage.told()
  } finally {
    stage.close()
  }
}

class Conductor<In, D> {
  readonly #plan: DeliveryPlan
  readonly #scene: DeliveryScene<In, D>
  readonly #random: SeededRandom
  readonly #clock: VirtualClock
  readonly #log: DeliveryLog
  readonly #nodes: readonly ClusterNode[] = clusterNodes(1)
  readonly #core: BrokerCore
  readonly #network: SimulatedNetwork
  readonly #diary: BrokerDiary
  readonly #downstream: D
  readonly #readings = new Map<string, Reading>()
  /** Of what was sent, by where it lies. */
  readonly #sentAs = new Map<string, number>()
  /** What has happened with each message that was sent. */
  readonly #moments = new Map<number, number>()
  readonly #everybody: StagedApp<D>[] = []
  #running: StagedApp<D>[] = []
  #guest: StagedApp<D> | null = null
  #joins = 0
  readonly #leaving: Promise<void>[] = []
  readonly #due: Due[] = []
  #unsent: number
  #waitsMs = 0
  #hopeless: { readonly error: unknown } | { readonly reason: string } | null = null
  #usesFaulty = false

  constructor(plan: DeliveryPlan, scene: DeliveryScene<In, D>) {
    this.#plan = plan
    this.#scene = scene
    this.#random = new SeededRandom(plan.seed)
    this.#clock = new VirtualClock({ seed: plan.seed })
    this.#log = new DeliveryLog(() => this.#clock.monotonicMs())
    this.#core = new BrokerCore({ brokers: this.#nodes, clock: this.#clock.view('brokers'), topics: scene.topics })
    this.#network = new SimulatedNetwork(this.#random.stream('network'), plan.network)
    this.#diary = new BrokerDiary(this.#core, this.#log, this.#clock)
    this.#downstream = scene.newDownstream()
    this.#unsent = plan.sendings.length
  }

  async play(): Promise<void> {
    const { sendings } = this.#plan
    for (const { index, atMs } of sendings) this.#clock.setTimer(atMs, () => this.#send(index))
    this.#clock.setTimer((sendings.at(-1)?.atMs ?? 0) + roughAfterMs, () => this.#network.heal())
    await this.#switchOn()
    while (await this.#waitForNext()) {
      const next = this.#due.shift()
      // Incidents come one after the other.
      if (next !== undefined) await this.#befall(next)
    }
    if (this.#hopeless !== null && 'error' in this.#hopeless) throw this.#hopeless.error
    if (this.#hopeless !== null) return void this.#log.add({ kind: 'stuck', reason: this.#hopeless.reason })
    this.#log.add({ kind: 'drained' })
    const farewells = [...this.#leaving, ...this.#running.map((app) => app.stop())]
    this.#running = []
    await this.#clock.runUntil(Promise.all(farewells), { limit: stopLimitMs, what: 'the stop of every machine' })
    await this.#clock.settle()
  }

  told(): DeliveryRun<In, D> {
    const readings = [...this.#readings.values()]
    const shown = new Map([...this.#sentAs].map(([at, index]) => [at, this.#recordOf(index).shown]))
    this.#diary.readStored(readings, shown)
    return {
      events: this.#log.events,
      readings,
      downstream: this.#downstream,
      sent: this.#plan.sendings.map(({ index }) => this.#recordOf(index).given),
      valuesIn: (topic) => {
        const found = this.#core.topics().find(({ name }) => name === topic)
        if (found === undefined) throw new RangeError(`topic ${topic} does not exist`)
        return found.partitions.flatMap(({ index }) => this.#core.records(topic, index).map(({ value }) => value))
      },
      faults: this.#faults(),
      faulted: this.#everybody.flatMap((app) => app.faulted),
      usesFaulty: this.#usesFaulty,
    }
  }

  close(): void {
    for (const app of this.#everybody) app.discard()
    this.#core.close()
  }

  /** False when nothing is left to wait for. */
  async #waitForNext(): Promise<boolean> {
    const { sendings } = this.#plan
    const limitMs = this.#scene.limitMs + patienceMs * sendings.length + policiesPatience * this.#waitsMs
    let isOver = false
    const timer = this.#clock.setTimer(limitMs, () => {
      isOver = true
    })
    const isNext = (): boolean => this.#due.length > 0 || this.#hopeless !== null || isOver || this.#isDrained()
    await this.#clock.runUntil(isNext, { limit: 2 * limitMs })
    timer.cancel()
    if (isOver) this.#giveUp(limitMs)
    return this.#hopeless === null && this.#due.length > 0
  }

  #giveUp(limitMs: number): void {
    const reasons = this.#running.flatMap((app) => (app.explain() === '' ? [] : [`${app.name}: ${app.explain()}`]))
    const why = reasons.length === 0 ? '' : `; ${reasons.join('; ')}`
    this.#hopeless ??= { reason: `not everything is committed after ${formatDuration(limitMs)} of calm${why}` }
  }

  async #befall(due: Due): Promise<void> {
    switch (due.kind) {
      case 'crash': {
        const victim = this.#running.find((app) => app !== this.#guest)
        if (victim === undefined) return
        victim.crash()
        this.#running = this.#running.filter((app) => app !== victim)
        this.#later({ kind: 'start' }, due.forMs)
        return
      }
      case 'start':
        await this.#switchOn()
        return
      case 'join':
        if (this.#guest !== null) return
        this.#joins += 1
        this.#guest = await this.#switchOn()
        this.#later({ kind: 'leave' }, due.forMs)
        return
      case 'leave': {
        const guest = this.#guest
        if (guest === null) return
        this.#guest = null
        this.#running = this.#running.filter((app) => app !== guest)
        this.#leaving.push(guest.stop())
      }
    }
  }

  async #switchOn(): Promise<StagedApp<D>> {
    const { calls } = this.#plan
    const { filtered, nextLife, build } = this.#scene
    const name = nameOf(this.#everybody.length)
    const machine = new Machine(name, {
      core: this.#core,
      clock: this.#clock,
      network: this.#network,
      nodes: this.#nodes,
    })
    const app = new StagedApp({
      machine,
      name,
      life: nextLife(),
      downstream: this.#downstream,
      calls,
      random: this.#random.stream('downstream'),
      log: this.#log,
      filtered,
      onReading: (reading, waitsMs) => {
        this.#readings.set(`${reading.group} ${reading.topic}`, reading)
        this.#waitsMs = Math.max(this.#waitsMs, waitsMs)
      },
      onFaulty: () => {
        this.#usesFaulty = true
      },
      indexOf: (at) => this.#sentAs.get(addressOf(at)),
      onMoment: (source) => this.#moment(this.#sentAs.get(addressOf(source))),
      onHopeless: (why) => {
        this.#hopeless ??= why
      },
    })
    this.#everybody.push(app)
    this.#running.push(app)
    await app.build(build)
    void app.start()
    return app
  }

  /** Undefined: of what the app sent itself. */
  #moment(index: number | undefined): void {
    if (index === undefined) return
    const moment = (this.#moments.get(index) ?? 0) + 1
    this.#moments.set(index, moment)
    for (const incident of this.#plan.incidents) {
      if (incident.index === index && incident.moment === moment) this.#later(dueOf(incident), incident.waitMs)
    }
  }

  /** At the earliest in the next turn, where no code of any machine is about to run. */
  #later(due: Due, afterMs: number): void {
    this.#clock.setTimer(afterMs, () => this.#due.push(due))
  }

  #send(index: number): void {
    const { partition, key, value, headers, timestampMs } = this.#recordOf(index)
    const { topic } = this.#scene
    const time = timestampMs === null ? {} : { timestampMs }
    this.#unsent -= 1
    const offset = this.#core.endOffset(topic, partition)
    this.#sentAs.set(addressOf({ topic, partition, offset }), index)
    this.#core.append(topic, partition, [{ key, value, headers, ...time }])
  }

  #recordOf(index: number): FedRecord<In> {
    const record = this.#scene.feed[index]
    if (record === undefined) throw new RangeError(`expected one of ${this.#scene.feed.length} records, got ${index}`)
    return record
  }

  /** Also what waits in delay topics. Asked after every timer, so it looks again only if something was committed or
   *  stored. */
  #isDrained(): boolean {
    if (this.#unsent > 0 || this.#readings.size === 0 || !this.#diary.hasMoved()) return false
    const topics = new Map(this.#core.topics().map((topic) => [topic.name, topic]))
    return [...this.#readings.values()].every(({ group, topic }) => {
      const committed = new Map(this.#core.committed(group).map((each) => [placeName(each), each.offset]))
      return (topics.get(topic)?.partitions ?? []).every(({ index: partition }) => {
        const end = this.#core.endOffset(topic, partition)
        return end === 0 || (committed.get(placeName({ topic, partition })) ?? 0) >= end
      })
    })
  }

  #faults(): { readonly [F in DeliveryFault]: number } {
    const ends = this.#log.events.flatMap((event) => (event.kind === 'called' ? [event.end] : []))
    const { counts } = this.#network
    return {
      crash: this.#log.events.filter(({ kind }) => kind === 'crashed').length,
      rebalance: this.#joins,
      failingDownstream: ends.filter((end) => end === 'failedBefore' || end === 'failedAfter').length,
      hangingDownstream: ends.filter((end) => end === 'hungBefore' || end === 'hungAfter').length,
      network: networkFaults.reduce((sum, fault) => sum + counts[fault], 0),
    }
  }
}

function dueOf({ kind, forMs }: Incident): Due {
  return { kind: kind === 'crash' ? 'crash' : 'join', forMs }
}

/** a, b, … z, then with numbers. */
function nameOf(index: number): string {
  const letter = String.fromCharCode('a'.charCodeAt(0) + (index % 26))
  return index < 26 ? letter : `${letter}${Math.floor(index / 26)}`
}
