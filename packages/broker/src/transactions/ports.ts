/** What the end of a transaction does to the logs and groups that took part: markers in the logs, offsets that count. */

import type { BrokerClock } from '../core/clock.ts'
import type { Cluster } from '../core/cluster.ts'
import type { BrokerEvent } from '../core/events.ts'
import type { GroupCoordinator } from '../groups/group-coordinator.ts'
import type { TransactionPorts } from './transaction-coordinator.ts'

export type TransactionSurroundings = {
  readonly clock: BrokerClock
  readonly cluster: Cluster
  readonly groups: GroupCoordinator
  readonly newProducerId: () => number
  readonly emit: (event: BrokerEvent) => void
}

export function transactionPorts({
  clock,
  cluster,
  groups,
  newProducerId,
  emit,
}: TransactionSurroundings): TransactionPorts {
  return {
    clock,
    newProducerId,
    writeMarker: (transactionalId, { topic, partition: index }, { outcome, producer }) => {
      const partition = cluster.partition(topic, index)
      if (partition === undefined) return
      const { log, leaderEpoch } = partition
      const marker = { outcome, ...producer, coordinatorEpoch: cluster.coordinatorEpoch(transactionalId) }
      log.appendMarker(marker, leaderEpoch, Math.trunc(clock.epochMs()))
      emit({ type: 'append', topic, partition: index, endOffset: log.endOffset })
    },
    endOffsets: (groupId, { outcome, producer }) => {
      const committed = groups.get(groupId)?.offsets.endPending(producer.producerId, outcome) ?? []
      for (const { topic, partition, offset } of committed) emit({ type: 'commit', groupId, topic, partition, offset })
    },
  }
}
