/** What group requests are checked for before their group is looked at, and what a group must know of them. */

import type { HandlerContext } from '../core/broker-state.ts'
import type { Cluster } from '../core/cluster.ts'
import type { TopicPartitions } from '../groups/topic-partitions.ts'
import { errorCode, type ErrorCode } from '../protocol/error-code.ts'

/** Why this node may not answer for the group, or not yet; 0 if it may. */
export function coordinatorProblem(groupId: string, { broker, nodeId }: HandlerContext): ErrorCode {
  return broker.cluster.coordinatorProblem(groupId, nodeId)
}

/** As `coordinatorProblem`, for requests in which a group must have a name. Offsets can belong to the empty name, which
 *  is older than this rule. */
export function groupProblem(groupId: string, context: HandlerContext): ErrorCode {
  return groupId === '' ? errorCode.invalidGroupId : coordinatorProblem(groupId, context)
}

type CommittedTopics = readonly {
  readonly name: string
  readonly partitions: readonly { readonly partitionIndex: number }[]
}[]

/** The partitions that a commit names, as far as they exist: of others nobody asks who may commit them. */
export function existingPartitions(topics: CommittedTopics, cluster: Cluster): TopicPartitions {
  const existing = new Map<string, Set<number>>()
  for (const { name, partitions } of topics) {
    for (const { partitionIndex } of partitions) {
      const topicId = cluster.partition(name, partitionIndex)?.topic.id
      if (topicId === undefined) continue
      existing.set(topicId, (existing.get(topicId) ?? new Set()).add(partitionIndex))
    }
  }
  return existing
}
