/** A whole cluster in this process: a core, and a listening socket for each of its nodes. */

import { type Socket } from 'node:net'

import { BrokerCore } from './core/broker-core.ts'
import { type BrokerClock, systemBrokerClock } from './core/clock.ts'
import { type TopicSpec } from './core/cluster.ts'
import { connectionsMax, frameBytesMax } from './core/limits.ts'
import { type ConsumerGroupSettings } from './groups/consumer-group.ts'
import { type SaslOptions } from './security/sasl-settings.ts'
import { ClientSocket } from './server/client-socket.ts'
import { type AddressOptions, authority, resolveAddress } from './server/address.ts'
import { Listener, type TlsOptions } from './server/listener.ts'

export type EmbeddedKafkaOptions = AddressOptions & {
  /** Number of nodes, 1 to 100. @default 1, or the number of `ports` */
  readonly brokers?: number | undefined
  /** One port for each node; 0 takes any free one. @default any free ones */
  readonly ports?: readonly number[] | undefined
  /** Topics that exist from the start. */
  readonly topics?: Readonly<Record<string, TopicSpec>> | undefined
  /** Time and chance of groups, waits and timestamps. @default the machine's */
  readonly clock?: BrokerClock | undefined
  /** Create topics when a client asks for them. @default false */
  readonly autoCreateTopics?: boolean | undefined
  /** Demand that clients sign in, by PLAIN, SCRAM or OAUTHBEARER. @default off */
  readonly sasl?: SaslOptions | undefined
  /** Speak TLS, and nothing else, on every node. @default plain TCP */
  readonly tls?: TlsOptions | undefined
  /** Most bytes of one request; the connection that announces more is closed. 1 to 2,147,483,647. @default 100 MiB */
  readonly frameBytesMax?: number | undefined
  /** Most connections to one node at a time; one more is closed at once, with a warning. At least 1. @default 1,000 */
  readonly connectionsMax?: number | undefined
  /** How long the first rebalance of a group waits for more members, in milliseconds. @default 0 */
  readonly rebalanceDelayMs?: number | undefined
  /** Timing and size of groups of the consumer protocol (KIP-848); each has a default of its own. */
  readonly consumerGroups?: Partial<ConsumerGroupSettings> | undefined
  /** Hears of closed connections, refused records and the like. @default silent */
  readonly warn?: ((message: string) => void) | undefined
}

const brokersMax = 100

export class EmbeddedKafka {
  /** What clients connect to: `host:port,host:port`. */
  readonly bootstrap: string
  readonly core: BrokerCore
  readonly #listeners: readonly Listener[]

  private constructor(core: BrokerCore, listeners: readonly Listener[], advertisedHost: string) {
    this.core = core
    this.#listeners = listeners
    this.bootstrap = listeners.map(({ port }) => authority(advertisedHost, port)).join(',')
  }

  /** Resolves when every node listens. Rejects if a port is taken or an option or a topic is not legal; then nothing
   *  listens. */
  static async start(options: EmbeddedKafkaOptions = {}): Promise<EmbeddedKafka> {
    const ports = portsOf(options)
    const warn = options.warn ?? (() => {})
    const { host, advertisedHost } = resolveAddress(options)
    const limits = limitsOf(options)
    let core: BrokerCore | undefined
    const opened = await Promise.allSettled(
      ports.map((port, index) =>
        Listener.open({
          port,
          host,
          tls: options.tls,
          connectionsMax: limits.connectionsMax,
          warn,
          onSocket: (socket: Socket) => {
            // Ports are known before the core is, so a very early client is turned away; it will come again.
            if (core === undefined) socket.destroy()
            else new ClientSocket(socket, { core, nodeId: index + 1, frameBytesMax: limits.frameBytesMax, warn })
          },
        }),
      ),
    )
    const listeners = opened.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []))
    try {
      const failed = opened.find((each) => each.status === 'rejected')
      if (failed !== undefined) throw failed.reason
      const { clock = systemBrokerClock, topics, autoCreateTopics, rebalanceDelayMs, consumerGroups, sasl } = options
      const brokers = listeners.map(({ port }, index) => ({ nodeId: index + 1, host: advertisedHost, port }))
      const groups = { rebalanceDelayMs, consumerGroups }
      const settings = { clock, topics, autoCreateTopics, ...groups, sasl, frameBytesMax: limits.frameBytesMax }
      core = new BrokerCore({ brokers, warn, ...settings })
    } catch (error) {
      await Promise.all(listeners.map((listener) => listener.close()))
      throw error
    }
    return new EmbeddedKafka(core, listeners, advertisedHost)
  }

  /** Cuts all connections and frees the ports. May be called twice. */
  async stop(): Promise<void> {
    this.#stopped ??= this.#stop()
    await this.#stopped
  }

  #stopped: Promise<void> | undefined

  async #stop(): Promise<void> {
    this.core.close()
    await Promise.all(this.#listeners.map((listener) => listener.close()))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
  }
}

/** The protocol has four bytes for the length of a frame. */
const frameBytesLargest = 2 ** 31 - 1

function limitsOf(options: EmbeddedKafkaOptions): { readonly frameBytesMax: number; readonly connectionsMax: number } {
  const limits = {
    frameBytesMax: options.frameBytesMax ?? frameBytesMax,
    connectionsMax: options.connectionsMax ?? connectionsMax,
  }
  for (const [name, value] of Object.entries(limits)) {
    if (!Number.isInteger(value) || value < 1 || value > frameBytesLargest) {
      throw new RangeError(`${name} must be a whole number from 1 to ${frameBytesLargest}, got ${value}`)
    }
  }
  return limits
}

function portsOf({ brokers, ports }: EmbeddedKafkaOptions): readonly number[] {
  const count = brokers ?? ports?.length ?? 1
  if (!Number.isInteger(count) || count < 1 || count > brokersMax) {
    throw new RangeError(`brokers must be 1 to ${brokersMax}, got ${count}`)
  }
  if (ports !== undefined && ports.length !== count) {
    throw new RangeError(`expected ${count} ports, one for each broker, got ${ports.length}`)
  }
  return ports ?? Array.from({ length: count }, () => 0)
}
