/** Makes the clusters that rows run on. On the embedded broker each row has a cluster of its own, because one takes a few
 *  milliseconds; on Kafka all rows share one, which is why they use names of their own and may not stop its nodes. */

import { randomUUID } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { EmbeddedKafka } from '../../packages/broker/src/index.ts'
import { type Ground, type Wire } from './row.ts'
import { frameOf, type NodeAddress, openWire } from './wire.ts'

const askAgainAfterMs = 20
const asksMax = 1_000
/** What a coordinator answers until it has loaded: loading, not available, not the coordinator. */
const notReadyCodes = [14, 15, 16]
const latest = -1
const describeTransactionsKey = 65

/** `release` closes what the row opened, and the cluster if it was the row's own. */
export type OwnedGround = { readonly ground: Ground; release(): Promise<void> }

/** A fresh embedded cluster, configured as `scripts/kafka/broker-config.ts` configures Kafka. */
export async function embeddedGround(nodes: 1 | 3): Promise<OwnedGround> {
  const kafka = await EmbeddedKafka.start({ brokers: nodes, autoCreateTopics: true })
  const owned = await clusterGround('embedded', kafka.bootstrap, kafka)
  return {
    ground: owned.ground,
    release: async () => {
      await owned.release()
      await kafka.stop()
    },
  }
}

/** A cluster of Kafka that runs already. */
export function kafkaGround(bootstrap: string): Promise<OwnedGround> {
  return clusterGround('kafka', bootstrap)
}

async function clusterGround(kind: Ground['kind'], bootstrap: string, kafka?: EmbeddedKafka): Promise<OwnedGround> {
  const wires: Wire[] = []
  const open = async (address: NodeAddress): Promise<Wire> => {
    const wire = await openWire(address)
    wires.push(wire)
    return wire
  }
  const [host = '', port = ''] = (bootstrap.split(',')[0] ?? '').split(':')
  const asking = await open({ nodeId: -1, host, port: Number(port) })
  const nodes: readonly NodeAddress[] = (await asking.call('Metadata', 12, { topics: [] })).brokers
  const node = (nodeId = nodes[0]?.nodeId): Promise<Wire> => {
    const address = nodes.find((each) => each.nodeId === nodeId)
    if (address === undefined) throw new RangeError(`the cluster has no node ${nodeId}`)
    return open(address)
  }
  const leader = async (topic: string, partition = 0): Promise<Wire> => {
    const { topics } = await asking.call('Metadata', 12, { topics: [{ name: topic }], allowAutoTopicCreation: false })
    const found = topics[0]?.partitions.find(({ partitionIndex }) => partitionIndex === partition)
    if (found === undefined) throw new RangeError(`partition ${topic}-${partition} does not exist`)
    return node(found.leaderId)
  }
  const ground: Ground = {
    kind,
    bootstrap,
    ...(kafka === undefined ? {} : { kafka }),
    name: (prefix) => `${prefix}-${randomUUID().slice(0, 13)}`,
    topic: async (partitions = 1, configs = {}) => {
      const name = ground.name('topic')
      await createTopic(asking, name, partitions, configs)
      await untilServed(await Promise.all(nodes.map(({ nodeId }) => node(nodeId))), name, partitions)
      return name
    },
    node: async (nodeId) => node(nodeId),
    leader,
    coordinator: async (key, type = 'group') => node(await coordinatorOf(asking, node, key, type, kind)),
    until,
  }
  return {
    ground,
    release: async () => {
      for (const wire of wires) wire.close()
      await Promise.all(wires.map(({ closed }) => closed))
    },
  }
}

async function until(look: () => Promise<boolean>, what: string): Promise<void> {
  for (let asked = 0; asked < asksMax; asked++) {
    if (await look()) return
    await delay(askAgainAfterMs)
  }
  throw new Error(`not so after ${asksMax} looks: ${what}`)
}

async function createTopic(
  wire: Wire,
  name: string,
  numPartitions: number,
  configs: Readonly<Record<string, string>>,
): Promise<void> {
  const entries = Object.entries(configs).map(([key, value]) => ({ name: key, value }))
  const topic = { name, numPartitions, replicationFactor: 1, assignments: [], configs: entries }
  const { topics } = await wire.call('CreateTopics', 5, { topics: [topic], timeoutMs: 30_000 })
  const { errorCode, errorMessage } = topics[0] ?? {}
  if (errorCode !== 0) throw new Error(`topic ${name} was not created: ${errorCode} ${errorMessage}`)
}

/** Kafka's nodes learn of a topic one after the other, and a leader may still refuse what Metadata says it serves. */
async function untilServed(wires: readonly Wire[], name: string, partitions: number): Promise<void> {
  const indexes = Array.from({ length: partitions }, (_, index) => index)
  for (const wire of wires) {
    await until(async () => {
      const { topics } = await wire.call('Metadata', 12, { topics: [{ name }], allowAutoTopicCreation: false })
      const known = topics[0]?.partitions.filter(({ errorCode }) => errorCode === 0) ?? []
      if (known.length !== partitions) return false
      const own = indexes.filter((index) =>
        known.some(({ partitionIndex, leaderId }) => partitionIndex === index && leaderId === wire.nodeId),
      )
      if (own.length === 0) return true
      const asked = own.map((partitionIndex) => ({ partitionIndex, timestamp: latest }))
      const offsets = await wire.call('ListOffsets', 5, { topics: [{ name, partitions: asked }] })
      return offsets.topics[0]?.partitions.every(({ errorCode }) => errorCode === 0) ?? false
    }, `node ${wire.nodeId} serves topic ${name}`)
    wire.close()
  }
}

async function coordinatorOf(
  asking: Wire,
  node: (nodeId: number) => Promise<Wire>,
  key: string,
  type: 'group' | 'transaction',
  kind: Ground['kind'],
): Promise<number> {
  const keyType = type === 'group' ? 0 : 1
  let nodeId = -1
  await until(async () => {
    const found = await asking.call('FindCoordinator', 3, { key, keyType })
    if (found.errorCode !== 0) return false
    nodeId = found.nodeId
    const wire = await node(nodeId)
    const code = type === 'group' ? await groupCode(wire, key) : kind === 'kafka' ? await transactionCode(wire, key) : 0
    wire.close()
    return !notReadyCodes.includes(code)
  }, `the coordinator of ${type} ${key} has loaded`)
  return nodeId
}

async function groupCode(wire: Wire, groupId: string): Promise<number> {
  return (await wire.call('OffsetFetch', 7, { groupId, topics: [] })).errorCode
}

/** Asked by DescribeTransactions, which changes nothing; Kafka serves it and the embedded broker has nothing to load. */
async function transactionCode(wire: Wire, transactionalId: string): Promise<number> {
  const id = Buffer.from(transactionalId)
  const body = Buffer.concat([Buffer.of(2, id.length + 1), id, Buffer.of(0)])
  const answer = await wire.raw(frameOf(describeTransactionsKey, 0, body, true))
  // Tagged header, throttle time, the length of the list of one, its code.
  return answer.readInt16BE(6)
}
