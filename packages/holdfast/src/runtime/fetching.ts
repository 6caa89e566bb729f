/** Carries out one fetch: builds the request from the engine's order, sends it, and says what came as an event. Every way
 *  in which it can go wrong is an answer too; nothing is thrown. */
import type { FetchOrder, FetchTarget } from '../engine/fetch-session.ts'
import type { FetchedPartition } from '../engine/fetches.ts'
import type { MemberEvent } from '../engine/member-flow.ts'
import type { FetchedPartition as WirePartition, FetchRequest, FetchResponse } from '../kafka/port.ts'
import { kafkaErrorName } from '../model/kafka-errors.ts'
import { startAt } from '../model/next-offset.ts'
import type { KafkaRecord } from '../model/record.ts'
import type { FetchSettings } from '../model/settings.ts'
import { partitionName, type TopicPartition } from '../model/topic-partition.ts'
import type { Cluster } from './cluster.ts'
import type { OpenPort } from './environment.ts'
import { chunkOf } from './intake.ts'

type Fetching = {
  readonly order: FetchOrder
  readonly port: OpenPort
  readonly cluster: Cluster
  readonly settings: FetchSettings
}

/** R31: a fetch may take as long as the broker may wait, and this much more. */
const slackMs = 5_000
const sessionErrors: ReadonlySet<number> = new Set([70, 71])
const anyEpoch = -1

export async function fetchFrom(fetching: Fetching): Promise<MemberEvent<KafkaRecord>> {
  const { order, port, cluster } = fetching
  const { nodeId, stamp } = order
  const failed = (reason: string, isSessionLost = false): MemberEvent<KafkaRecord> => {
    return { kind: 'fetchFailed', nodeId, stamp, reason, isSessionLost }
  }
  const address = cluster.addressOf(nodeId)
  if (address === undefined) return failed(`node ${nodeId} is unknown`)
  try {
    const timeoutMs = order.maxWaitMs + slackMs
    const answer = await port.call(address, 'Fetch', requestFor(fetching), { channel: 'fetch', timeoutMs })
    if (answer.errorCode !== 0) return failed(kafkaErrorName(answer.errorCode), sessionErrors.has(answer.errorCode))
    return { kind: 'fetched', nodeId, stamp, sessionId: answer.sessionId, partitions: partitionsOf(answer, fetching) }
  } catch (error) {
    return failed(error instanceof Error ? error.message : String(error))
  }
}

function requestFor({ order, settings }: Fetching): FetchRequest {
  const named = Map.groupBy(order.named, topicOf)
  const forgotten = Map.groupBy(order.forgotten, topicOf)
  return {
    maxWaitMs: order.maxWaitMs,
    minBytes: 1,
    maxBytes: order.bytesMax,
    isolationLevel: settings.isolationLevel === 'readCommitted' ? 1 : 0,
    sessionId: order.sessionId,
    sessionEpoch: order.sessionEpoch,
    topics: [...named.values()].map((targets) => ({
      ...namesOf(targets),
      partitions: targets.map((target) => ({
        partition: target.partition,
        currentLeaderEpoch: target.leaderEpoch,
        fetchOffset: target.fetchOffset,
        // Left open: a cut log is found by asking for the end of the epoch whenever the leader changes.
        lastFetchedEpoch: anyEpoch,
        partitionMaxBytes: settings.partitionBytesMax,
      })),
    })),
    forgottenTopics: [...forgotten.values()].map((targets) => ({
      ...namesOf(targets),
      partitions: targets.map((target) => target.partition),
    })),
  }
}

function topicOf({ topic, topicId }: FetchTarget): string {
  return `${topic} ${topicId}`
}

function namesOf([first]: readonly FetchTarget[]): { topic: string; topicId: string } {
  return { topic: first?.topic ?? '', topicId: first?.topicId ?? '' }
}

function partitionsOf(answer: FetchResponse, fetching: Fetching): FetchedPartition<KafkaRecord>[] {
  const { order, cluster } = fetching
  const nameOfId = new Map([...order.targets.values()].map(({ topic, topicId }) => [topicId, topic]))
  const found: FetchedPartition<KafkaRecord>[] = []
  for (const response of answer.responses) {
    const topic = response.topic === '' ? nameOfId.get(response.topicId) : response.topic
    if (topic === undefined) continue
    for (const partition of response.partitions) {
      const at = { topic, partition: partition.partitionIndex }
      const target = order.targets.get(partitionName(at))
      if (target === undefined) continue
      learnLeader(at, partition, answer, cluster)
      found.push(partitionOf(at, target, partition, fetching))
    }
  }
  return found
}

function partitionOf(
  at: TopicPartition,
  target: FetchTarget,
  fetched: WirePartition,
  { port, settings }: Fetching,
): FetchedPartition<KafkaRecord> {
  const endOffset = settings.isolationLevel === 'readCommitted' ? fetched.lastStableOffset : fetched.highWatermark
  const divergesAt = fetched.divergingEpoch === null ? null : startAt(Math.max(0, fetched.divergingEpoch.endOffset))
  const told = { at, target, errorCode: fetched.errorCode, endOffset, divergesAt }
  try {
    const chunk =
      fetched.errorCode === 0 ? chunkOf(fetched, target.fetchOffset, port.codec, settings.isolationLevel) : null
    return { ...told, chunk, corruption: null }
  } catch (error) {
    return { ...told, chunk: null, corruption: error instanceof Error ? error.message : String(error) }
  }
}

/** A broker that no longer leads may say who does (Fetch from version 16 on). */
function learnLeader(at: TopicPartition, fetched: WirePartition, answer: FetchResponse, cluster: Cluster): void {
  if (fetched.currentLeader === null || fetched.currentLeader.leaderId < 0) return
  const { leaderId: nodeId, leaderEpoch } = fetched.currentLeader
  const endpoint = answer.nodeEndpoints.find((node) => node.nodeId === nodeId)
  const address = endpoint === undefined ? undefined : { host: endpoint.host, port: endpoint.port }
  cluster.learnLeader(at.topic, at.partition, { nodeId, leaderEpoch, address })
}
