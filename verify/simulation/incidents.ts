/** Does to brokers, group and machines what the plan says, until the faults end. What follows is for the laws to judge. */

import { type BrokerCore } from '@holdfast/broker'
import { type SeededRandom, type SimulatedNetwork, type VirtualClock } from 'holdfast/testing'
import { type AppUnderTest } from './app-under-test.ts'
import { type Incident } from './incident-plan.ts'
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
}

/** Longer than any retry waits: nobody may wait for a calendar. */
const calendarJumpMsMax = 3_600_000

export class Incidents {
  /** Of what happened without the network. */
  readonly counts: Map<string, number> = new Map()
  readonly #parts: IncidentParts
  #isOver = false

  constructor(parts: IncidentParts) {
    this.#parts = parts
  }

  end(): void {
    this.#isOver = true
  }

  befall(incident: Incident): void {
    const { core, network, clock, trace, plan } = this.#parts
    const random = this.#parts.random.stream(`incident ${incident.kind} ${incident.atMs}`)
    const node = random.integer(1, plan.brokers)
    const partition = random.integer(0, plan.partitions - 1)
    switch (incident.kind) {
      case 'leaderMoved': {
        const topic = random.pick(core.topics().map(({ name }) => name))
        if (core.leaderOf(topic, partition) === node) return
        core.moveLeader(topic, partition, node)
        return this.#happened(incident, `partition ${partition} of ${topic} to node ${node}`)
      }
      case 'coordinatorMoved':
        if (core.coordinatorOf(groupName) === node) return
        core.moveCoordinator(groupName, node)
        return this.#happened(incident, `to node ${node}`)
      case 'memberExpired': {
        const members = core.group(groupName)?.members ?? []
        if (members.length === 0) return
        const { memberId, clientId } = random.pick(members)
        core.expireMember(groupName, memberId)
        return this.#happened(incident, `${clientId} as ${memberId}`)
      }
      case 'nodeDown':
        network.takeDown(node)
        clock.setTimer(incident.forMs, () => network.bringUp(node))
        return trace.add({ kind: 'fault', fault: incident.kind, what: `node ${node} for ${incident.forMs} ms` })
      case 'unreachable':
        return this.#separate(incident, random, [node])
      case 'isolated':
        return this.#separate(
          incident,
          random,
          Array.from({ length: plan.brokers }, (_, index) => index + 1),
        )
      case 'controlBatch': {
        const offset = core.appendTransactionMarker(topicName, partition)
        return this.#happened(incident, `${partition}/${offset}`)
      }
      case 'calendarJump': {
        const app = this.#victim(random)
        if (app === undefined) return
        const byMs = random.integer(-calendarJumpMsMax, calendarJumpMsMax)
        app.machine.jumpEpoch(byMs)
        trace.add({ kind: 'calendarJumped', machine: app.name, byMs })
        return this.#happened(incident, `${app.name} by ${byMs} ms`)
      }
      case 'brokerError':
      case 'produceRefused':
      case 'produceAmbiguous':
      case 'commitRefused':
        return this.#disturb(incident)
      case 'userPause': {
        const app = this.#victim(random)
        if (app === undefined) return
        app.pause()
        clock.setTimer(incident.forMs, () => app.resume())
        return this.#happened(incident, `${app.name} for ${incident.forMs} ms`)
      }
    }
  }

  /** Takes the place of answers of the brokers. */
  #disturb(
    incident: Extract<Incident, { kind: 'brokerError' | 'produceRefused' | 'produceAmbiguous' | 'commitRefused' }>,
  ): void {
    const { core, clock } = this.#parts
    switch (incident.kind) {
      case 'brokerError': {
        const forget = core.intercept(incident.api, (request) => {
          forget()
          if (this.#isOver) return undefined
          this.#happened(incident, `${incident.api} answers ${incident.code}`)
          return refusal(incident.api, incident.code, request)
        })
        return
      }
      case 'produceRefused': {
        const forget = core.intercept('Produce', (request) => {
          if (this.#isOver) return undefined
          this.#happened(incident, `Produce answers ${incident.code}`)
          return produceRefusal(incident.code, request)
        })
        clock.setTimer(incident.forMs, forget)
        return
      }
      case 'commitRefused': {
        const forget = core.intercept('OffsetCommit', (request) => {
          if (this.#isOver) return undefined
          this.#happened(incident, `OffsetCommit answers ${incident.code}`)
          return refusal('OffsetCommit', incident.code, request)
        })
        clock.setTimer(incident.forMs, forget)
        return
      }
      case 'produceAmbiguous': {
        const forget = core.intercept('Produce', () => {
          forget()
          if (this.#isOver) return undefined
          this.#happened(incident, 'Produce is applied and never answered')
          return 'applyThenDrop'
        })
      }
    }
  }

  /** It knows of nothing and nobody is told; connections that exist fall silent. */
  #separate(incident: Incident & { forMs: number }, random: SeededRandom, nodes: readonly number[]): void {
    const { network, clock, trace } = this.#parts
    const app = this.#victim(random)
    if (app === undefined || this.#isOver) return
    for (const node of nodes) network.separate(app.name, node)
    clock.setTimer(incident.forMs, () => {
      for (const node of nodes) network.join(app.name, node)
    })
    const what = `${app.name} and nodes ${nodes.join(', ')} for ${incident.forMs} ms`
    trace.add({ kind: 'fault', fault: incident.kind, what })
  }

  #victim(random: SeededRandom): AppUnderTest | undefined {
    const running = this.#parts.running()
    return running.length === 0 ? undefined : random.pick(running)
  }

  #happened({ kind }: Incident, what: string): void {
    this.#parts.trace.add({ kind: 'fault', fault: kind, what })
    this.counts.set(kind, (this.counts.get(kind) ?? 0) + 1)
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

type Produced = { readonly name: string; readonly partitions: readonly { readonly index: number }[] }

function produceRefusal(errorCode: number, request: object): object {
  const nothing = {
    errorCode,
    baseOffset: -1,
    logAppendTimeMs: -1,
    logStartOffset: -1,
    recordErrors: [],
    errorMessage: null,
  }
  const { topics } = request as { topics: readonly Produced[] }
  return {
    responses: topics.map(({ name, partitions }) => ({
      name,
      partitions: partitions.map(({ index }) => ({ index, ...nothing })),
    })),
  }
}
