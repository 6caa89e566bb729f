/** Fetch: 4–17. Waits until `minBytes` are there or `maxWaitMs` is over; sessions tell only what changed.
 *
 *  * 4: isolation level · 5: log start offset · 7: sessions · 9: leader epochs are fenced · 11: rack (ignored: one log)
 *  * 12: flexible, diverging epochs · 13: topic ids instead of names · 15, 17: replicas only · 16: the new leader
 *
 *  Which partitions a request means is decided in `fetch-scope.ts`. */

import type { Handler, HandlerContext } from '../core/broker-state.ts'
import type { Partition } from '../core/cluster.ts'
import type { FetchSession, SessionPartition } from '../core/fetch-sessions.ts'
import type { RequestOf, ResponseOf } from '../protocol/apis.ts'
import { errorCode } from '../protocol/error-code.ts'
import { fetchScope, usesIds } from './fetch-scope.ts'

type FetchAnswer = ResponseOf<'Fetch'>
type PartitionAnswer = FetchAnswer['responses'][number]['partitions'][number]
type Read = {
  readonly wanted: SessionPartition
  readonly answer: PartitionAnswer
  readonly bytes: number
  /** The topic or the partition does not exist. */
  readonly isMissing: boolean
}

const readUncommitted = 0
const readCommitted = 1
/** `fetch.max.bytes` of the broker */
const fetchBytesMax = 57_671_680
/** The first version that tells the leader to a client that asked somebody else. */
const leaderFromVersion = 16
/** What a client sends that does not know the leader epoch. */
const noEpoch = -1
const noRecords = Buffer.alloc(0)

export const fetch: Handler<'Fetch'> = (request, context) => {
  if (request.isolationLevel !== readUncommitted && request.isolationLevel !== readCommitted) {
    return senseless(request)
  }
  const scope = fetchScope(request, context)
  if (typeof scope === 'number') return { errorCode: scope, sessionId: 0, responses: [] }
  const { session, wanted } = scope
  const answerNow = (): FetchAnswer => answer(readAll(wanted, request, context), session, scope.isFull, context)

  const reads = readAll(wanted, request, context)
  const isReady = request.maxWaitMs <= 0 || isWorthTelling(reads, request)
  return isReady ? answer(reads, session, scope.isFull, context) : waitForBytes(reads, request, context, answerNow)
}

/** Kafka has no code for an isolation level that does not exist. */
function senseless(request: RequestOf<'Fetch'>): FetchAnswer {
  const code = errorCode.unknownServerError
  const responses = request.topics.map(({ topic, topicId, partitions }) => ({
    topic,
    topicId,
    partitions: partitions.map(({ partition }) => ({ ...failed(partition, code), abortedTransactions: [] })),
  }))
  return { errorCode: code, sessionId: 0, responses }
}

/** Whether to answer at once. What is missing holds up nobody else's wait; what else a client must react to does not wait. */
function isWorthTelling(reads: readonly Read[], request: RequestOf<'Fetch'>): boolean {
  const found = reads.filter(({ isMissing }) => !isMissing)
  return found.length === 0 || hasEnough(found, request)
}

function hasEnough(reads: readonly Read[], { minBytes, maxBytes }: RequestOf<'Fetch'>): boolean {
  let bytes = 0
  for (const read of reads) {
    if (read.answer.errorCode !== errorCode.none || read.answer.divergingEpoch) return true
    bytes += read.bytes
  }
  return bytes >= Math.min(minBytes, maxBytes, fetchBytesMax)
}

/** A long poll: looks again whenever one of the logs changes, answers at the latest after `maxWaitMs`. */
function waitForBytes(
  reads: readonly Read[],
  request: RequestOf<'Fetch'>,
  context: HandlerContext,
  answerNow: () => FetchAnswer,
): Promise<FetchAnswer> {
  const { broker, connection } = context
  const found = reads.flatMap(({ wanted, isMissing }) => (isMissing ? [] : [wanted]))
  return new Promise((resolve) => {
    const stops: (() => void)[] = []
    const stop = (): void => {
      for (const each of stops) each()
    }
    const finish = (): void => {
      stop()
      resolve(answerNow())
    }
    const look = (): void => {
      if (hasEnough(readAll(found, request, context), request)) finish()
    }
    for (const { topic, partition } of found) {
      const { log } = broker.cluster.partition(topic, partition) ?? {}
      if (log !== undefined) stops.push(log.onChange(look))
    }
    const timer = broker.clock.setTimer(request.maxWaitMs, finish)
    stops.push(() => timer.cancel(), connection.onClose(stop))
  })
}

function readAll(wanted: readonly SessionPartition[], request: RequestOf<'Fetch'>, context: HandlerContext): Read[] {
  const isReplica = Math.max(request.replicaId, request.replicaState?.replicaId ?? -1) >= 0
  let leftBytes = Math.min(request.maxBytes, fetchBytesMax)
  let hasBytes = false
  return wanted.map((each) => {
    const code = missing(each, context)
    if (code !== undefined) {
      const partitionAnswer = { ...failed(each.partition, code), abortedTransactions: [] }
      return { wanted: each, answer: partitionAnswer, bytes: 0, isMissing: true }
    }
    const limits = { leftBytes, atLeastOneBatch: !hasBytes, isolationLevel: request.isolationLevel }
    // All replicas of this broker are one log: nobody from outside can be a follower.
    const partitionAnswer = isReplica
      ? failed(each.partition, errorCode.notLeaderOrFollower)
      : readPartition(each, limits, context)
    const bytes = partitionAnswer.records?.length ?? 0
    leftBytes = Math.max(0, leftBytes - bytes)
    hasBytes ||= bytes > 0
    return { wanted: each, answer: partitionAnswer, bytes, isMissing: false }
  })
}

/** Why there is nothing to read from. A name that was once found for an id stays, also when the topic goes. */
function missing(wanted: SessionPartition, context: HandlerContext): number | undefined {
  const { cluster } = context.broker
  if (usesIds(context) && wanted.topic === '') wanted.topic = cluster.topicById(wanted.topicId)?.name ?? ''
  if (wanted.topic === '' && usesIds(context)) return errorCode.unknownTopicId
  const isThere = cluster.partition(wanted.topic, wanted.partition) !== undefined
  return isThere ? undefined : errorCode.unknownTopicOrPartition
}

type Limits = { readonly leftBytes: number; readonly atLeastOneBatch: boolean; readonly isolationLevel: number }

function readPartition(wanted: SessionPartition, limits: Limits, context: HandlerContext): PartitionAnswer {
  const { cluster } = context.broker
  const partition = cluster.partition(wanted.topic, wanted.partition) as Partition
  const { index, leaderId, leaderEpoch } = partition
  const believedEpoch = Math.max(noEpoch, wanted.currentLeaderEpoch)
  const problem = cluster.replicaProblem(partition, context.nodeId, believedEpoch)
  const isHere = partition.replicas.includes(context.nodeId)
  // The name was deleted and made again since the session learned its id.
  if (isHere && usesIds(context) && partition.topic.id !== wanted.topicId) {
    return failed(index, errorCode.inconsistentTopicId)
  }
  if (problem !== errorCode.none) {
    const isMoved = problem === errorCode.notLeaderOrFollower || problem === errorCode.fencedLeaderEpoch
    const isTold = isMoved && context.version >= leaderFromVersion
    return { ...failed(index, problem), currentLeader: isTold ? { leaderId, leaderEpoch } : null }
  }
  return readLog(partition, wanted, limits)
}

function readLog(partition: Partition, wanted: SessionPartition, limits: Limits): PartitionAnswer {
  const { log, index } = partition
  const { fetchOffset, lastFetchedEpoch } = wanted
  const state = {
    partitionIndex: index,
    errorCode: errorCode.none,
    highWatermark: log.endOffset,
    lastStableOffset: log.lastStableOffset,
    logStartOffset: log.startOffset,
    divergingEpoch: null,
    currentLeader: null,
    abortedTransactions: null,
    records: noRecords,
  }
  if (lastFetchedEpoch >= 0) {
    const end = log.endOfEpoch(lastFetchedEpoch)
    if (end === undefined) return failed(index, errorCode.offsetOutOfRange)
    if (end.epoch < lastFetchedEpoch || end.endOffset < fetchOffset) return { ...state, divergingEpoch: end }
  }
  if (fetchOffset < log.startOffset || fetchOffset > log.endOffset) return failed(index, errorCode.offsetOutOfRange)
  const before = limits.isolationLevel === readCommitted ? log.lastStableOffset : log.endOffset
  const bytesMax = Math.min(wanted.partitionMaxBytes, limits.leftBytes)
  if (bytesMax < 0 && fetchOffset < before) return failed(index, errorCode.unknownServerError)
  const pieces = log.read(fetchOffset, { bytesMax, atLeastOneBatch: limits.atLeastOneBatch, before })
  return {
    ...state,
    abortedTransactions:
      limits.isolationLevel === readCommitted
        ? log.abortedBetween(fetchOffset, before).map(({ producerId, firstOffset }) => ({ producerId, firstOffset }))
        : null,
    records: pieces.length === 1 ? (pieces[0] as Buffer) : Buffer.concat(pieces),
  }
}

function failed(partitionIndex: number, code: number): PartitionAnswer {
  return {
    partitionIndex,
    errorCode: code,
    highWatermark: -1,
    lastStableOffset: -1,
    logStartOffset: -1,
    divergingEpoch: null,
    currentLeader: null,
    abortedTransactions: null,
    records: noRecords,
  }
}

function answer(
  reads: readonly Read[],
  session: FetchSession | undefined,
  isFull: boolean,
  context: HandlerContext,
): FetchAnswer {
  const told = session === undefined || isFull ? reads : reads.filter(isNews)
  const topics = new Map<string, FetchAnswer['responses'][number]>()
  const leaders = new Set<number>()
  for (const { wanted, answer: partitionAnswer } of told) {
    const id = `${wanted.topicId} ${wanted.topic}`
    const name = usesIds(context) ? '' : wanted.topic
    const topic = topics.get(id) ?? { topic: name, topicId: wanted.topicId, partitions: [] }
    topic.partitions.push(partitionAnswer)
    topics.set(id, topic)
    if (partitionAnswer.currentLeader) leaders.add(partitionAnswer.currentLeader.leaderId)
  }
  if (session !== undefined) for (const read of told) remember(session, read)
  return {
    throttleTimeMs: 0,
    errorCode: errorCode.none,
    sessionId: session?.id ?? 0,
    responses: [...topics.values()],
    nodeEndpoints: context.broker.cluster.nodes
      .filter((node) => leaders.has(node.nodeId))
      .map((node) => ({ ...node, rack: null })),
  }
}

function isNews({ wanted, answer: partitionAnswer, bytes }: Read): boolean {
  return (
    bytes > 0 ||
    partitionAnswer.errorCode !== errorCode.none ||
    Boolean(partitionAnswer.divergingEpoch) ||
    partitionAnswer.highWatermark !== wanted.toldHighWatermark ||
    partitionAnswer.logStartOffset !== wanted.toldStartOffset
  )
}

/** What was told moves behind the others, so that no partition starves when answers are small. */
function remember(session: FetchSession, { wanted, answer: partitionAnswer, bytes }: Read): void {
  // After an error the next good answer is news, whatever it says.
  const isError = partitionAnswer.errorCode !== errorCode.none
  wanted.toldHighWatermark = isError ? -1 : partitionAnswer.highWatermark
  wanted.toldStartOffset = isError ? -1 : (partitionAnswer.logStartOffset ?? -1)
  if (bytes === 0) return
  for (const [key, partition] of session.partitions) {
    if (partition !== wanted) continue
    session.partitions.delete(key)
    session.partitions.set(key, partition)
    return
  }
}
