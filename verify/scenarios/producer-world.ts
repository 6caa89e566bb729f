/** A producer over TCP for the scenarios, and a way to lose answers in front of a broker that cannot be told to. */

import { randomUUID } from 'node:crypto'
import { type KafkaApi, type KafkaPort, type NodeAddress, PortError } from '../../packages/holdfast/src/kafka/port.ts'
import { createSocketPort } from '../../packages/holdfast/src/kafka/socket-port.ts'
import { type HoldfastEventName } from '../../packages/holdfast/src/observe/events.ts'
import { systemClock } from '../../packages/holdfast/src/runtime/clock.ts'
import { Cluster } from '../../packages/holdfast/src/runtime/cluster.ts'
import { type OpenPort } from '../../packages/holdfast/src/runtime/environment.ts'
import { type OutgoingRecord, Producer } from '../../packages/holdfast/src/runtime/producer.ts'

export const producerSettings = {
  lingerMs: 2,
  batchBytesMax: 64 * 1_024,
  heldBytesMax: 8 * 1_024 * 1_024,
  requestTimeoutMs: 5_000,
  deliveryTimeoutMs: 30_000,
}

export type ProducerWorld = {
  readonly producer: Producer
  readonly cluster: Cluster
  readonly port: OpenPort
  readonly events: readonly HoldfastEventName[]
} & Disposable

export type ProducerWorldOptions = {
  readonly bootstrap: string
  readonly settings?: Partial<typeof producerSettings>
  /** Stands between the producer and the sockets. */
  readonly wrap?: (port: OpenPort) => OpenPort
}

export async function startProducer(options: ProducerWorldOptions): Promise<ProducerWorld> {
  const sockets = await createSocketPort({ clientId: `scenario-${randomUUID()}` })
  const port = options.wrap?.(sockets) ?? sockets
  const events: HoldfastEventName[] = []
  const emit = (name: HoldfastEventName): void => void events.push(name)
  const bootstrap = nodesOf(options.bootstrap)
  const cluster = new Cluster({ port, clock: systemClock, bootstrap, requestTimeoutMs: 5_000, emit })
  await cluster.connect({ timeoutMs: 10_000 })
  const settings = { ...producerSettings, ...options.settings }
  const producer = new Producer({ port, cluster, clock: systemClock, settings, emit })
  const close = (): void => {
    producer.close()
    cluster.close()
    sockets.close()
  }
  return { producer, cluster, port, events, [Symbol.dispose]: close }
}

/** The first `times` answers of an API arrive and are thrown away, as if the connection had died a moment earlier. */
export function losingAnswers(port: OpenPort, api: KafkaApi, times: number): OpenPort {
  let left = times
  const call: KafkaPort['call'] = async (node, called, request, options) => {
    const answer = await port.call(node, called, request, options)
    if (called !== api || left-- <= 0) return answer
    throw new PortError('closed', node, 'the connection ended')
  }
  return { call, close: () => port.close(), codec: port.codec }
}

export async function createTopic(
  world: ProducerWorld,
  options: { readonly partitions: number; readonly configs?: Readonly<Record<string, string>> },
): Promise<string> {
  const name = `scenario-${randomUUID()}`
  const configs = Object.entries(options.configs ?? {}).map(([key, value]) => ({ name: key, value }))
  const topics = [{ name, numPartitions: options.partitions, replicationFactor: 1, configs }]
  const [node] = world.cluster.nodes
  if (node === undefined) throw new Error('the cluster has no node')
  const request = { topics, timeoutMs: 10_000, validateOnly: false }
  const answer = await world.port.call(node, 'CreateTopics', request, { channel: 'main', timeoutMs: 15_000 })
  const errorCode = answer.topics[0]?.errorCode
  if (errorCode !== 0) throw new Error(`creating ${name} ended with error ${errorCode}`)
  return name
}

export function record(topic: string, value: string, rest: Partial<OutgoingRecord> = {}): OutgoingRecord {
  return { topic, partition: 0, key: null, value: Buffer.from(value), headers: [], ...rest }
}

function nodesOf(bootstrap: string): NodeAddress[] {
  return bootstrap.split(',').map((address) => {
    const { hostname, port } = new URL(`kafka://${address}`)
    return { host: hostname, port: Number(port) }
  })
}
