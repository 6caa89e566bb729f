/** The port without sockets: calls of the toolkit go through a simulated network to the core of the embedded broker, and
 *  time is virtual on both sides. It keeps the contract of `kafka/port.ts` in every point, deadlines and aborts included,
 *  and on top of that it can vanish without a word, as a process does that is killed. */

import type { BrokerCore } from '@holdfast/broker'
import type { Clock, Environment, OpenPort } from '../index.ts'
import { pureCodec } from '../kafka/crc32c.ts'
import {
  type CallOptions,
  type Channel,
  type KafkaApi,
  type KafkaPort,
  type NodeAddress,
  PortError,
  type RequestOf,
  type ResponseOf,
} from '../kafka/port.ts'
import type { BatchCodec } from '../kafka/record-batch.ts'
import type { SimulatedNetwork } from './simulated-network.ts'
import type { ClockView } from './clock-view.ts'
import type { VirtualClock } from './virtual-clock.ts'
import { type Exchange, Wire } from './wire.ts'

export type InProcessParts = {
  readonly core: BrokerCore
  readonly clock: VirtualClock
  readonly network: SimulatedNetwork
  readonly nodes: readonly ClusterNode[]
}

export type ClusterNode = NodeAddress & { readonly nodeId: number }

/** `count` nodes with addresses that cannot exist, so that nobody mistakes them for sockets. */
export function clusterNodes(count: number): ClusterNode[] {
  return Array.from({ length: count }, (_, index) => ({
    nodeId: index + 1,
    host: `broker-${index + 1}.invalid`,
    port: 9092,
  }))
}

/** One machine that runs the toolkit: its clock, its way to Kafka, and its power switch. */
export class Machine implements Environment {
  readonly clock: Clock
  readonly bootstrap: readonly NodeAddress[]
  readonly #parts: InProcessParts
  readonly #view: ClockView
  readonly #name: string
  readonly #ports: InProcessPort[] = []

  constructor(name: string, parts: InProcessParts) {
    this.#parts = parts
    this.#name = name
    this.#view = parts.clock.view(name)
    this.clock = this.#view
    this.bootstrap = parts.nodes
  }

  openPort(options: { readonly clientId: string }): Promise<OpenPort> {
    const route = `${this.#name} port ${this.#ports.length + 1}`
    const port = new InProcessPort({
      ...this.#parts,
      clientId: options.clientId,
      machine: this.#name,
      view: this.#view,
      route,
    })
    this.#ports.push(port)
    return Promise.resolve(port)
  }

  /** Its calendar jumps; its timers do not notice. */
  jumpEpoch(byMs: number): void {
    this.#view.jumpEpoch(byMs)
  }

  /** Its event loop is held up: timers and messages wait, and come all together afterwards. */
  freeze(forMs: number): void {
    this.#view.freeze(forMs)
  }

  /** Does something on this machine that comes from outside, such as a signal: once its event loop gets to it. */
  whenAwake(act: () => void): void {
    this.#view.whenAwake(act)
  }

  /** Nothing on this machine happens any more: no timer, no answer, no goodbye. Call it between two turns, where no code of
   *  the machine is about to run. */
  crash(): void {
    this.#view.halt()
    for (const port of this.#ports) port.abandon()
  }
}

type PortParts = InProcessParts & {
  readonly clientId: string
  readonly machine: string
  readonly view: ClockView
  readonly route: string
}

export class InProcessPort implements KafkaPort {
  readonly codec: BatchCodec = pureCodec
  readonly #parts: PortParts
  readonly #wires = new Map<string, Wire>()
  #state: 'open' | 'closed' | 'abandoned' = 'open'

  constructor(parts: PortParts) {
    this.#parts = parts
  }

  call<A extends KafkaApi>(
    node: NodeAddress,
    api: A,
    request: RequestOf<A>,
    { channel, timeoutMs, signal }: CallOptions,
  ): Promise<ResponseOf<A>> {
    if (this.#state === 'abandoned') return new Promise(() => {})
    if (this.#state === 'closed')
      return Promise.reject(new PortError('closed', node, `${api} after the port was closed`))
    if (signal?.aborted === true)
      return Promise.reject(new PortError('aborted', node, `${api} was aborted before it was sent`))
    const wire = this.#wireTo(node, channel)
    if (wire === undefined) return Promise.reject(new PortError('refused', node, 'no node has this address'))
    return new Promise<ResponseOf<A>>((resolve, reject) => {
      const deadline = this.#parts.view.setTimer(timeoutMs, () => {
        const wasConnecting = wire.isConnecting
        wire.forget(exchange)
        const [kind, what] = wasConnecting ? (['refused', 'connection'] as const) : (['timeout', 'answer'] as const)
        exchange.settle(new PortError(kind, node, `no ${what} within ${timeoutMs} ms for ${api}`))
        wire.close(`closed because there was no ${what} within ${timeoutMs} ms for ${api}`)
      })
      const onAbort = (): void => {
        wire.forget(exchange)
        exchange.settle(new PortError('aborted', node, `${api} was aborted by its caller`))
      }
      const exchange: Exchange = {
        api,
        request,
        drop: () => {
          deadline.cancel()
          signal?.removeEventListener('abort', onAbort)
        },
        settle: (error, answer) => {
          exchange.drop()
          if (error === null) resolve(answer as ResponseOf<A>)
          else reject(error)
        },
      }
      signal?.addEventListener('abort', onAbort, { once: true })
      wire.send(exchange)
    })
  }

  close(): void {
    if (this.#state !== 'open') return
    this.#state = 'closed'
    for (const wire of [...this.#wires.values()]) wire.close('the port was closed')
  }

  /** As if the machine had lost its power: calls in flight never settle. */
  abandon(): void {
    this.#state = 'abandoned'
    for (const wire of this.#wires.values()) wire.abandon()
    this.#wires.clear()
  }

  /** Undefined if nobody lives at the address. */
  #wireTo({ host, port }: NodeAddress, channel: Channel): Wire | undefined {
    const { core, clock, network, nodes, clientId, machine, view, route } = this.#parts
    const node = nodes.find((each) => each.host === host && each.port === port)
    if (node === undefined) return undefined
    const key = `${channel} ${node.nodeId}`
    const known = this.#wires.get(key)
    if (known !== undefined) return known
    const onClosed = (closed: Wire): void => {
      if (this.#wires.get(key) === closed) this.#wires.delete(key)
    }
    const whenAwake = (arrive: () => void): void => view.whenAwake(arrive)
    const wire = new Wire({
      core,
      clock,
      network,
      clientId,
      client: machine,
      whenAwake,
      node,
      route: `${route} ${key}`,
      onClosed,
    })
    this.#wires.set(key, wire)
    return wire
  }
}
