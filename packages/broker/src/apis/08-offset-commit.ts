/** OffsetCommit: 2–9. Stores offsets with leader epoch and metadata if the member may still speak for the group.
 *
 *  * 5: no retention time any more · 6: leader epoch · 7: static members · 8: flexible
 *  * 9: an unknown group is 69, not 22; the first in which members of a consumer group may commit, else 35 */

import type { Handler } from '../core/broker-state.ts'
import { commitMetadataLengthMax } from '../core/broker-configs.ts'
import type { KnownGroup } from '../groups/group-coordinator.ts'
import { errorCode, type ErrorCode } from '../protocol/error-code.ts'
import { coordinatorProblem, existingPartitions } from './group-access.ts'

export const offsetCommit: Handler<'OffsetCommit'> = (request, context) => {
  const { broker, version } = context
  const { groupId, memberId, groupInstanceId, generationIdOrMemberEpoch: generationId } = request
  const target = ((): KnownGroup | ErrorCode => {
    const problem = coordinatorProblem(groupId, context)
    if (problem !== errorCode.none) return problem
    const stamp = { memberId, groupInstanceId, generationId }
    return broker.groups.forCommit(groupId, stamp, version, existingPartitions(request.topics, broker.cluster))
  })()
  return {
    throttleTimeMs: 0,
    topics: request.topics.map(({ name, partitions }) => ({
      name,
      partitions: partitions.map((partition) => {
        const { partitionIndex, committedOffset, committedLeaderEpoch } = partition
        const committedMetadata = partition.committedMetadata ?? ''
        const problem = ((): ErrorCode => {
          if (broker.cluster.partition(name, partitionIndex) === undefined) return errorCode.unknownTopicOrPartition
          if (typeof target === 'number') return target
          if (committedMetadata.length > commitMetadataLengthMax) return errorCode.offsetMetadataTooLarge
          return errorCode.none
        })()
        if (problem === errorCode.none && typeof target !== 'number') {
          const committed = { offset: committedOffset, leaderEpoch: committedLeaderEpoch, metadata: committedMetadata }
          target.offsets.commit(name, partitionIndex, committed)
          broker.emit({ type: 'commit', groupId, topic: name, partition: partitionIndex, offset: committedOffset })
        }
        return { partitionIndex, errorCode: problem }
      }),
    })),
  }
}
