/** A transactional producer that does exactly what it is told: one request per call, and it keeps the identity that it
 *  was given last. Every call may be overridden field by field. */

import { expect } from 'vitest'
import { encodeBatch, readBatchHeader, recordsOf } from '../../../packages/broker/src/log/record-batch.ts'
import { type NewRecord } from '../../../packages/broker/src/log/records.ts'
import { type DecodedResponse, type GivenRequest } from '../../../packages/broker/src/protocol/apis.ts'
import { type Ground, type Wire } from '../row.ts'

/** Long enough that nothing expires while a row runs. */
const patientMs = 60_000
const bumpingVersion = 5
export const readUncommitted = 0
export const readCommitted = 1

export type Identity = { readonly producerId: number; readonly producerEpoch: number }
export type ProduceAnswer = DecodedResponse<'Produce'>['responses'][number]['partitions'][number]
export type FetchAnswer = DecodedResponse<'Fetch'>['responses'][number]['partitions'][number]

export type BatchToSend = {
  readonly version?: number
  readonly partition?: number
  /** @default one record */
  readonly values?: readonly string[]
  /** @default 0 */
  readonly sequence?: number
  readonly identity?: Identity
  readonly transactionalId?: string | null
  /** @default true */
  readonly isTransactional?: boolean
}

export class TransactionalProducer {
  readonly transactionalId: string
  readonly coordinator: Wire
  identity: Identity = { producerId: -1, producerEpoch: -1 }
  readonly #ground: Ground

  private constructor(ground: Ground, coordinator: Wire, transactionalId: string) {
    this.#ground = ground
    this.coordinator = coordinator
    this.transactionalId = transactionalId
  }

  /** Knows its coordinator and nothing else. */
  static async of(ground: Ground, transactionalId: string = ground.name('txn')): Promise<TransactionalProducer> {
    return new TransactionalProducer(ground, await ground.coordinator(transactionalId, 'transaction'), transactionalId)
  }

  /** With its first identity. */
  static async ready(ground: Ground, transactionTimeoutMs: number = patientMs): Promise<TransactionalProducer> {
    const producer = await TransactionalProducer.of(ground)
    await producer.init({ transactionTimeoutMs })
    return producer
  }

  /** One InitProducerId, as it is answered; a good answer is its identity from then on. */
  async init(given: GivenRequest<'InitProducerId'> = {}, version = 5): Promise<DecodedResponse<'InitProducerId'>> {
    const { transactionalId } = this
    const request = { transactionalId, transactionTimeoutMs: patientMs, ...given }
    const answer = await this.coordinator.call('InitProducerId', version, request)
    if (answer.errorCode === 0) this.#become(answer)
    return answer
  }

  #become({ producerId, producerEpoch }: Identity): void {
    this.identity = { producerId, producerEpoch }
  }

  /** Its identity with another epoch. */
  atEpoch(producerEpoch: number): Identity {
    return { ...this.identity, producerEpoch }
  }

  /** The code for each partition, in the order in which they were named. */
  async add(
    topic: string,
    given: GivenRequest<'AddPartitionsToTxn'> & { readonly partitions?: readonly number[] } = {},
    version = 3,
  ): Promise<number[]> {
    const { partitions = [0], ...rest } = given
    const { transactionalId, identity } = this
    const request = { transactionalId, ...identity, topics: [{ name: topic, partitions }], ...rest }
    const { results } = await this.coordinator.call('AddPartitionsToTxn', version, request)
    const codes = new Map(
      results.flatMap((each) => each.partitions.map((one) => [`${each.name} ${one.partitionIndex}`, one.errorCode])),
    )
    return (request.topics as { name: string; partitions: number[] }[]).flatMap(({ name, partitions: all }) =>
      all.map((index) => codes.get(`${name} ${index}`) ?? -1),
    )
  }

  async addOffsets(groupId: string, given: GivenRequest<'AddOffsetsToTxn'> = {}, version = 4): Promise<number> {
    const { transactionalId, identity } = this
    const request = { transactionalId, ...identity, groupId, ...given }
    return (await this.coordinator.call('AddOffsetsToTxn', version, request)).errorCode
  }

  /** One EndTxn, as it is answered; its identity moves on with it. */
  async end(
    outcome: 'commit' | 'abort',
    version = bumpingVersion,
    given: GivenRequest<'EndTxn'> = {},
  ): Promise<DecodedResponse<'EndTxn'>> {
    const { transactionalId, identity } = this
    const request = { transactionalId, ...identity, committed: outcome === 'commit', ...given }
    const answer = await this.coordinator.call('EndTxn', version, request)
    if (answer.errorCode === 0 && version >= bumpingVersion) this.#become(answer)
    return answer
  }

  /** Ends the transaction and waits for what Kafka does after it has answered. */
  async finish(outcome: 'commit' | 'abort', version = bumpingVersion): Promise<void> {
    const { errorCode } = await this.end(outcome, version)
    if (errorCode !== 0) throw new Error(`the transaction did not ${outcome}: ${errorCode}`)
    await this.ended()
  }

  /** Resolves when no markers are missing. */
  async ended(): Promise<void> {
    await this.#ground.until(
      async () => /Complete|Empty/.test((await this.state()).transactionState),
      `the transaction of ${this.transactionalId} has ended`,
    )
  }

  async state(): Promise<DecodedResponse<'DescribeTransactions'>['transactionStates'][number]> {
    const request = { transactionalIds: [this.transactionalId] }
    const { transactionStates } = await this.coordinator.call('DescribeTransactions', 0, request)
    const [state] = transactionStates
    if (state === undefined) throw new Error('DescribeTransactions answered nothing')
    return state
  }

  /** The answer for the one partition. */
  async produce(topic: string, given: BatchToSend = {}): Promise<ProduceAnswer> {
    const { partition = 0, version = 12, transactionalId = this.transactionalId } = given
    const wire = await this.#ground.leader(topic, partition)
    const partitions = [{ index: partition, records: this.batch(given) }]
    const request = { transactionalId, acks: -1, timeoutMs: patientMs, topics: [{ name: topic, partitions }] }
    const answer = await wire.call('Produce', version, request)
    wire.close()
    return answer.responses[0]?.partitions[0] as ProduceAnswer
  }

  batch({ values = ['v'], sequence = 0, identity = this.identity, isTransactional = true }: BatchToSend = {}): Buffer {
    const records: NewRecord[] = values.map((value) => ({ value }))
    return encodeBatch(records, { ...identity, baseSequence: sequence, isTransactional, nowMs: Date.now() })
  }

  /** TxnOffsetCommit of one offset for partition 0 of a topic; the code for it. */
  async commitOffset(
    group: Wire,
    groupId: string,
    topic: string,
    given: GivenRequest<'TxnOffsetCommit'> & { readonly offset?: number; readonly metadata?: string | null } = {},
    version = 5,
  ): Promise<number> {
    const { offset: committedOffset = 5, metadata: committedMetadata = 'm', ...rest } = given
    const { transactionalId, identity } = this
    const partitions = [{ partitionIndex: 0, committedOffset, committedMetadata, committedLeaderEpoch: 0 }]
    const request = { transactionalId, groupId, ...identity, topics: [{ name: topic, partitions }], ...rest }
    const { topics } = await group.call('TxnOffsetCommit', version, request)
    return topics[0]?.partitions[0]?.errorCode ?? -1
  }
}

/** A producer with its first identity, and a topic. */
export async function readyProducer(
  ground: Ground,
  partitions = 1,
): Promise<{ readonly producer: TransactionalProducer; readonly topic: string }> {
  const [producer, topic] = await Promise.all([TransactionalProducer.ready(ground), ground.topic(partitions)])
  return { producer, topic }
}

/** A producer, a topic of three partitions, and a group whose offsets it may move. */
export type OffsetScene = {
  readonly producer: TransactionalProducer
  readonly topic: string
  readonly groupId: string
  /** The coordinator of the group. */
  readonly group: Wire
}

export async function offsetScene(ground: Ground): Promise<OffsetScene> {
  const groupId = ground.name('group')
  const [producer, topic, group] = await Promise.all([
    TransactionalProducer.ready(ground),
    ground.topic(3),
    ground.coordinator(groupId),
  ])
  return { producer, topic, groupId, group }
}

/** What a fetch brings, one word per batch: its first value or how a transaction ended, and the epoch of its producer. */
export async function readBatches(ground: Ground, topic: string, isolationLevel: number, from = 0): Promise<string[]> {
  const { records } = await fetchFrom(ground, topic, from, isolationLevel)
  const words: string[] = []
  for (let rest = records ?? Buffer.alloc(0); rest.length > 0;) {
    const header = readBatchHeader(rest)
    if (header === undefined) break
    const [first] = recordsOf(rest.subarray(0, header.sizeBytes), header) ?? []
    const word = header.isControl ? (first?.key?.readInt16BE(2) === 1 ? 'COMMIT' : 'ABORT') : String(first?.value)
    words.push(`${word}@${header.producerEpoch}`)
    rest = rest.subarray(header.sizeBytes)
  }
  return words
}

/** One Fetch of a partition that does not wait. */
export async function fetchFrom(
  ground: Ground,
  topic: string,
  fetchOffset: number,
  isolationLevel: number = readCommitted,
): Promise<FetchAnswer> {
  const wire = await ground.leader(topic)
  const partitions = [{ partition: 0, fetchOffset, partitionMaxBytes: 1_000_000 }]
  const request = { maxWaitMs: 0, minBytes: 0, maxBytes: 1_000_000, isolationLevel, topics: [{ topic, partitions }] }
  const answer = await wire.call('Fetch', 12, request)
  wire.close()
  return answer.responses[0]?.partitions[0] as FetchAnswer
}

/** The end of a partition as a reader of this isolation level sees it. */
export async function endOf(ground: Ground, topic: string, isolationLevel: number, partition = 0): Promise<number> {
  const wire = await ground.leader(topic, partition)
  const partitions = [{ partitionIndex: partition, timestamp: -1 }]
  const answer = await wire.call('ListOffsets', 7, { isolationLevel, topics: [{ name: topic, partitions }] })
  wire.close()
  return answer.topics[0]?.partitions[0]?.offset ?? -1
}

/** What has not joined a transaction is refused with 48 or, by version, with 120. Kafka asks the coordinator for several
 *  producers at once and then tells all of them what the version of the first one calls for, so that the right code may
 *  come only when nobody else asks. */
export async function untilRefused(ground: Ground, ask: () => Promise<number>, code: 48 | 120): Promise<void> {
  await ground.until(async () => {
    const told = await ask()
    expect([48, 120]).toContain(told)
    return told === code
  }, `refused with ${code}`)
}

/** A node that does not coordinate the transactional id; needs three nodes. */
export async function otherNode(ground: Ground, own: Wire): Promise<Wire> {
  const asking = await ground.node()
  const { brokers } = await asking.call('Metadata', 12, { topics: [] })
  const other = brokers.find(({ nodeId }) => nodeId !== own.nodeId)
  if (other === undefined) throw new Error('there is only one node')
  return ground.node(other.nodeId)
}
