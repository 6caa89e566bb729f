/** One history, a pure function of its seed: a cluster, a producer, apps that run, crash, hand over and stop, and faults in
 *  between. It conducts and writes down; what must be true of it is in `laws.ts`.
 *
 *      a ── crash     b ── (clean stop in the middle)     c ── drains, clean stop     d ── must find nothing to do
 *      ◀──────────── faults ────────────▶ ◀────────────────── calm ───────────────────────────▶ */

import { BrokerCore } from '@holdfast/broker'
import { type ClusterNode, clusterNodes, Machine, SeededRandom, SimulatedNetwork, VirtualClock } from 'holdfast/testing'
import { AppUnderTest, groupName, topicName } from './app-under-test.ts'
import { drawPlan, type Incident, type Plan } from './plan.ts'
import { Trace, type TraceEvent } from './trace.ts'

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

export async function runHistory(seed: number): Promise<History> {
  const stage = new Stage(seed)
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
    process.off('unhandledRejection', onRejection)
    process.off('uncaughtException', onException)
    stage.close()
  }
  return { plan: stage.plan, events: stage.trace.events, faults: stage.faults() }
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
  readonly #incidents = new Map<string, number>()
  #current: AppUnderTest | undefined
  #isHealed = false

  constructor(seed: number) {
    this.#random = new SeededRandom(seed)
    this.plan = drawPlan(seed, this.#random.stream('plan'))
    this.clock = new VirtualClock({ seed })
    this.trace = new Trace(() => this.clock.monotonicMs())
    this.#nodes = clusterNodes(this.plan.brokers)
    const topics = { [topicName]: this.plan.partitions }
    this.#core = new BrokerCore({ brokers: this.#nodes, clock: this.clock.view('brokers'), topics })
    this.#network = new SimulatedNetwork(this.#random.stream('network'), this.plan.network)
    this.#core.onEvent((event) => {
      if (event.type === 'commit')
        this.trace.add({ kind: 'committed', partition: event.partition, offset: event.offset })
    })
  }

  async play(): Promise<void> {
    const { plan, clock } = this
    for (const batch of plan.batches) clock.setTimer(batch.atMs, () => this.#append(batch.partition, batch.keys))
    for (const incident of plan.incidents) clock.setTimer(incident.atMs, () => this.#befall(incident))
    clock.setTimer(plan.healAtMs, () => this.#heal())
    this.#keepCounting()

    const first = this.#switchOn('a')
    await clock.advanceTo(plan.crashAtMs)
    first.crash()
    await clock.advance(plan.restartAfterMs)
    this.#switchOn('b')
    if (plan.handoverAtMs !== null) {
      await clock.advanceTo(plan.handoverAtMs)
      await this.#stop()
      this.#switchOn('c')
    }
    await clock.advanceTo(Math.max(plan.healAtMs, clock.monotonicMs()))
    if (!(await this.#drain())) return
    if (!(await this.#stop())) return

    this.#switchOn('d')
    await clock.advance(watchMs)
    for (let partition = 0; partition < plan.partitions; partition++) this.#append(partition, ['last'])
    if (await this.#drain()) await this.#stop()
  }

  faults(): Record<string, number> {
    const crash = this.trace.events.filter((event) => event.kind === 'crashed').length
    const counts: Record<string, number> = { ...this.#network.counts, crash }
    for (const [name, count] of this.#incidents) counts[name] = (counts[name] ?? 0) + count
    return counts
  }

  close(): void {
    this.#current?.machine.crash()
    this.#core.close()
  }

  #switchOn(name: string): AppUnderTest {
    const { plan, trace, clock } = this
    const machine = new Machine(name, { core: this.#core, clock, network: this.#network, nodes: this.#nodes })
    const app = new AppUnderTest(name, { plan, trace, machine, random: this.#random.stream(`handler ${name}`) })
    this.#current = app
    app.start().catch((error: unknown) => trace.add({ kind: 'failed', machine: name, reason: String(error) }))
    return app
  }

  /** Tells whether it ended in time. */
  async #stop(): Promise<boolean> {
    try {
      await this.clock.runUntil(this.#current?.stop() ?? Promise.resolve(), { limit: stopLimit, what: 'the stop' })
      return true
    } catch (error) {
      this.trace.add({ kind: 'failed', machine: this.#current?.name ?? '', reason: String(error) })
      return false
    }
  }

  async #drain(): Promise<boolean> {
    const { drainBoundMs } = this.plan.terms
    try {
      await this.clock.runUntil(() => this.#isDrained(), { limit: drainBoundMs })
      this.trace.add({ kind: 'drained' })
      this.#current?.count()
      return true
    } catch {
      this.trace.add({ kind: 'stuck', afterMs: drainBoundMs, reason: this.#current?.explain() ?? '' })
      return false
    }
  }

  #isDrained(): boolean {
    const committed = new Map(this.#core.committed(groupName).map(({ partition, offset }) => [partition, offset]))
    for (let partition = 0; partition < this.plan.partitions; partition++) {
      const end = this.#core.endOffset(topicName, partition)
      if (end > 0 && (committed.get(partition) ?? 0) < end) return false
    }
    return true
  }

  #append(partition: number, keys: readonly (string | null)[]): void {
    const records = keys.map((key) => ({ key, value: 'x' }))
    const first = this.#core.append(topicName, partition, records)
    for (const [index, key] of keys.entries()) {
      this.trace.add({ kind: 'appended', partition, offset: first + index, key })
    }
  }

  #keepCounting(): void {
    this.clock.setTimer(countEveryMs, () => {
      this.#current?.count()
      this.#keepCounting()
    })
  }

  #heal(): void {
    this.#isHealed = true
    this.#network.heal()
    this.trace.add({ kind: 'healed' })
  }

  #befall(incident: Incident): void {
    const random = this.#random.stream(`incident ${incident.kind} ${incident.atMs}`)
    const node = random.pick(this.#nodes).nodeId
    const partition = random.integer(0, this.plan.partitions - 1)
    const happened = (what: string): void => {
      this.trace.add({ kind: 'fault', fault: incident.kind, what })
      this.#incidents.set(incident.kind, (this.#incidents.get(incident.kind) ?? 0) + 1)
    }
    switch (incident.kind) {
      case 'leaderMoved':
        if (this.#core.leaderOf(topicName, partition) === node) return
        this.#core.moveLeader(topicName, partition, node)
        return happened(`partition ${partition} to node ${node}`)
      case 'coordinatorMoved':
        if (this.#core.coordinatorOf(groupName) === node) return
        this.#core.moveCoordinator(groupName, node)
        return happened(`to node ${node}`)
      case 'memberExpired': {
        const member = this.#core.group(groupName)?.members[0]
        if (member === undefined) return
        this.#core.expireMember(groupName, member.memberId)
        return happened(member.memberId)
      }
      case 'nodeDown':
        this.#network.takeDown(node)
        this.clock.setTimer(incident.forMs, () => this.#network.bringUp(node))
        return this.trace.add({ kind: 'fault', fault: incident.kind, what: `node ${node} for ${incident.forMs} ms` })
      case 'unreachable': {
        const machine = this.#current?.name ?? ''
        this.#network.separate(machine, node)
        this.clock.setTimer(incident.forMs, () => this.#network.join(machine, node))
        const what = `${machine} and node ${node} for ${incident.forMs} ms`
        return this.trace.add({ kind: 'fault', fault: incident.kind, what })
      }
      case 'controlBatch': {
        const offset = this.#core.appendTransactionMarker(topicName, partition)
        return happened(`${partition}/${offset}`)
      }
      case 'calendarJump': {
        const byMs = random.integer(-3_600_000, 3_600_000)
        this.#current?.machine.jumpEpoch(byMs)
        return happened(`${this.#current?.name} by ${byMs} ms`)
      }
      case 'brokerError': {
        const forget = this.#core.intercept(incident.api, (request) => {
          forget()
          if (this.#isHealed) return undefined
          happened(`${incident.api} answers ${incident.code}`)
          return refusal(incident.api, incident.code, request)
        })
      }
    }
  }
}

type Named = { readonly name: string; readonly partitions?: readonly { readonly partitionIndex: number }[] }

/** The whole answer of an API that refuses with one code. */
function refusal(api: 'OffsetCommit' | 'Heartbeat' | 'OffsetFetch', errorCode: number, request: object): object {
  switch (api) {
    case 'Heartbeat':
      return { errorCode }
    case 'OffsetFetch': {
      const { groups } = request as { groups: readonly { groupId: string }[] }
      return { groups: groups.map(({ groupId }) => ({ groupId, errorCode, topics: [] })) }
    }
    case 'OffsetCommit': {
      const { topics } = request as { topics: readonly Named[] }
      const refused = ({ name, partitions = [] }: Named): object => ({
        name,
        partitions: partitions.map(({ partitionIndex }) => ({ partitionIndex, errorCode })),
      })
      return { topics: topics.map(refused) }
    }
  }
}
