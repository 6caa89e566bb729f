/** One row per API: which versions we speak, how a request of the port becomes the library's arguments, and how its answer
 *  becomes the port's. The library takes the same arguments for all versions of an API and fills in what old answers lack;
 *  where it does not, the row says so. */

import type * as client from '@platformatic/kafka'
import type { FetchRequest, KafkaApi, RequestOf, ResponseOf } from '../port.ts'

export type ApiRow<A extends KafkaApi> = {
  readonly key: number
  readonly versions: { readonly min: number; readonly max: number }
  /** The newest version that can carry this very request; the row's own maximum if absent. */
  maxVersionFor?(request: RequestOf<A>): number
  /** The oldest one. */
  minVersionFor?(request: RequestOf<A>): number
  parameters(request: RequestOf<A>, version: number): readonly unknown[]
  answer(answer: never, request: RequestOf<A>): ResponseOf<A>
}

const nilUuid = '00000000-0000-0000-0000-000000000000'

/** The first version of Fetch in which only topic ids travel. */
const fetchByTopicId = 13
/** The first versions that carry several keys, groups or members. */
const severalCoordinators = 4
const severalGroups = 8
const severalMembers = 3

export const apiRows: { readonly [A in KafkaApi]: ApiRow<A> } = {
  Metadata: {
    key: 3,
    versions: { min: 4, max: 12 },
    parameters: ({ topics, allowAutoTopicCreation }) => [topics, allowAutoTopicCreation, false],
    answer: ({ brokers, clusterId, controllerId, topics }: client.metadataV12.MetadataResponse) => ({
      brokers: brokers.map(({ nodeId, host, port, rack }) => ({ nodeId, host, port, rack: rack ?? null })),
      clusterId: clusterId ?? null,
      controllerId,
      topics: topics.map((topic) => ({
        errorCode: topic.errorCode,
        name: topic.name ?? '',
        topicId: topic.topicId,
        isInternal: topic.isInternal,
        partitions: topic.partitions.map(({ errorCode, partitionIndex, leaderId, leaderEpoch }) => ({
          errorCode,
          partitionIndex,
          leaderId,
          leaderEpoch,
        })),
      })),
    }),
  },
  FindCoordinator: {
    key: 10,
    versions: { min: 1, max: 6 },
    minVersionFor: ({ keys }) => (keys.length === 1 ? 1 : severalCoordinators),
    parameters: ({ keyType, keys }) => [keyType, keys],
    // Up to version 3 the answer does not repeat the one key that was asked for.
    answer: ({ coordinators }: client.findCoordinatorV6.FindCoordinatorResponse, { keys }) => ({
      coordinators: coordinators.map(({ key, nodeId, host, port, errorCode, errorMessage }) => ({
        key: key === '' ? (keys[0] ?? '') : key,
        nodeId,
        host,
        port,
        errorCode,
        errorMessage: errorMessage ?? null,
      })),
    }),
  },
  JoinGroup: {
    key: 11,
    versions: { min: 1, max: 9 },
    parameters: (request) => [
      request.groupId,
      request.sessionTimeoutMs,
      request.rebalanceTimeoutMs,
      request.memberId,
      request.groupInstanceId,
      request.protocolType,
      request.protocols,
      request.reason,
    ],
    answer: (answer: client.joinGroupV9.JoinGroupResponse) => ({
      errorCode: answer.errorCode,
      generationId: answer.generationId,
      protocolType: answer.protocolType ?? null,
      protocolName: answer.protocolName ?? null,
      leader: answer.leader,
      skipAssignment: answer.skipAssignment,
      memberId: answer.memberId ?? '',
      members: answer.members.map(({ memberId, groupInstanceId, metadata }) => ({
        memberId,
        groupInstanceId: groupInstanceId ?? null,
        metadata: metadata ?? Buffer.alloc(0),
      })),
    }),
  },
  SyncGroup: {
    key: 14,
    versions: { min: 0, max: 5 },
    parameters: (request) => [
      request.groupId,
      request.generationId,
      request.memberId,
      request.groupInstanceId,
      request.protocolType,
      request.protocolName,
      request.assignments,
    ],
    answer: ({ errorCode, assignment }: client.syncGroupV5.SyncGroupResponse) => ({ errorCode, assignment }),
  },
  Heartbeat: {
    key: 12,
    versions: { min: 0, max: 4 },
    parameters: (request) => [request.groupId, request.generationId, request.memberId, request.groupInstanceId],
    answer: ({ errorCode }: client.heartbeatV4.HeartbeatResponse) => ({ errorCode }),
  },
  LeaveGroup: {
    key: 13,
    versions: { min: 0, max: 5 },
    minVersionFor: ({ members }) => (members.length === 1 ? 0 : severalMembers),
    parameters: ({ groupId, members }) => [groupId, members],
    // Up to version 2 the answer has no members, and the error of the one that leaves is that of the whole answer.
    answer: ({ errorCode, members }: client.leaveGroupV5.LeaveGroupResponse, request) => ({
      errorCode,
      members:
        members.length === 0
          ? request.members.map(({ memberId, groupInstanceId }) => ({ memberId, groupInstanceId, errorCode }))
          : members.map((member) => ({
              memberId: member.memberId ?? '',
              groupInstanceId: member.groupInstanceId ?? null,
              errorCode: member.errorCode,
            })),
    }),
  },
  OffsetCommit: {
    key: 8,
    versions: { min: 2, max: 9 },
    parameters: (request) => [
      request.groupId,
      request.generationIdOrMemberEpoch,
      request.memberId,
      request.groupInstanceId,
      request.topics.map(({ name, partitions }) => ({
        name,
        partitions: partitions.map((partition) => ({
          ...partition,
          committedOffset: BigInt(partition.committedOffset),
        })),
      })),
    ],
    answer: ({ topics }: client.offsetCommitV9.OffsetCommitResponse) => ({
      topics: topics.map(({ name, partitions }) => ({
        name,
        partitions: partitions.map(({ partitionIndex, errorCode }) => ({ partitionIndex, errorCode })),
      })),
    }),
  },
  OffsetFetch: {
    key: 9,
    versions: { min: 2, max: 9 },
    minVersionFor: ({ groups }) => (groups.length === 1 ? 2 : severalGroups),
    parameters: ({ groups, requireStable }) => [groups, requireStable],
    // Up to version 7 the one group's topics are those of the whole answer.
    answer: (answer: client.offsetFetchV9.OffsetFetchResponse & Partial<OldOffsetFetchAnswer>, request) => {
      const groupId = request.groups[0]?.groupId ?? ''
      const groups =
        answer.topics === undefined
          ? answer.groups
          : [{ groupId, errorCode: answer.errorCode ?? 0, topics: answer.topics }]
      return {
        groups: groups.map((group) => ({
          groupId: group.groupId,
          errorCode: group.errorCode,
          topics: group.topics.map(({ name, partitions }) => ({
            name,
            partitions: partitions.map((partition) => ({
              partitionIndex: partition.partitionIndex,
              committedOffset: exact(partition.committedOffset),
              committedLeaderEpoch: partition.committedLeaderEpoch,
              metadata: partition.metadata ?? null,
              errorCode: partition.errorCode,
            })),
          })),
        })),
      }
    },
  },
  Fetch: {
    key: 1,
    versions: { min: 4, max: 17 },
    // A broker that told us no topic ids cannot be asked by them.
    maxVersionFor: (request) => (knowsTopicIds(request) ? 17 : fetchByTopicId - 1),
    parameters: (request, version) => {
      // Where names travel, the library expects them in the place of the ids.
      const idOf = (topic: { readonly topic: string; readonly topicId: string }): string =>
        version >= fetchByTopicId ? topic.topicId : topic.topic
      return [
        request.maxWaitMs,
        request.minBytes,
        request.maxBytes,
        request.isolationLevel,
        request.sessionId,
        request.sessionEpoch,
        request.topics.map((topic) => ({
          topicId: idOf(topic),
          partitions: topic.partitions.map((partition) => ({
            ...partition,
            fetchOffset: BigInt(partition.fetchOffset),
          })),
        })),
        request.forgottenTopics.map((topic) => ({ topicId: idOf(topic), partitions: topic.partitions })),
        '',
      ]
    },
    answer: (answer: ResponseOf<'Fetch'>) => answer,
  },
  ListOffsets: {
    key: 2,
    versions: { min: 1, max: 9 },
    parameters: ({ isolationLevel, topics }) => [
      -1,
      isolationLevel,
      topics.map(({ name, partitions }) => ({
        name,
        partitions: partitions.map((partition) => ({ ...partition, timestamp: BigInt(partition.timestamp) })),
      })),
    ],
    answer: ({ topics }: client.listOffsetsV9.ListOffsetsResponse) => ({
      topics: topics.map(({ name, partitions }) => ({
        name,
        partitions: partitions.map(({ partitionIndex, errorCode, timestamp, offset, leaderEpoch }) => ({
          partitionIndex,
          errorCode,
          timestamp: exact(timestamp),
          offset: exact(offset),
          leaderEpoch,
        })),
      })),
    }),
  },
  OffsetForLeaderEpoch: {
    key: 23,
    versions: { min: 2, max: 4 },
    parameters: ({ topics }) => [
      -1,
      topics.map(({ topic, partitions }) => ({
        name: topic,
        partitions: partitions.map(({ partition, currentLeaderEpoch, leaderEpoch }) => ({
          partitionIndex: partition,
          currentLeaderEpoch,
          leaderEpoch,
        })),
      })),
    ],
    answer: ({ topics }: client.offsetForLeaderEpochV4.OffsetForLeaderEpochResponse) => ({
      topics: topics.map(({ topic, partitions }) => ({
        topic,
        partitions: partitions.map(({ partition, errorCode, leaderEpoch, endOffset }) => ({
          partition,
          errorCode,
          leaderEpoch,
          endOffset: exact(endOffset),
        })),
      })),
    }),
  },
  Produce: {
    key: 0,
    versions: { min: 3, max: 11 },
    parameters: ({ transactionalId, acks, timeoutMs, topics }) => [transactionalId, acks, timeoutMs, topics],
    answer: ({ responses }: client.produceV11.ProduceResponse) => ({
      responses: responses.map(({ name, partitionResponses }) => ({
        name,
        partitions: partitionResponses.map((partition) => ({
          index: partition.index,
          errorCode: partition.errorCode,
          baseOffset: exact(partition.baseOffset),
          logAppendTimeMs: exact(partition.logAppendTimeMs),
          logStartOffset: exact(partition.logStartOffset),
          errorMessage: partition.errorMessage ?? null,
        })),
      })),
    }),
  },
  InitProducerId: {
    key: 22,
    versions: { min: 0, max: 5 },
    parameters: ({ transactionalId, transactionTimeoutMs, producerId, producerEpoch }) => [
      transactionalId,
      transactionTimeoutMs,
      BigInt(producerId),
      producerEpoch,
    ],
    answer: ({ errorCode, producerId, producerEpoch }: client.initProducerIdV5.InitProducerIdResponse) => ({
      errorCode,
      producerId: exact(producerId),
      producerEpoch,
    }),
  },
  CreateTopics: {
    key: 19,
    versions: { min: 4, max: 7 },
    parameters: ({ topics, timeoutMs, validateOnly }) => [
      topics.map((topic) => ({ ...topic, assignments: [] })),
      timeoutMs,
      validateOnly,
    ],
    answer: ({ topics }: client.createTopicsV7.CreateTopicsResponse) => ({
      topics: topics.map(({ name, topicId, errorCode, errorMessage }) => ({
        name,
        topicId,
        errorCode,
        errorMessage: errorMessage ?? null,
      })),
    }),
  },
  DeleteTopics: {
    key: 20,
    versions: { min: 1, max: 6 },
    parameters: ({ topicNames, timeoutMs }) => [topicNames.map((name) => ({ name, topicId: null })), timeoutMs],
    answer: ({ responses }: client.deleteTopicsV6.DeleteTopicsResponse) => ({
      responses: responses.map(({ name, errorCode, errorMessage }) => ({
        name: name ?? '',
        errorCode,
        errorMessage: errorMessage ?? null,
      })),
    }),
  },
  DescribeConfigs: {
    key: 32,
    versions: { min: 1, max: 4 },
    parameters: ({ resources }) => [resources, false, false],
    answer: ({ results }: client.describeConfigsV4.DescribeConfigsResponse) => ({
      results: results.map(({ errorCode, errorMessage, resourceType, resourceName, configs }) => ({
        errorCode,
        errorMessage: errorMessage ?? null,
        resourceType,
        resourceName,
        configs: configs.map(({ name, value, readOnly, isSensitive }) => ({
          name,
          value: value ?? null,
          readOnly,
          isSensitive,
        })),
      })),
    }),
  },
}

type OldOffsetFetchAnswer = {
  readonly errorCode: number
  readonly topics: client.offsetFetchV9.OffsetFetchResponse['groups'][number]['topics']
}

function knowsTopicIds({ topics, forgottenTopics }: FetchRequest): boolean {
  return [...topics, ...forgottenTopics].every(({ topicId }) => topicId !== nilUuid && topicId !== '')
}

/** Offsets and ids are numbers beyond this point; one that does not fit exactly is an error, never a rounded offset. */
function exact(value: bigint): number {
  const number = Number(value)
  if (!Number.isSafeInteger(number)) throw new RangeError(`${value} is not a safe integer`)
  return number
}
