/** Produce: 3–12. Stores one batch per partition as it came; idempotent producers are deduplicated.
 *
 *  * 3: record format 2, transactional id · 5: log start offset · 7: zstd · 8: errors of single records
 *  * 9: flexible · 10: the new leader in the answer · 11: 120 for a partition that has not joined its transaction
 *  * 12: it joins by itself (KIP-890); which transactional batches are taken is decided in `transactions/admission.ts`
 *
 *  ApiVersions advertises 0, as Kafka does: librdkafka compresses nothing if it is not there. 0 to 2 are not served.
 *  What is wrong with a batch is decided in `log/batch-rules.ts`; here is in which order it is asked, and by whom. */

import type { BrokerState, Handler, HandlerContext } from '../core/broker-state.ts'
import type { Partition, Topic } from '../core/cluster.ts'
import { batchOf, LogRefusal, type RecordError, SenselessBytes } from '../log/batch-rules.ts'
import { codecByNumber } from '../log/compression.ts'
import { logSettings } from '../log/log-settings.ts'
import { type BatchHeader, readBatchHeader } from '../log/record-batch.ts'
import type { RequestOf, ResponseOf } from '../protocol/apis.ts'
import { errorCode, Refusal } from '../protocol/error-code.ts'
import { admit, type Admission } from '../transactions/admission.ts'

type Answer = ResponseOf<'Produce'>['responses'][number]['partitions'][number]
type Sent = RequestOf<'Produce'>['topics'][number]['partitions'][number]

const zstdFromVersion = 7
/** The first version whose batches join a transaction by themselves. */
const joiningVersion = 12

export const produce: Handler<'Produce'> = (request, context) => {
  const refusal = requestRefusal(request)
  if (refusal !== undefined) return answered(request, context, ({ index }) => refused(index, refusal, context))
  const admission = admit(request, context)
  const store = (admitted: Admission): ResponseOf<'Produce'> =>
    answered(request, context, (sent, name) => answerFor(name, sent, { acks: request.acks, admitted }, context))
  return admission instanceof Promise ? admission.then(store) : store(admission)
}

function answered(
  request: RequestOf<'Produce'>,
  { broker }: HandlerContext,
  answer: (sent: Sent, topic: string) => Answer,
): ResponseOf<'Produce'> {
  const moved = new Set<number>()
  const responses = [...mergedTopics(request)].map(([name, partitions]) => ({
    name,
    partitions: [...partitions.values()].map((sent) => {
      const partition = answer(sent, name)
      if (partition.currentLeader) moved.add(partition.currentLeader.leaderId)
      return partition
    }),
  }))
  const leaders = broker.cluster.nodes.filter((node) => moved.has(node.nodeId))
  return { responses, throttleTimeMs: 0, nodeEndpoints: leaders.map((node) => ({ ...node, rack: null })) }
}

/** A partition that is named twice counts once, as it was named last; a topic without partitions is not answered. */
function mergedTopics(request: RequestOf<'Produce'>): Map<string, Map<number, Sent>> {
  const topics = new Map<string, Map<number, Sent>>()
  for (const { name, partitions } of request.topics) {
    const merged = topics.get(name) ?? new Map<number, Sent>()
    for (const sent of partitions) merged.set(sent.index, sent)
    if (merged.size > 0) topics.set(name, merged)
  }
  return topics
}

/** What is wrong with one partition's bytes and takes all the others with it. */
function requestRefusal(request: RequestOf<'Produce'>): Refusal | undefined {
  for (const { partitions } of request.topics) {
    for (const { records } of partitions) {
      try {
        if (request.transactionalId === null && headerOf(batchOf(records))?.isTransactional === true) {
          return new Refusal(errorCode.transactionalIdAuthorizationFailed, 'a transactional batch needs an id')
        }
      } catch (error) {
        if (error instanceof SenselessBytes) return error
        if (!(error instanceof Refusal)) throw error
      }
    }
  }
  return undefined
}

function headerOf(batch: Buffer): BatchHeader | undefined {
  return readBatchHeader(batch)
}

type Terms = { readonly acks: number; readonly admitted: Admission }

function answerFor(name: string, { index, records }: Sent, { acks, admitted }: Terms, context: HandlerContext): Answer {
  const partition = context.broker.cluster.partition(name, index)
  try {
    if (partition === undefined) throw new Refusal(errorCode.unknownTopicOrPartition, `${name}-${index} does not exist`)
    const codec = codecByNumber(headerOf(batchOf(records))?.codecNumber ?? 0)
    if (codec === 'zstd' && context.version < zstdFromVersion) {
      throw new Refusal(errorCode.unsupportedCompressionType, `zstd needs Produce ${zstdFromVersion} or newer`)
    }
    if (acks !== -1 && acks !== 0 && acks !== 1) {
      throw new Refusal(errorCode.invalidRequiredAcks, `acks must be -1, 0 or 1, got ${acks}`)
    }
    if (partition.leaderId !== context.nodeId) {
      const { leaderId, leaderEpoch } = partition
      return { ...failed(index, errorCode.notLeaderOrFollower), currentLeader: { leaderId, leaderEpoch } }
    }
    const unwanted = admitted(name, index)
    if (unwanted !== undefined) return { ...failed(index, unwanted.code), errorMessage: unwanted.message }
    return append(partition, records, context)
  } catch (error) {
    if (error instanceof Refusal) return refused(index, error, context, partition)
    throw error
  }
}

function append(partition: Partition, records: Buffer | null, { broker, version }: HandlerContext): Answer {
  const { topic, index, log } = partition
  checkSpace(topic, records?.length ?? 0, broker)
  const nowMs = Math.trunc(broker.clock.epochMs())
  const settings = logSettings((name) => broker.cluster.topicSetting(topic, name))
  const transactionsStartAtZero = version >= joiningVersion
  const appended = log.append(records, { ...settings, transactionsStartAtZero }, partition.leaderEpoch, nowMs)
  if (!appended.isDuplicate) {
    broker.emit({ type: 'append', topic: topic.name, partition: index, endOffset: log.endOffset })
  }
  return {
    index,
    errorCode: errorCode.none,
    baseOffset: appended.baseOffset,
    logAppendTimeMs: appended.logAppendTimeMs,
    logStartOffset: log.startOffset,
    recordErrors: [],
    errorMessage: null,
  }
}

/** Everything is kept in memory. A full topic refuses, loudly: dropping the oldest records would look like lost ones. */
function checkSpace(topic: Topic, addedBytes: number, { settings }: BrokerState): void {
  const usedBytes = topic.partitions.reduce((sum, partition) => sum + partition.log.sizeBytes, 0)
  if (usedBytes + addedBytes <= settings.topicBytesMax) return
  const text = `topic ${topic.name} holds ${usedBytes} bytes and may hold ${settings.topicBytesMax}: nothing more is stored`
  throw new TopicFull(errorCode.policyViolation, text)
}

/** Kafka has no such refusal, so the client is told why. */
class TopicFull extends Refusal {}

/** Kafka tells little about what is wrong with records; `warn` tells the rest. */
function refused(index: number, refusal: Refusal, { broker }: HandlerContext, partition?: Partition): Answer {
  if (partition !== undefined) broker.warn(`produce to ${partition.topic.name}-${index} refused: ${refusal.message}`)
  const answer = failed(index, refusal.code)
  if (refusal instanceof TopicFull || refusal instanceof SenselessBytes) {
    return { ...answer, errorMessage: refusal.message }
  }
  if (!(refusal instanceof LogRefusal)) return answer
  const { recordErrors, publicText } = refusal
  return {
    ...answer,
    logStartOffset: partition?.log.startOffset ?? -1,
    recordErrors: recordErrors.map((each: RecordError) => ({ ...each })),
    errorMessage: publicText,
  }
}

function failed(index: number, code: number): Answer {
  return {
    index,
    errorCode: code,
    baseOffset: -1,
    logAppendTimeMs: -1,
    logStartOffset: -1,
    recordErrors: [],
    errorMessage: null,
  }
}
