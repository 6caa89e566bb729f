/** A Kafka that answers from memory, one turn of the event loop after it was asked: one node, one topic, one member that gets
 *  everything. It is there to leave out the network and the broker, and keeps no state but what it was given. */
import { type Environment, type TestKafka } from 'holdfast'
import {
  type KafkaApi,
  type NodeAddress,
  type RequestOf,
  type ResponseOf,
} from '../../packages/holdfast/src/kafka/port.ts'
import { systemClock } from '../../packages/holdfast/src/runtime/clock.ts'
import { answerFor, codecWithoutCrc } from './prepared-answers.ts'

export const memoryTopic = 'orders'
const topicId = '0a1b2c3d-0000-4000-8000-00000000beef'
const memberId = 'bench'
const address: NodeAddress = { host: 'memory.invalid', port: 9_092 }
const node = { nodeId: 1, ...address }

type Answers = { readonly [A in KafkaApi]?: (request: RequestOf<A>) => ResponseOf<A> | Promise<ResponseOf<A>> }

/** For `createHoldfast({ kafka })`. */
export function memoryKafka(batches: readonly Buffer[][]): TestKafka {
  const answers = answersFrom(batches)
  const environment: Environment = {
    clock: systemClock,
    bootstrap: [address],
    openPort: () =>
      Promise.resolve({
        codec: codecWithoutCrc,
        close: () => undefined,
        call: async <A extends KafkaApi>(_: NodeAddress, api: A, request: RequestOf<A>): Promise<ResponseOf<A>> => {
          await new Promise(setImmediate)
          const answer = answers[api] as ((request: RequestOf<A>) => ResponseOf<A>) | undefined
          if (answer === undefined) throw new Error(`the Kafka in memory has no ${api}`)
          return answer(request)
        },
      }),
  }
  return { environment }
}

function answersFrom(batches: readonly Buffer[][]): Answers {
  const partitions = batches.map((_, partitionIndex) => ({
    errorCode: 0,
    partitionIndex,
    leaderId: node.nodeId,
    leaderEpoch: 0,
  }))
  return {
    Metadata: () => ({
      brokers: [{ ...node, rack: null }],
      clusterId: null,
      controllerId: node.nodeId,
      topics: [{ errorCode: 0, name: memoryTopic, topicId, isInternal: false, partitions }],
    }),
    FindCoordinator: ({ keys }) => ({
      coordinators: keys.map((key) => ({ key, ...node, errorCode: 0, errorMessage: null })),
    }),
    Fetch: (request) => fetched(batches, request),
    ListOffsets: ({ topics }) => ({
      topics: topics.map(({ name, partitions: asked }) => ({
        name,
        partitions: asked.map(({ partitionIndex }) => {
          return { partitionIndex, errorCode: 0, timestamp: -1, offset: 0, leaderEpoch: 0 }
        }),
      })),
    }),
    ...groupAnswers,
  }
}

const groupAnswers: Answers = {
  JoinGroup: ({ protocols }) => ({
    errorCode: 0,
    generationId: 1,
    protocolType: 'consumer',
    protocolName: protocols[0]?.name ?? null,
    leader: memberId,
    skipAssignment: false,
    memberId,
    members: [{ memberId, groupInstanceId: null, metadata: protocols[0]?.metadata ?? Buffer.alloc(0) }],
  }),
  SyncGroup: ({ assignments }) => ({ errorCode: 0, assignment: assignments[0]?.assignment ?? Buffer.alloc(0) }),
  Heartbeat: () => ({ errorCode: 0 }),
  LeaveGroup: () => ({ errorCode: 0, members: [] }),
  OffsetFetch: ({ groups }) => ({
    groups: groups.map(({ groupId, topics }) => ({
      groupId,
      errorCode: 0,
      topics: (topics ?? []).map(({ name, partitionIndexes }) => ({
        name,
        partitions: partitionIndexes.map((partitionIndex) => {
          return { partitionIndex, committedOffset: -1, committedLeaderEpoch: -1, metadata: null, errorCode: 0 }
        }),
      })),
    })),
  }),
  OffsetCommit: ({ topics }) => ({
    topics: topics.map(({ name, partitions }) => ({
      name,
      partitions: partitions.map(({ partitionIndex }) => ({ partitionIndex, errorCode: 0 })),
    })),
  }),
}

/** Keeps no session: every request names all it wants. With nothing left it never answers, as a broker would not for long. */
function fetched(batches: readonly Buffer[][], { topics }: RequestOf<'Fetch'>): Promise<ResponseOf<'Fetch'>> {
  const partitions = topics.flatMap((asked) =>
    asked.partitions.map(({ partition, fetchOffset }) => answerFor(batches[partition] ?? [], partition, fetchOffset)),
  )
  if (partitions.every(({ records }) => records.length === 0)) return new Promise(() => undefined)
  const responses = [{ topic: memoryTopic, topicId, partitions }]
  return Promise.resolve({ errorCode: 0, sessionId: 0, responses, nodeEndpoints: [] })
}
