/** Does to brokers, group and machines what the plan says, until the faults end. What follows is for the laws to judge. */

import { type BrokerCore } from '@holdfast/broker'
import { type Machine, type SeededRandom, type SimulatedNetwork, type VirtualClock } from 'holdfast/testing'
import { AnswerFaults } from './answer-faults.ts'
import { type AppUnderTest } from './app-under-test.ts'
import { type ClusterIncident, type Incident, type MachineIncident } from './incident-plan.ts'
import { createOwnTopic, deleteTopic } from './own-topics.ts'
import { type Plan } from './plan.ts'
import { groupName, topicName, type Trace } from './trace.ts'

export type IncidentParts = {
  readonly plan: Plan
  readonly random: SeededRandom
  readonly core: BrokerCore
  readonly network: SimulatedNetwork
  readonly clock: VirtualClock
  readonly trace: Trace
  readonly running: () => readonly AppUnderTest[]
  /** Who sends records, if somebody does. */
  readonly producer: () => Victim | null
}

/** Any process of the toolkit. */
export type Victim = { readonly name: string; readonly machine: Machine }

type Victims = { readonly random: SeededRandom; readonly node: number; readonly partition: number }

/** Longer than any retry waits: nobody may wait for a calendar. */
const calendarJumpMsMax = 3_600_000

export class Incidents {
  /** Of what happened without the network. */
  readonly counts: Map<string, number> = new Map()
  readonly #parts: IncidentParts
  readonly #answers: AnswerFaults
  /** Nodes that are being restarted and topics that are missing, with how each comes back. */
  readonly #absent = new Map<number | string, () => void>()
  #outageUntilMs = 0
  #isOver = false

  constructor(parts: IncidentParts) {
    this.#parts = parts
    const { core, clock } = parts
    this.#answers = new AnswerFaults({ core, clock, happened: (fault, what) => this.#happened(fault, what) })
  }

  end(): void {
    this.#isOver = true
    this.#answers.end()
    const nodesFirst = [...this.#absent].toSorted(
      ([one], [other]) => Number(typeof one === 'string') - Number(typeof other === 'string'),
    )
    for (const [, comeBack] of nodesFirst) comeBack()
  }

  befall(incident: Incident): void {
    const random = this.#parts.random.stream(`incident ${incident.kind} ${incident.atMs}`)
    const { plan } = this.#parts
    const victims = {
      random,
      node: random.integer(1, plan.brokers),
      partition: random.integer(0, plan.partitions - 1),
    }
    switch (incident.kind) {
      case 'leaderMoved':
      case 'coordinatorMoved':
      case 'memberExpired':
      case 'controlBatch':
      case 'topicMissing':
      case 'nodeDown':
      case 'nodeRestarted':
        return this.#toCluster(incident, victims)
      case 'unreachable':
      case 'isolated':
      case 'partitioned':
      case 'frozen':
      case 'calendarJump':
      case 'userPause':
      case 'outage':
        return this.#toMachines(incident, victims)
      default:
        return this.#answers.begin(incident, this.#victim(random)?.name)
    }
  }

  /** Whether what handlers depend on is away. Asked by a handler that fails if it is. */
  isAway(): boolean {
    const isAway = !this.#isOver && this.#parts.clock.monotonicMs() < this.#outageUntilMs
    if (isAway) this.counts.set('outage', (this.counts.get('outage') ?? 0) + 1)
    return isAway
  }

  #toCluster(incident: ClusterIncident, { random, node, partition }: Victims): void {
    const { core, network, clock } = this.#parts
    const { kind } = incident
    switch (kind) {
      case 'leaderMoved': {
        const topic = random.pick(core.topics().map(({ name }) => name))
        if (core.leaderOf(topic, partition) === node || !core.isUp(node)) return
        core.moveLeader(topic, partition, node)
        return this.#happened(kind, `partition ${partition} of ${topic} to node ${node}`)
      }
      case 'coordinatorMoved':
        if (core.coordinatorOf(groupName) === node || !core.isUp(node)) return
        core.moveCoordinator(groupName, node, { loadingMs: incident.loadingMs })
        return this.#happened(kind, `to node ${node}, which reads for ${incident.loadingMs} ms`)
      case 'memberExpired': {
        const members = core.group(groupName)?.members ?? []
        if (members.length === 0) return
        const { memberId } = random.pick(members)
        core.expireMember(groupName, memberId)
        return this.#happened(kind, memberId)
      }
      case 'controlBatch': {
        const offset = core.appendTransactionMarker(topicName, partition)
        return this.#happened(kind, `${partition}/${offset}`)
      }
      case 'topicMissing':
        return this.#removeTopic(incident.forMs, random)
      case 'nodeDown':
        if (!core.isUp(node)) return
        network.takeDown(node)
        clock.setTimer(incident.forMs, () => {
          if (core.isUp(node)) network.bringUp(node)
        })
        return this.#tell(kind, `node ${node} for ${incident.forMs} ms`)
      case 'nodeRestarted':
        return this.#restart(node, incident.forMs)
    }
  }

  /** The others lead meanwhile what it led; then it leads it again, as its replicas are the preferred ones. */
  #restart(node: number, forMs: number): void {
    const { core, network, clock } = this.#parts
    if (!core.isUp(node)) return
    const led = core
      .topics()
      .flatMap(({ name, partitions }) => partitions.map(({ index, leaderId }) => ({ name, index, leaderId })))
      .filter(({ leaderId }) => leaderId === node)
    const isCoordinator = core.coordinatorOf(groupName) === node
    network.takeDown(node, 'nodeRestarted')
    core.stopNode(node)
    this.#tell('nodeRestarted', `node ${node} for ${forMs} ms`)
    const comeBack = (): void => {
      if (!this.#absent.delete(node)) return
      core.startNode(node)
      network.bringUp(node)
      const isThere = ({ name }: { readonly name: string }): boolean => core.topics().some((each) => each.name === name)
      for (const { name, index } of led.filter(isThere)) {
        if (core.leaderOf(name, index) !== node) core.moveLeader(name, index, node)
      }
      if (isCoordinator && core.coordinatorOf(groupName) !== node) core.moveCoordinator(groupName, node)
    }
    this.#absent.set(node, comeBack)
    clock.setTimer(forMs, comeBack)
  }

  /** One that is empty, so that nothing is lost and no offset is given twice. */
  #removeTopic(forMs: number, random: SeededRandom): void {
    const { core, clock, plan } = this.#parts
    const isEmpty = ({ name, partitions }: { name: string; partitions: readonly { index: number }[] }): boolean =>
      name !== topicName && partitions.every(({ index }) => core.endOffset(name, index) === 0)
    const empty = core.topics().filter(isEmpty)
    if (empty.length === 0 || this.#isOver) return
    const { name } = random.pick(empty)
    const forget = core.intercept('Metadata', ({ topics }, { clientId }) => {
      if (topics?.some((each) => each.name === name)) this.#happened('topicMissing', `${clientId} looks for ${name}`)
      return undefined
    })
    const comeBack = (): void => {
      if (!this.#absent.has(name)) return
      if (this.#nodes().every((node) => !core.isUp(node))) return void clock.setTimer(100, comeBack)
      this.#absent.delete(name)
      forget()
      // Somebody who may create it may have been faster.
      if (core.topics().every((each) => each.name !== name)) createOwnTopic(core, name, plan.partitions)
    }
    this.#absent.set(name, comeBack)
    this.#tell('topicMissing', `${name} for ${forMs} ms`)
    void deleteTopic(core, name)
    clock.setTimer(forMs, comeBack)
  }

  #toMachines(incident: MachineIncident, { random, node }: Victims): void {
    const { clock, plan, producer } = this.#parts
    const { kind } = incident
    const app = this.#victim(random)
    if (app === undefined || this.#isOver) return
    // Drawn apart, so that a history in which nobody sends is none the worse.
    const sender = producer()
    const victim = sender !== null && random.stream('sender').chance(0.3) ? sender : app
    switch (kind) {
      case 'unreachable':
        return this.#separate(incident, [victim], [node])
      case 'isolated':
        return this.#separate(incident, [app], this.#nodes())
      case 'partitioned': {
        const all = sender === null ? this.#parts.running() : [...this.#parts.running(), sender]
        const cut = all.filter((each) => each === victim || random.chance(0.5))
        const nodes = this.#nodes().filter((each) => each === node || random.chance(0.3))
        return this.#separate(incident, cut, nodes)
      }
      case 'frozen':
        return this.#freeze(victim, Math.min(incident.forMs, plan.healAtMs - clock.monotonicMs()))
      case 'calendarJump':
        return this.#jumpCalendar(app, random.integer(-calendarJumpMsMax, calendarJumpMsMax))
      case 'userPause':
        app.pause()
        clock.setTimer(incident.forMs, () => app.resume())
        return this.#happened(kind, `${app.name} for ${incident.forMs} ms`)
      case 'outage':
        this.#outageUntilMs = Math.max(this.#outageUntilMs, clock.monotonicMs() + incident.forMs)
        return this.#tell(kind, `for ${incident.forMs} ms`)
    }
  }

  #freeze({ name, machine }: Victim, forMs: number): void {
    if (forMs <= 0) return
    machine.freeze(forMs)
    this.#parts.trace.add({ kind: 'froze', machine: name, forMs })
    this.#happened('frozen', `${name} for ${forMs} ms`)
  }

  #jumpCalendar({ name, machine }: Victim, byMs: number): void {
    machine.jumpEpoch(byMs)
    this.#parts.trace.add({ kind: 'calendarJumped', machine: name, byMs })
    this.#happened('calendarJump', `${name} by ${byMs} ms`)
  }

  /** They know of nothing and nobody is told; connections that exist fall silent. */
  #separate(
    incident: Extract<MachineIncident, { kind: 'unreachable' | 'isolated' | 'partitioned' }>,
    victims: readonly Victim[],
    nodes: readonly number[],
  ): void {
    const { network, clock } = this.#parts
    const { kind, forMs } = incident
    const ways = kind === 'partitioned' ? incident.ways : undefined
    const pairs = victims.flatMap(({ name }) => nodes.map((node) => ({ name, node })))
    for (const { name, node } of pairs) network.separate(name, node, kind, ways)
    clock.setTimer(forMs, () => {
      for (const { name, node } of pairs) network.join(name, node)
    })
    const how = ways === undefined ? '' : `, ${ways.join(' and ')}`
    this.#tell(
      kind,
      `${victims.map(({ name }) => name).join(', ')} and nodes ${nodes.join(', ')}${how} for ${forMs} ms`,
    )
  }

  #nodes(): number[] {
    return Array.from({ length: this.#parts.plan.brokers }, (_, index) => index + 1)
  }

  #victim(random: SeededRandom): AppUnderTest | undefined {
    const running = this.#parts.running()
    return running.length === 0 ? undefined : random.pick(running)
  }

  #happened(fault: Incident['kind'], what: string): void {
    this.#tell(fault, what)
    this.counts.set(fault, (this.counts.get(fault) ?? 0) + 1)
  }

  /** Whoever meets it is counted then. */
  #tell(fault: Incident['kind'], what: string): void {
    this.#parts.trace.add({ kind: 'fault', fault, what })
  }
}
