/** One simulated connection from a client to a node. It keeps the promises that TCP and a broker keep: requests and answers
 *  travel in order, the broker serves one at a time, and an end is told to everybody who waits. What happens on the way
 *  is the network's decision; what a request means is the core's.
 *
 *      connecting ──▶ open ──▶ silent ──▶ closed
 *          ╰───────────┴──────────┴──────────▶ closed      (deadline, reset, refusal, close)
 *
 *  `silent`: nothing arrives in either direction any more and nobody was told. */

import type { BrokerCore, CoreConnection } from '@holdfast/broker'
import { type KafkaApi, type NodeAddress, PortError, type PortErrorKind } from '../kafka/port.ts'
import type { Clock } from '../index.ts'
import { fromBroker, toBroker } from './broker-messages.ts'
import type { Fate, NetworkFault, SimulatedNetwork } from './simulated-network.ts'

type WireParts = {
  readonly core: BrokerCore
  readonly clock: Clock
  readonly network: SimulatedNetwork
  readonly clientId: string
  /** The name by which the network knows the client's machine. */
  readonly client: string
  /** Tells the client's machine something, when it is able to listen. */
  readonly whenAwake: (arrive: () => void) => void
  readonly node: NodeAddress & { readonly nodeId: number }
  /** Names the stream of chance of this connection and of those that replace it. */
  readonly route: string
  readonly onClosed: (wire: Wire) => void
}

/** One request and whoever waits for its answer. */
export type Exchange = {
  readonly api: KafkaApi
  readonly request: object
  settle(error: PortError | null, answer?: object): void
  /** Nobody is left to be told. */
  drop(): void
}

export class Wire {
  readonly nodeId: number
  readonly client: string
  readonly #parts: WireParts
  readonly #takeUp: () => void
  readonly #waiting = new Set<Exchange>()
  #unsent: Exchange[] = []
  #phase: 'connecting' | 'open' | 'silent' | 'orphaned' | 'closed' = 'connecting'
  #connection: CoreConnection | undefined
  /** No request arrives, and no answer returns, before the one before it. */
  readonly #thither: Lane
  readonly #back: Lane

  constructor(parts: WireParts) {
    this.#parts = parts
    this.nodeId = parts.node.nodeId
    this.client = parts.client
    this.#thither = new Lane(parts.clock)
    this.#back = new Lane(parts.clock)
    this.#takeUp = parts.network.lay(this)
    const { end, afterMs } = parts.network.connect(this, parts.route)
    if (end === 'open') this.#thither.travel(afterMs, () => parts.whenAwake(() => this.#open()))
    else if (end === 'refused')
      parts.clock.setTimer(afterMs, () => this.#fail('refused', 'the node takes no connections'))
  }

  /** Until then a deadline means that no connection was made. */
  get isConnecting(): boolean {
    return this.#phase === 'connecting'
  }

  send(exchange: Exchange): void {
    this.#waiting.add(exchange)
    if (this.#phase === 'connecting') this.#unsent.push(exchange)
    else if (this.#phase === 'open') this.#transmit(exchange)
  }

  /** The caller does not wait any more: what was not sent yet never is, and a late answer is dropped. */
  forget(exchange: Exchange): void {
    this.#waiting.delete(exchange)
    this.#unsent = this.#unsent.filter((other) => other !== exchange)
  }

  /** The network ends it, and both ends learn of it. */
  cut(fault: NetworkFault): void {
    this.#parts.network.happened(fault)
    this.#fail('closed', 'the connection was reset')
  }

  /** This end closes it: whoever still waits is told before this returns. */
  close(reason: string): void {
    if (this.#end()) this.#tell('closed', reason)
  }

  /** This end ceases to exist. Nobody here is told; what is on its way to the broker still arrives there. */
  abandon(): void {
    const isOnTheWay = this.#phase === 'open'
    this.#phase = isOnTheWay ? 'orphaned' : 'closed'
    for (const exchange of this.#waiting) exchange.drop()
    this.#waiting.clear()
    this.#takeUp()
    const disconnect = (): void => this.#connection?.disconnect()
    if (isOnTheWay) this.#thither.travel(0, disconnect)
    else disconnect()
  }

  #open(): void {
    if (this.#phase !== 'connecting') return
    this.#phase = 'open'
    this.#connection = this.#parts.core.connect(this.nodeId, this.#parts.clientId)
    const unsent = this.#unsent
    this.#unsent = []
    for (const exchange of unsent) this.#transmit(exchange)
  }

  #transmit(exchange: Exchange): void {
    const fate = this.#parts.network.fate(this.#parts.route)
    this.#thither.travel(fate.requestMs, () => this.#arrive(exchange, fate))
  }

  #arrive(exchange: Exchange, fate: Fate): void {
    if (this.#phase !== 'open' && this.#phase !== 'orphaned') return
    const obstacle = this.#parts.network.obstacle(this, 'thither')
    if (obstacle !== undefined) return this.#fallSilent(obstacle)
    if (fate.accident === 'requestLost') return this.#fallSilent('requestLost')
    if (fate.accident === 'resetBeforeApplied') return this.cut('resetBeforeApplied')
    const { core } = this.#parts
    const connection = this.#connection as CoreConnection
    const request = toBroker(exchange.api, exchange.request as never)
    core.handle(this.nodeId, exchange.api, core.latestVersions[exchange.api], request as never, connection).then(
      (answer) => this.#answer(exchange, fate, answer),
      (error: unknown) => this.#refuse(exchange, error),
    )
  }

  #answer(exchange: Exchange, fate: Fate, answer: object): void {
    if (this.#phase !== 'open') return
    const obstacle = this.#parts.network.obstacle(this, 'back')
    if (obstacle !== undefined) return this.#fallSilent(obstacle)
    if (fate.accident === 'answerLost') return this.#fallSilent('answerLost')
    if (fate.accident === 'resetAfterApplied') return this.cut('resetAfterApplied')
    const hear = (): void => {
      if (this.#phase !== 'open' || !this.#waiting.delete(exchange)) return
      exchange.settle(null, fromBroker(exchange.api, answer))
    }
    this.#back.travel(fate.answerMs, () => this.#parts.whenAwake(hear))
  }

  /** The core closed the connection, or it met a request that it cannot serve, which is a bug of whoever sent it. */
  #refuse(exchange: Exchange, error: unknown): void {
    if (error instanceof Error && error.name === 'ConnectionClosed')
      return this.#fail('closed', 'the broker closed the connection')
    const message = `the broker failed on ${exchange.api}: ${error instanceof Error ? error.message : String(error)}`
    this.#parts.whenAwake(() => {
      if (!this.#waiting.delete(exchange)) return
      exchange.settle(new PortError('protocol', this.#parts.node, message, { cause: error }))
    })
  }

  #fallSilent(fault: NetworkFault): void {
    this.#parts.network.happened(fault)
    this.#phase = this.#phase === 'orphaned' ? 'closed' : 'silent'
    if (this.#phase === 'closed') this.#connection?.disconnect()
  }

  /** It ended elsewhere, and this end learns of it. */
  #fail(kind: PortErrorKind, reason: string): void {
    if (this.#end()) this.#parts.whenAwake(() => this.#tell(kind, reason))
  }

  /** False if it had ended before. */
  #end(): boolean {
    if (this.#phase === 'closed' || this.#phase === 'orphaned') return false
    this.#phase = 'closed'
    this.#takeUp()
    this.#connection?.disconnect()
    this.#parts.onClosed(this)
    return true
  }

  #tell(kind: PortErrorKind, reason: string): void {
    for (const exchange of this.#waiting) exchange.settle(new PortError(kind, this.#parts.node, reason))
    this.#waiting.clear()
  }
}

/** One direction of a connection: what leaves later never arrives earlier. */
class Lane {
  readonly #clock: Clock
  #onTheWay = 0
  #lastMs = 0

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Arrives at once if nothing takes time and nothing is ahead. */
  travel(forMs: number, arrive: () => void): void {
    const nowMs = this.#clock.monotonicMs()
    if (forMs <= 0 && this.#onTheWay === 0) return arrive()
    this.#onTheWay += 1
    this.#lastMs = Math.max(nowMs + forMs, this.#lastMs)
    this.#clock.setTimer(this.#lastMs - nowMs, () => {
      this.#onTheWay -= 1
      arrive()
    })
  }
}
