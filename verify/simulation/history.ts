/** One history, a pure function of its plan, the seed in it included: a cluster, a producer, apps that run, crash, hand over
 *  and stop, and faults in between. It conducts and writes down; what must be true of it is in `laws.ts`.
 *
 *      a ── crash     b ── (clean stop in the middle)     c ── drains, clean stop     d ── must find nothing to do
 *      ◀──────────── faults ────────────▶ ◀────────────────── calm ───────────────────────────▶ */

import { BrokerCore } from '@holdfast/broker'
import { type ClusterNode, clusterNodes, Machine, SeededRandom, SimulatedNetwork, VirtualClock } from 'holdfast/testing'
import { AppUnderTest } from './app-under-test.ts'
import { BrokerWatch } from './broker-watch.ts'
import { Incidents } from './incidents.ts'
import { type Visit } from './crowd-plan.ts'
import { type DrawnRecord } from './load-plan.ts'
import { createOwnTopic, ownTopicNames } from './own-topics.ts'
import { type Plan } from './plan.ts'
import { ProducerUnderTest, type Sendable } from './producer-under-test.ts'
import { type Fate, groupName, placeNameOf, topicName, Trace, type TraceEvent } from './trace.ts'

export type History = {
  readonly plan: Plan
  readonly events: readonly TraceEvent[]
  /** How often each fault happened to somebody. */
  readonly faults: Readonly<Record<string, number>>
}

/** How long the last app is watched before it gets something to do. */
const watchMs = 3_000
const countEveryMs = 1_000
const stopLimit = '40s'
/** As long as a member may take to recover, and for the same reasons. */
const sendLimit = '60s'

/** All chance that the plan leaves open comes from its seed. */
export async function runHistory(plan: Plan): Promise<History> {
  const stage = new Stage(plan)
  const onRejection = (reason: unknown): void =>
    stage.trace.add({ kind: 'unhandledRejection', reason: storyOf(reason) })
  // Thrown by the code under test where nobody catches it: on the machine's clock it would have ended the process.
  const onException = (error: unknown): void => stage.trace.add({ kind: 'failed', machine: '', reason: storyOf(error) })
  process.on('unhandledRejection', onRejection)
  process.on('uncaughtException', onException)
  try {
    await stage.play()
  } catch (error) {
    onException(error)
  } finally {
    await stage.clock.settle()
    stage.watch.readLogs()
    process.off('unhandledRejection', onRejection)
    process.off('uncaughtException', onException)
    stage.close()
  }
  return { plan: stage.plan, events: stage.trace.events, faults: stage.faults() }
}

/** Of a record that is done in the end also nothing, written in two ways: some code takes that for no record. */
function valueOf(fate: Fate, index: number): string | null {
  if (fate !== 'fine' || index % 4 > 1) return fate
  return index % 4 === 0 ? '' : null
}

function storyOf(thrown: unknown): string {
  return thrown instanceof Error ? String(thrown.stack) : String(thrown)
}

class Stage {
  readonly plan: Plan
  readonly clock: VirtualClock
  readonly trace: Trace
  readonly #random: SeededRandom
  readonly #nodes: readonly ClusterNode[]
  readonly #core: BrokerCore
  readonly #network: SimulatedNetwork
  readonly watch: BrokerWatch
  readonly #incidents: Incidents
  /** Those that were switched on and neither crashed nor stopped. */
  #running: AppUnderTest[] = []
  readonly #farewells: Promise<unknown>[] = []
  /** Who sends records, if somebody does, until all are stored. */
  #producer: ProducerUnderTest | null = null

  constructor(plan: Plan) {
    const { seed } = plan
    this.plan = plan
    this.#random = new SeededRandom(seed)
    this.clock = new VirtualClock({ seed })
    this.trace = new Trace(() => this.clock.monotonicMs())
    this.#nodes = clusterNodes(this.plan.brokers)
    const topics = { [topicName]: this.plan.partitions }
    this.#core = new BrokerCore({ brokers: this.#nodes, clock: this.clock.view('brokers'), topics })
    if (this.plan.ownTopics !== 'create') {
      for (const name of ownTopicNames(this.plan.retries)) createOwnTopic(this.#core, name, this.plan.partitions)
    }
    this.#network = new SimulatedNetwork(this.#random.stream('network'), this.plan.network)
    this.watch = new BrokerWatch(this.#core, this.trace, this.clock)
    this.#incidents = new Incidents({
      plan: this.plan,
      random: this.#random,
      core: this.#core,
      network: this.#network,
      clock: this.clock,
      trace: this.trace,
      running: () => this.#running,
      producer: () => this.#producer,
    })
  }

  async play(): Promise<void> {
    const { plan, clock } = this
    if (plan.isSent) this.#producer = new ProducerUnderTest('p', { trace: this.trace, machine: this.#machine('p') })
    const producer = this.#producer
    for (const [index, { atMs, partition, records }] of plan.batches.entries()) {
      const isSent = index % 2 === 1
      clock.setTimer(atMs, () => {
        if (producer !== null && isSent) this.#send(producer, partition, records)
        else this.#append(partition, records)
      })
    }
    for (const incident of plan.incidents) clock.setTimer(incident.atMs, () => this.#incidents.befall(incident))
    clock.setTimer(plan.healAtMs, () => this.#heal())
    this.#keepCounting()
    for (const visit of plan.visits) this.#invite(visit)

    const first = this.#switchOn('a')
    await clock.advanceTo(plan.crashAtMs)
    this.#crash(first)
    await clock.advance(plan.restartAfterMs)
    let last = this.#switchOn('b')
    if (plan.handoverAtMs !== null) {
      await clock.advanceTo(plan.handoverAtMs)
      await this.#stop(last)
      last = this.#switchOn('c')
    }
    const guestsGoneMs = Math.max(...plan.visits.map(({ toMs }) => toMs))
    await clock.advanceTo(Math.max(plan.healAtMs, guestsGoneMs, clock.monotonicMs()))
    await clock.runUntil(Promise.all(this.#farewells), { limit: stopLimit, what: 'the stop of the guests' })
    if (producer !== null && !(await this.#finishSends(producer))) return
    if (!(await this.#drain())) return
    if (!(await this.#stop(last))) return

    last = this.#switchOn('d')
    await clock.advance(watchMs)
    for (let partition = 0; partition < plan.partitions; partition++) {
      this.#append(partition, [{ key: 'last', fate: 'fine' }])
    }
    if (await this.#drain()) await this.#stop(last)
  }

  faults(): Record<string, number> {
    const crash = this.trace.events.filter((event) => event.kind === 'crashed').length
    const counts: Record<string, number> = { ...this.#network.counts, crash }
    for (const [name, count] of this.#incidents.counts) counts[name] = (counts[name] ?? 0) + count
    return counts
  }

  close(): void {
    for (const app of this.#running) app.machine.crash()
    this.#core.close()
  }

  /** One more member, for a while. */
  #invite({ name, fromMs, toMs, leaves }: Visit): void {
    this.clock.setTimer(fromMs, () => {
      const app = this.#switchOn(name)
      this.clock.setTimer(toMs - fromMs, () => {
        if (leaves === 'byCrash') this.#crash(app)
        else this.#farewells.push(this.#stop(app))
      })
    })
  }

  #machine(name: string): Machine {
    return new Machine(name, { core: this.#core, clock: this.clock, network: this.#network, nodes: this.#nodes })
  }

  #switchOn(name: string): AppUnderTest {
    const { plan, trace } = this
    const machine = this.#machine(name)
    const random = this.#random.stream(`handler ${name}`)
    const isAway = (): boolean => this.#incidents.isAway()
    const app = new AppUnderTest(name, { plan, trace, machine, random, isAway })
    this.#running.push(app)
    app.start().catch((error: unknown) => trace.add({ kind: 'failed', machine: name, reason: String(error) }))
    return app
  }

  #crash(app: AppUnderTest): void {
    app.crash()
    this.#running = this.#running.filter((each) => each !== app)
  }

  /** Tells whether it ended in time. */
  async #stop(app: AppUnderTest): Promise<boolean> {
    try {
      await this.clock.runUntil(app.stop(), { limit: stopLimit, what: 'the stop' })
      return true
    } catch (error) {
      this.trace.add({ kind: 'failed', machine: app.name, reason: String(error) })
      return false
    } finally {
      this.#running = this.#running.filter((each) => each !== app)
    }
  }

  async #drain(): Promise<boolean> {
    const { drainBoundMs } = this.plan.terms
    try {
      await this.clock.runUntil(() => this.#isDrained(), { limit: drainBoundMs })
      this.trace.add({ kind: 'drained' })
      for (const app of this.#running) app.count()
      return true
    } catch {
      const reason = this.#running.map((app) => app.explain()).join('; ')
      this.trace.add({ kind: 'stuck', afterMs: drainBoundMs, reason })
      return false
    }
  }

  /** Also what waits in delay topics. Asked after every timer, so it looks again only if something was committed or appended. */
  #isDrained(): boolean {
    if (!this.watch.hasMoved()) return false
    const committed = new Map(this.#core.committed(groupName).map((each) => [placeNameOf(each), each.offset]))
    return this.watch.readTopics().every((topic) => {
      for (let partition = 0; partition < this.plan.partitions; partition++) {
        const end = this.#core.endOffset(topic, partition)
        if (end > 0 && (committed.get(placeNameOf({ topic, partition })) ?? 0) < end) return false
      }
      return true
    })
  }

  #append(partition: number, records: readonly DrawnRecord[]): void {
    this.#core.append(topicName, partition, this.#sendables(partition, records))
  }

  /** Some choose their partition, others leave it to the key. */
  #send(producer: ProducerUnderTest, partition: number, records: readonly DrawnRecord[]): void {
    for (const [index, record] of this.#sendables(partition, records).entries()) {
      producer.send(index % 3 === 0 ? { ...record, partition: undefined } : record)
    }
  }

  #sendables(partition: number, records: readonly DrawnRecord[]): Sendable[] {
    const timestampMs = Math.trunc(this.clock.epochMs())
    const { ballastBytes = 0 } = this.plan
    const ballast = ballastBytes === 0 ? [] : [{ key: 'x-ballast', value: '.'.repeat(ballastBytes) }]
    return records.map(({ key, fate }, index) => {
      const headers = [
        { key: 'x-index', value: String(index) },
        { key: 'x-index', value: index % 2 === 0 ? null : '' },
        ...ballast,
      ]
      return { partition, key, value: valueOf(fate, index), headers, timestampMs }
    })
  }

  /** Everything that was asked for is stored, and whoever asked for it is gone. */
  async #finishSends(producer: ProducerUnderTest): Promise<boolean> {
    try {
      await this.clock.runUntil(producer.settled(), { limit: sendLimit, what: 'the last send' })
      await this.clock.runUntil(producer.stop(), { limit: stopLimit, what: 'the stop of the producer' })
      this.#producer = null
      return true
    } catch (error) {
      this.trace.add({ kind: 'failed', machine: producer.name, reason: String(error) })
      return false
    }
  }

  #keepCounting(): void {
    this.clock.setTimer(countEveryMs, () => {
      for (const app of this.#running) app.count()
      this.#keepCounting()
    })
  }

  #heal(): void {
    this.#incidents.end()
    this.#network.heal()
    this.trace.add({ kind: 'healed' })
  }
}
