/** Decides on which nodes the replicas of a partition are, and refuses placements that Kafka refuses.
 *
 *  Replicas are only shown: every node reads and writes the same log, so all of them are always in sync. */

import { errorCode, Refusal } from '../protocol/error-code.ts'

/** Leader first, then the nodes after it, round and round. Throws a `Refusal` (38) if there are not that many nodes. */
export function placeReplicas(nodeIds: readonly number[], first: number, replicationFactor: number): number[] {
  checkReplicationFactor(replicationFactor, nodeIds.length)
  return Array.from({ length: replicationFactor }, (_, index) => nodeIds[(first + index) % nodeIds.length] as number)
}

export function checkReplicationFactor(replicationFactor: number, nodes: number): void {
  if (replicationFactor < 1) {
    throw new Refusal(
      errorCode.invalidReplicationFactor,
      'Replication factor must be larger than 0, or -1 to use the default value.',
    )
  }
  if (replicationFactor > nodes) {
    throw new Refusal(
      errorCode.invalidReplicationFactor,
      `Unable to replicate the partition ${replicationFactor} time(s): The target replication factor of ` +
        `${replicationFactor} cannot be reached because only ${nodes} broker(s) are registered.`,
    )
  }
}

/** Checks replicas that a client names itself: `factor` of them for each partition. Throws a `Refusal` (39). */
export function checkAssignments(
  assignments: readonly (readonly number[])[],
  nodeIds: readonly number[],
  factor: number = assignments[0]?.length ?? 0,
): void {
  for (const replicas of assignments) {
    if (replicas.length === 0) throw unassignable('includes an empty replica list.')
    for (const [index, nodeId] of replicas.entries()) {
      if (!nodeIds.includes(nodeId)) throw unassignable(`includes broker ${nodeId}, but no such broker is registered.`)
      if (replicas.indexOf(nodeId) !== index) throw unassignable(`includes the broker ${nodeId} more than once.`)
    }
    if (replicas.length !== factor) {
      throw unassignable(
        `includes a partition with ${replicas.length} replica(s), but this is not consistent with previous ` +
          `partitions, which have ${factor} replica(s).`,
      )
    }
  }
}

function unassignable(reason: string): Refusal {
  return new Refusal(errorCode.invalidReplicaAssignment, `The manual partition assignment ${reason}`)
}
