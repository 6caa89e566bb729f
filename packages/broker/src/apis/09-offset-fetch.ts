/** OffsetFetch: 1–9. What a group has committed; −1 where it has not.
 *
 *  * 2: null means every partition, errors for the group as a whole · 5: leader epoch · 6: flexible
 *  * 7: requireStable: 88 where a transaction may change the offset · 8: several groups · 9: member epochs of consumer groups:
 *  25, 113 */

import type { Handler, HandlerContext } from '../core/broker-state.ts'
import { errorCode, type ErrorCode } from '../protocol/error-code.ts'
import { coordinatorProblem } from './group-access.ts'

type Wanted = readonly { readonly name: string; readonly partitionIndexes: readonly number[] }[] | null
type TopicOffsets = {
  name: string
  partitions: {
    partitionIndex: number
    committedOffset: number
    committedLeaderEpoch: number
    metadata: string | null
    errorCode: number
  }[]
}

export const offsetFetch: Handler<'OffsetFetch'> = (request, context) => {
  if (context.version >= 8) {
    return {
      throttleTimeMs: 0,
      groups: request.groups.map(({ groupId, topics, memberId, memberEpoch }) => {
        const problem = reads(groupId, { memberId, memberEpoch }, context)
        return problem === errorCode.none
          ? fetchGroup(groupId, topics, request.requireStable, context)
          : { groupId, topics: [], errorCode: problem }
      }),
    }
  }
  const { topics, errorCode: code } = fetchGroup(request.groupId, request.topics, request.requireStable, context)
  if (context.version >= 2 || code === errorCode.none) return { throttleTimeMs: 0, topics, errorCode: code }
  // Version 1 has no place for an error of the group: every partition carries it.
  return { throttleTimeMs: 0, topics: (request.topics ?? []).map((topic) => nothingCommitted(topic, code)) }
}

type Reader = { readonly memberId: string | null; readonly memberEpoch: number }

/** Only a consumer group asks who reads. */
function reads(groupId: string, { memberId, memberEpoch }: Reader, { broker }: HandlerContext): ErrorCode {
  const group = broker.groups.get(groupId)?.group
  return group?.type === 'consumer' ? group.checkFetch(memberId, memberEpoch) : errorCode.none
}

function fetchGroup(
  groupId: string,
  wanted: Wanted,
  requireStable: boolean,
  context: HandlerContext,
): { groupId: string; topics: TopicOffsets[]; errorCode: ErrorCode } {
  const problem = coordinatorProblem(groupId, context)
  if (problem !== errorCode.none) return { groupId, topics: [], errorCode: problem }
  const offsets = context.broker.groups.get(groupId)?.offsets
  if (offsets === undefined) {
    return { groupId, topics: (wanted ?? []).map((topic) => nothingCommitted(topic, errorCode.none)), errorCode: 0 }
  }
  const names = wanted ?? Map.groupBy(offsets.all(), ({ topic }) => topic).keys()
  const topics = [...names].map((topic): TopicOffsets => {
    const name = typeof topic === 'string' ? topic : topic.name
    const all = offsets.all().filter((each) => each.topic === name)
    const indexes = typeof topic === 'string' ? all.map(({ partition }) => partition) : topic.partitionIndexes
    const partitions = indexes.map((partitionIndex) => {
      if (requireStable && offsets.isUnstable(name, partitionIndex)) return unstable(partitionIndex)
      const committed = offsets.get(name, partitionIndex)
      return {
        partitionIndex,
        committedOffset: committed?.offset ?? -1,
        committedLeaderEpoch: committed?.leaderEpoch ?? -1,
        metadata: committed?.metadata ?? '',
        errorCode: errorCode.none,
      }
    })
    return { name, partitions }
  })
  return { groupId, topics, errorCode: errorCode.none }
}

function unstable(partitionIndex: number): TopicOffsets['partitions'][number] {
  const code = errorCode.unstableOffsetCommit
  return { partitionIndex, committedOffset: -1, committedLeaderEpoch: -1, metadata: '', errorCode: code }
}

function nothingCommitted(
  { name, partitionIndexes }: { readonly name: string; readonly partitionIndexes: readonly number[] },
  code: ErrorCode,
): TopicOffsets {
  return {
    name,
    partitions: partitionIndexes.map((partitionIndex) => ({
      partitionIndex,
      committedOffset: -1,
      committedLeaderEpoch: -1,
      metadata: '',
      errorCode: code,
    })),
  }
}
