/** A partition as Metadata and DescribeTopicPartitions show it. */

import type { Cluster, Partition } from '../core/cluster.ts'
import { errorCode } from '../protocol/error-code.ts'

export type PartitionView = {
  errorCode: number
  partitionIndex: number
  leaderId: number
  leaderEpoch: number
  replicaNodes: number[]
  isrNodes: number[]
  offlineReplicas: number[]
}

export function viewPartition(partition: Partition, cluster: Cluster): PartitionView {
  const { index, leaderId, leaderEpoch, replicas } = partition
  const isrNodes = cluster.inSync(partition)
  return {
    errorCode: errorCode.none,
    partitionIndex: index,
    leaderId,
    leaderEpoch,
    replicaNodes: [...replicas],
    isrNodes,
    offlineReplicas: replicas.filter((nodeId) => !isrNodes.includes(nodeId)),
  }
}
