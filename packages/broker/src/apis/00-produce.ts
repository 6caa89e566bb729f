/** Produce: 3–12. Stores one batch per partition, as opaque bytes; idempotent producers are deduplicated.
 *
 *  * 3: record format 2, transactional id · 5: log start offset · 8: error message
 *  * 9: flexible · 10: the new leader in the answer · 11: 120 for a partition that has not joined its transaction
 *  * 12: it joins by itself (KIP-890); which transactional batches are taken is decided in `transactions/admission.ts`
 *
 *  ApiVersions advertises 0, as Kafka does: librdkafka compresses nothing if it is not there. 0 to 2 are not served. */

import { type BrokerState, type Handler, type HandlerContext } from '../core/broker-state.ts'
import { type Partition, type Topic } from '../core/cluster.ts'
import { topicRules } from '../core/topic-configs.ts'
import { type RequestOf, type ResponseOf } from '../protocol/apis.ts'
import { errorCode, Refusal } from '../protocol/error-code.ts'
import { admit, type Admission } from '../transactions/admission.ts'

type Answer = ResponseOf<'Produce'>['responses'][number]['partitions'][number]

/** The first version whose batches join a transaction by themselves. */
const joiningVersion = 12

export const produce: Handler<'Produce'> = (request, context) => {
  const admission = admit(request, context)
  return admission instanceof Promise
    ? admission.then((admitted) => store(request, admitted, context))
    : store(request, admission, context)
}

function store(request: RequestOf<'Produce'>, admission: Admission, context: HandlerContext): ResponseOf<'Produce'> {
  const { cluster } = context.broker
  const isAcksLegal = request.acks === -1 || request.acks === 0 || request.acks === 1
  const moved = new Set<number>()
  const responses = request.topics.map((topic) => ({
    name: topic.name,
    partitions: topic.partitions.map(({ index, records }): Answer => {
      if (!isAcksLegal)
        return refused(index, errorCode.invalidRequiredAcks, `acks must be -1, 0 or 1, got ${request.acks}`)
      const partition = cluster.partition(topic.name, index)
      if (partition === undefined) return refused(index, errorCode.unknownTopicOrPartition, null)
      if (partition.leaderId !== context.nodeId) {
        moved.add(partition.leaderId)
        const { leaderId, leaderEpoch } = partition
        return { ...refused(index, errorCode.notLeaderOrFollower, null), currentLeader: { leaderId, leaderEpoch } }
      }
      const refusal = admission(topic.name, index)
      if (refusal !== undefined) return refused(index, refusal.code, refusal.message)
      return append(partition, records, context)
    }),
  }))
  const nodeEndpoints = cluster.nodes.filter((node) => moved.has(node.nodeId)).map((node) => ({ ...node, rack: null }))
  return { responses, throttleTimeMs: 0, nodeEndpoints }
}

function append(partition: Partition, records: Buffer | null, { broker, version }: HandlerContext): Answer {
  const { topic, index, log } = partition
  try {
    checkSpace(topic, records?.length ?? 0, broker)
    const nowMs = Math.trunc(broker.clock.epochMs())
    const transactionsStartAtZero = version >= joiningVersion
    const rules = { ...topicRules((name) => broker.cluster.topicSetting(topic, name)), transactionsStartAtZero }
    const appended = log.append(records, rules, partition.leaderEpoch, nowMs)
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
  } catch (error) {
    if (error instanceof Refusal) return refused(index, error.code, error.message)
    throw error
  }
}

/** Everything is kept in memory. A full topic refuses, loudly: dropping the oldest records would look like lost ones. */
function checkSpace(topic: Topic, addedBytes: number, { settings, warn }: BrokerState): void {
  const usedBytes = topic.partitions.reduce((sum, partition) => sum + partition.log.sizeBytes, 0)
  if (usedBytes + addedBytes <= settings.topicBytesMax) return
  const message = `topic ${topic.name} holds ${usedBytes} bytes and may hold ${settings.topicBytesMax}: nothing more is stored`
  warn(message)
  throw new Refusal(errorCode.policyViolation, message)
}

function refused(index: number, code: number, message: string | null): Answer {
  return {
    index,
    errorCode: code,
    baseOffset: -1,
    logAppendTimeMs: -1,
    logStartOffset: -1,
    recordErrors: [],
    errorMessage: message,
  }
}
