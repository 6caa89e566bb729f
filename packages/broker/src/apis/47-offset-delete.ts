/** OffsetDelete: 0. Forgets offsets of a group, but not of topics that its members want (86).
 *
 *  A group with members of which nobody can know what they want, because they are no consumers, is refused as a whole. */

import type { Handler, HandlerContext } from '../core/broker-state.ts'
import type { KnownGroup } from '../groups/group-coordinator.ts'
import { errorCode, type ErrorCode } from '../protocol/error-code.ts'
import { groupProblem } from './group-access.ts'

export const offsetDelete: Handler<'OffsetDelete'> = (request, context) => {
  const target = targetOf(request.groupId, context)
  if (typeof target === 'number') return { errorCode: target, throttleTimeMs: 0, topics: [] }
  const { group, offsets } = target
  const topics = request.topics.map(({ name, partitions }) => ({
    name,
    partitions: partitions.map(({ partitionIndex }) => {
      const code = ((): ErrorCode => {
        const exists = context.broker.cluster.partition(name, partitionIndex) !== undefined
        if (!exists) return errorCode.unknownTopicOrPartition
        return group.isSubscribedTo(name) ? errorCode.groupSubscribedToTopic : errorCode.none
      })()
      if (code === errorCode.none) offsets.forget(name, partitionIndex)
      return { partitionIndex, errorCode: code }
    }),
  }))
  return { errorCode: errorCode.none, throttleTimeMs: 0, topics }
}

function targetOf(groupId: string, context: HandlerContext): KnownGroup | ErrorCode {
  const problem = groupProblem(groupId, context)
  if (problem !== errorCode.none) return problem
  const known = context.broker.groups.get(groupId)
  if (known === undefined) return errorCode.groupIdNotFound
  const { group } = known
  const isOpaque = group.type === 'classic' && group.state !== 'empty' && group.protocolType !== 'consumer'
  return isOpaque ? errorCode.nonEmptyGroup : known
}
