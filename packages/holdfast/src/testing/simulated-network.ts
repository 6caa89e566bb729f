/** What lies between clients and brokers: how long a message travels, and what may happen to it on the way.
 *
 *  It decides the fate of each message from a seed and counts what really happened; `in-process-port.ts` makes it happen.
 *  Messages of one connection stay in order, as TCP keeps them; those of different connections overtake each other freely.
 *  A message is never lost alone: TCP would send it again, so what is lost is the connection from there on. Either both
 *  ends learn of that (a reset), or nobody does and the connection is silent until a deadline ends it. */

import type { SeededRandom } from './seeded-random.ts'

/** In the order in which a message meets them. */
export const networkFaults = [
  'refused',
  'unreachable',
  'isolated',
  'partitioned',
  'requestLost',
  'resetBeforeApplied',
  'answerLost',
  'resetAfterApplied',
  'stalled',
  'nodeDown',
  'nodeRestarted',
] as const

/** `refused` no connection is made · `unreachable` nothing passes between a machine and a node, `isolated` between a machine
 *  and all nodes, `partitioned` between some machines and some nodes · `requestLost`, `answerLost` and silence ·
 *  `resetBeforeApplied`, `resetAfterApplied` · `stalled` a message takes far too long · `nodeDown` all connections of a node
 *  are cut and none is made, `nodeRestarted` also by the broker. */
export type NetworkFault = (typeof networkFaults)[number]
type Separation = 'unreachable' | 'isolated' | 'partitioned'
type Outage = 'nodeDown' | 'nodeRestarted'
/** From a client to a node, and from there back. */
export type Way = 'thither' | 'back'

/** Each probability is that of one message, `refused` that of one attempt to connect. */
export type NetworkConditions = {
  /** One way, shortest and longest. */
  readonly latencyMs: readonly [min: number, max: number]
  readonly stallMs: number
} & { readonly [F in Exclude<NetworkFault, Separation | Outage>]: number }

/** Instant and without fault. */
export const perfectNetwork: NetworkConditions = {
  latencyMs: [0, 0],
  stallMs: 0,
  refused: 0,
  requestLost: 0,
  resetBeforeApplied: 0,
  answerLost: 0,
  resetAfterApplied: 0,
  stalled: 0,
}

export type Accident = 'requestLost' | 'resetBeforeApplied' | 'answerLost' | 'resetAfterApplied'

/** What happens to one request and its answer. */
export type Fate = {
  readonly requestMs: number
  readonly answerMs: number
  readonly accident: Accident | undefined
}

/** A connection, as far as the network can touch it. */
export type Cable = { readonly client: string; readonly nodeId: number; cut(fault: NetworkFault): void }

export class SimulatedNetwork {
  readonly #random: SeededRandom
  #conditions: NetworkConditions
  readonly #streams = new Map<string, SeededRandom>()
  readonly #cables = new Set<Cable>()
  readonly #down = new Map<number, Outage>()
  readonly #separations = new Map<string, { readonly fault: Separation; readonly ways: readonly Way[] }>()
  readonly #counts = new Map<NetworkFault, number>()

  constructor(random: SeededRandom, conditions: NetworkConditions = perfectNetwork) {
    this.#random = random
    this.#conditions = conditions
  }

  get conditions(): NetworkConditions {
    return this.#conditions
  }

  /** From the next message on. */
  set conditions(conditions: NetworkConditions) {
    this.#conditions = conditions
  }

  /** How often each fault happened to somebody, not how often it was drawn. */
  get counts(): { readonly [F in NetworkFault]: number } {
    return Object.fromEntries(networkFaults.map((fault) => [fault, this.#counts.get(fault) ?? 0])) as never
  }

  /** Faults end; latency stays. Connections that have fallen silent stay silent until their deadlines. */
  heal(): void {
    this.#conditions = { ...perfectNetwork, latencyMs: this.#conditions.latencyMs }
    this.#down.clear()
    this.#separations.clear()
  }

  takeDown(nodeId: number, fault: Outage = 'nodeDown'): void {
    this.#down.set(nodeId, fault)
    for (const cable of [...this.#cables]) if (cable.nodeId === nodeId) cable.cut(fault)
  }

  bringUp(nodeId: number): void {
    this.#down.delete(nodeId)
  }

  /** Nothing passes between them any more, or in one direction only, and neither is told. */
  separate(
    client: string,
    nodeId: number,
    fault: Separation = 'unreachable',
    ways: readonly Way[] = ['thither', 'back'],
  ): void {
    this.#separations.set(`${client} ${nodeId}`, { fault, ways })
  }

  join(client: string, nodeId: number): void {
    this.#separations.delete(`${client} ${nodeId}`)
  }

  // --- for connections ---

  /** What swallows everything that goes this way. */
  obstacle({ client, nodeId }: Cable, way: Way): NetworkFault | undefined {
    if (this.#separations.size === 0) return undefined
    const separation = this.#separations.get(`${client} ${nodeId}`)
    return separation?.ways.includes(way) ? separation.fault : undefined
  }

  /** How an attempt to connect ends, and after how long. */
  connect(cable: Cable, route: string): { readonly end: 'open' | 'refused' | 'silent'; readonly afterMs: number } {
    const random = this.#streamOf(route)
    const afterMs = this.#latency(random)
    const isRefused = random.chance(this.#conditions.refused)
    const obstacle = this.obstacle(cable, 'thither') ?? this.obstacle(cable, 'back')
    if (obstacle !== undefined) {
      this.happened(obstacle)
      return { end: 'silent', afterMs: 0 }
    }
    const outage = this.#down.get(cable.nodeId)
    if (outage !== undefined) {
      this.happened(outage)
      return { end: 'refused', afterMs }
    }
    if (isRefused) {
      this.happened('refused')
      return { end: 'refused', afterMs }
    }
    return { end: 'open', afterMs }
  }

  /** A cable can be cut from when it is laid until it is taken up. */
  lay(cable: Cable): () => void {
    this.#cables.add(cable)
    return () => this.#cables.delete(cable)
  }

  /** Draws for one request of a route; always the same number of draws, so that conditions do not shift later ones. */
  fate(route: string): Fate {
    const random = this.#streamOf(route)
    const requestMs = this.#latency(random)
    const answerMs = this.#latency(random)
    return { requestMs, answerMs, accident: this.#accident(random.fraction()) }
  }

  happened(fault: NetworkFault): void {
    this.#counts.set(fault, (this.#counts.get(fault) ?? 0) + 1)
  }

  #accident(draw: number): Accident | undefined {
    let rest = draw
    for (const accident of ['requestLost', 'resetBeforeApplied', 'answerLost', 'resetAfterApplied'] as const) {
      rest -= this.#conditions[accident]
      if (rest < 0) return accident
    }
    return undefined
  }

  #latency(random: SeededRandom): number {
    const { latencyMs, stalled, stallMs } = this.#conditions
    const [min, max] = latencyMs
    const usualMs = min + (max - min) * random.fraction()
    if (!random.chance(stalled)) return usualMs
    this.happened('stalled')
    return usualMs + stallMs
  }

  #streamOf(route: string): SeededRandom {
    let stream = this.#streams.get(route)
    if (stream === undefined) {
      stream = this.#random.stream(route)
      this.#streams.set(route, stream)
    }
    return stream
  }
}
