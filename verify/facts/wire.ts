/** Sends single raw requests to a real broker, through the exported API functions of `@platformatic/kafka` on its own
 *  connection: no retries, no metadata, nothing between the question and the answer. Holdfast's own wire is not used,
 *  because what it believes is what the facts are to check. */

import {
  type API,
  type ConfigResourceTypeValue,
  Connection,
  createAPI,
  createRecordsBatch,
  createTopicsV7,
  describeConfigsV4,
  initProducerIdV5,
  metadataV12,
  NumericMap,
  produceV11,
  ResponseError,
  Writer,
} from '@platformatic/kafka'

const requestTimeoutMs = 30_000

export type Topic = { readonly name: string; readonly id: string }
export type RecordToWrite = {
  readonly key?: string | undefined
  readonly value: string | null
  readonly timestampMs?: number
}
export type Producer = { readonly id: bigint; readonly epoch: number }
export const noProducer: Producer = { id: -1n, epoch: -1 }

/** One connection to one broker. */
export class Wire {
  readonly #connection: Connection

  private constructor(connection: Connection) {
    this.#connection = connection
  }

  static async open(bootstrap: string): Promise<Wire> {
    const [host = '', port = ''] = (bootstrap.split(',')[0] ?? '').split(':')
    const connection = new Connection('holdfast-facts', { requestTimeout: requestTimeoutMs, maxInflights: 1_000 })
    connection.on('error', () => undefined)
    await connection.connect(host, Number(port))
    return new Wire(connection)
  }

  /** The answer with its error codes as values, also where the library would throw because one of them is not 0. */
  async send<Arguments extends unknown[], Answer>(api: API<Arguments, Answer>, ...request: Arguments): Promise<Answer> {
    try {
      return await api.async(this.#connection, ...request)
    } catch (error) {
      if (error instanceof ResponseError && error['response']) return error['response'] as Answer
      throw error
    }
  }

  async close(): Promise<void> {
    await this.#connection.close()
  }
}

const suffix = Date.now().toString(36)
let namesGiven = 0

/** A name that no other run used. */
export function freshName(kind: string): string {
  namesGiven += 1
  return `facts-${kind}-${suffix}-${namesGiven}`
}

/** Creates a topic and waits until its leaders are known. */
export async function createTopic(
  wire: Wire,
  kind: string,
  numPartitions = 1,
  configs: Readonly<Record<string, string>> = {},
  replicationFactor = 1,
): Promise<Topic> {
  const name = freshName(kind)
  const entries = Object.entries(configs).map(([key, value]) => ({ name: key, value }))
  const created = await wire.send(
    createTopicsV7.api,
    [{ name, numPartitions, replicationFactor, assignments: [], configs: entries }],
    10_000,
    false,
  )
  const { errorCode, errorMessage } = created.topics[0] ?? {}
  if (errorCode !== 0) throw new Error(`topic ${name} was not created: ${errorCode} ${errorMessage}`)
  return untilLed(wire, name)
}

/** Asks for metadata until every partition of the topic has a leader. */
export async function untilLed(wire: Wire, name: string): Promise<Topic> {
  for (;;) {
    const { topics } = await wire.send(metadataV12.api, [name], false, false)
    const topic = topics[0]
    if (topic?.errorCode === 0 && topic.partitions.every((partition) => partition.errorCode === 0)) {
      return { name, id: topic.topicId }
    }
  }
}

export async function newProducer(wire: Wire, transactionalId: string | null = null): Promise<Producer> {
  const answer = await wire.send(initProducerIdV5.api, transactionalId, 10_000, -1n, -1)
  if (answer.errorCode !== 0) throw new Error(`no producer id: error ${answer.errorCode}`)
  return { id: answer.producerId, epoch: answer.producerEpoch }
}

/** One batch, ready to be sent as often as one likes. */
export function encodeRecords(
  topic: string,
  records: readonly RecordToWrite[],
  producer: Producer = noProducer,
  firstSequence = 0,
  transactionalId: string | null = null,
): Buffer {
  const messages = records.map(({ key, value, timestampMs = Date.now() }) => ({
    topic,
    ...(key === undefined ? {} : { key: Buffer.from(key) }),
    value: value === null ? (null as unknown as Buffer) : Buffer.from(value),
    timestamp: BigInt(timestampMs),
  }))
  const sequences = new NumericMap()
  sequences.getWithDefault = () => firstSequence
  return createRecordsBatch(messages, {
    producerId: producer.id,
    producerEpoch: producer.epoch,
    sequences,
    transactionalId,
    compression: 'none',
    partitionLeaderEpoch: -1,
  }).buffer
}

type PartitionBytes = { readonly index: number; readonly bytes: Buffer }

/** Produce with bytes that were encoded before; the library's own call encodes anew each time. */
const produceBytesV11 = createAPI<
  [string | null, readonly { readonly name: string; readonly partitions: readonly PartitionBytes[] }[]],
  ReturnType<typeof produceV11.parseResponse>
>(
  0,
  11,
  (transactionalId: string | null, topics: { name: string; partitions: PartitionBytes[] }[]) =>
    Writer.create()
      .appendString(transactionalId)
      .appendInt16(-1)
      .appendInt32(10_000)
      .appendArray(topics, (writer, topic) =>
        writer.appendString(topic.name).appendArray(topic.partitions, (inner, partition) =>
          inner
            .appendInt32(partition.index)
            .appendUnsignedVarInt(partition.bytes.length + 1)
            .append(partition.bytes),
        ),
      )
      .appendTaggedFields(),
  produceV11.parseResponse,
  true,
  true,
)

export type ProduceResult = {
  readonly errorCode: number
  readonly baseOffset: number
  readonly logAppendTimeMs: number
}

/** Sends the bytes to a partition, with `acks: -1`. */
export async function produce(
  wire: Wire,
  topic: string,
  bytes: Buffer,
  index = 0,
  transactionalId: string | null = null,
): Promise<ProduceResult> {
  const answer = await wire.send(produceBytesV11, transactionalId, [{ name: topic, partitions: [{ index, bytes }] }])
  const partition = answer.responses[0]?.partitionResponses[0]
  if (partition === undefined) throw new Error('the answer to Produce names no partition')
  return {
    errorCode: partition.errorCode,
    baseOffset: Number(partition.baseOffset),
    logAppendTimeMs: Number(partition.logAppendTimeMs),
  }
}

export async function readConfig(
  wire: Wire,
  resourceType: ConfigResourceTypeValue,
  resourceName: string,
  name: string,
): Promise<string | null | undefined> {
  const resources = [{ resourceType, resourceName, configurationKeys: [name] }]
  const answer = await wire.send(describeConfigsV4.api, resources, false, false)
  return answer.results[0]?.configs[0]?.value
}
