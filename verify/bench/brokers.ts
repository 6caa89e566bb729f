/** Decides where a benchmark runs: on a real Kafka, or on the embedded broker in a process of its own, whose CPU is then not
 *  taken for that of the subject. Topics are new for each run and deleted at its end. */
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { findKafka } from '../../demo/brokers.ts'
import { type KafkaPort, type NodeAddress, type ResponseOf } from '../../packages/holdfast/src/kafka/port.ts'
import { createSocketPort } from '../../packages/holdfast/src/kafka/socket-port.ts'
import { recallCluster } from '../../scripts/kafka/state.ts'
import { startProcess } from '../processes.ts'
import { batchesOf, type RecordShape } from './records.ts'

const requestTimeoutMs = 30_000
/** A topic that was just made takes a moment to get its leaders. */
const lookEveryMs = 50
const looksMax = 200
/** UNKNOWN_TOPIC_OR_PARTITION, LEADER_NOT_AVAILABLE, NOT_LEADER_OR_FOLLOWER */
const leaderErrors: ReadonlySet<number> = new Set([3, 5, 6])
const mainOptions = { channel: 'main', timeoutMs: requestTimeoutMs } as const
const produceOptions = { channel: 'produce', timeoutMs: requestTimeoutMs } as const
/** Topics in which several benchmarks of one run wrote; more of them would be a leak. */
const topicsMax = 1_000

export type BenchBroker = {
  readonly label: string
  readonly isReal: boolean
  /** `host:port`, split by commas. */
  readonly bootstrap: string
  /** Makes a topic whose partitions all have a leader, and returns its name. */
  createTopic(partitions: number): Promise<string>
  /** Writes records to every partition in turn, in batches as a busy producer makes them. */
  fill(topic: string, shape: RecordShape): Promise<void>
  release(): Promise<void>
}

type Place = { readonly label: string; readonly isReal: boolean; readonly bootstrap: string; end(): Promise<void> }

export async function openBroker({ kafka }: { readonly kafka?: boolean | undefined }): Promise<BenchBroker> {
  const place = kafka === true ? await openRealKafka() : await openEmbedded()
  try {
    return new Broker(place, await createSocketPort({ clientId: 'bench' }))
  } catch (error) {
    await place.end()
    throw error
  }
}

async function openRealKafka(): Promise<Place> {
  const { bootstrap, end } = await findKafka(undefined)
  const known = (await recallCluster())?.cluster
  const version = known?.bootstrap === bootstrap ? ` ${known.version}` : ''
  return { label: `Apache Kafka${version}`, isReal: true, bootstrap, end }
}

async function openEmbedded(): Promise<Place> {
  const broker = await startProcess({
    name: 'embedded broker',
    args: [join(import.meta.dirname, '../../scripts/broker.ts'), '--ports', '0'],
    readyLine: /^bootstrap (\S+)$/,
  })
  const bootstrap = broker.readyMatch?.[1] ?? ''
  return { label: 'embedded broker', isReal: false, bootstrap, end: async () => void (await broker.stop()) }
}

class Broker implements BenchBroker {
  readonly label: string
  readonly isReal: boolean
  readonly bootstrap: string
  readonly #place: Place
  readonly #port: KafkaPort
  readonly #run = randomBytes(4).toString('hex')
  readonly #topics: string[] = []

  constructor(place: Place, port: KafkaPort) {
    this.label = place.label
    this.isReal = place.isReal
    this.bootstrap = place.bootstrap
    this.#place = place
    this.#port = port
  }

  async createTopic(partitions: number): Promise<string> {
    if (this.#topics.length >= topicsMax) throw new RangeError(`more than ${topicsMax} topics in one run`)
    const name = `bench-${this.#run}-${this.#topics.length + 1}`
    const topics = [{ name, numPartitions: partitions, replicationFactor: -1, configs: [] }]
    const answer = await this.#port.call(
      await this.#controller(),
      'CreateTopics',
      { topics, timeoutMs: requestTimeoutMs, validateOnly: false },
      mainOptions,
    )
    const code = answer.topics[0]?.errorCode
    if (code !== 0) throw new Error(`creating ${name} failed with error ${code}`)
    this.#topics.push(name)
    await this.#leadersOf(name, partitions)
    return name
  }

  async fill(topic: string, shape: RecordShape): Promise<void> {
    const leaders = await this.#leadersOf(topic, shape.partitions)
    for (const { partition, records } of batchesOf(shape)) {
      await this.#write(topic, partition, records, leaders[partition] as NodeAddress)
    }
  }

  /** A leader that was just chosen does not know it at once. */
  async #write(topic: string, index: number, records: Buffer, leader: NodeAddress): Promise<void> {
    const topics = [{ name: topic, partitions: [{ index, records }] }]
    const request = { transactionalId: null, acks: -1, timeoutMs: requestTimeoutMs, topics } as const
    let code: number | undefined
    for (let attempt = 0; attempt < looksMax; attempt++) {
      const answer = await this.#port.call(leader, 'Produce', request, produceOptions)
      code = answer.responses[0]?.partitions[0]?.errorCode
      if (code === 0) return
      if (code === undefined || !leaderErrors.has(code)) break
      await pause(lookEveryMs)
    }
    throw new Error(`writing to ${topic} failed with error ${code}`)
  }

  async release(): Promise<void> {
    try {
      if (this.isReal && this.#topics.length > 0) {
        const request = { topicNames: this.#topics, timeoutMs: requestTimeoutMs }
        await this.#port.call(await this.#controller(), 'DeleteTopics', request, mainOptions)
      }
    } finally {
      this.#port.close()
      await this.#place.end()
    }
  }

  get #first(): NodeAddress {
    const [host = '', port = ''] = (this.bootstrap.split(',')[0] ?? '').split(':')
    return { host, port: Number(port) }
  }

  #metadata(topics: readonly string[]): Promise<ResponseOf<'Metadata'>> {
    const request = { topics, allowAutoTopicCreation: false }
    return this.#port.call(this.#first, 'Metadata', request, mainOptions)
  }

  async #controller(): Promise<NodeAddress> {
    const { brokers, controllerId } = await this.#metadata([])
    return brokers.find(({ nodeId }) => nodeId === controllerId) ?? this.#first
  }

  async #leadersOf(topic: string, partitions: number): Promise<NodeAddress[]> {
    for (let look = 0; look < looksMax; look++) {
      const { brokers, topics } = await this.#metadata([topic])
      const ascending = (topics[0]?.partitions ?? []).toSorted((a, b) => a.partitionIndex - b.partitionIndex)
      const leaders = ascending.flatMap(({ leaderId }) => brokers.find(({ nodeId }) => nodeId === leaderId) ?? [])
      if (leaders.length === partitions) return leaders
      await pause(lookEveryMs)
    }
    throw new Error(`${topic} has no leaders for its ${partitions} partitions`)
  }
}
