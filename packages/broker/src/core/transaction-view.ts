/** What a test sees of a transactional id. */

import type { GroupCoordinator } from '../groups/group-coordinator.ts'
import type { TransactionPartition, TransactionState } from '../transactions/transaction.ts'
import type { KnownTransaction } from '../transactions/transaction-coordinator.ts'

export type TransactionView = {
  readonly transactionalId: string
  readonly state: TransactionState
  readonly producerId: number
  readonly producerEpoch: number
  /** How long it may be open, in ms. */
  readonly timeoutMs: number
  /** When it was opened, in ms since 1970; −1 if it never was. */
  readonly startedAtMs: number
  /** The partitions that have joined it; none once it has ended. */
  readonly partitions: readonly TransactionPartition[]
  /** Offsets that count as soon as it commits. */
  readonly pendingOffsets: readonly (TransactionPartition & { readonly groupId: string; readonly offset: number })[]
}

export function viewTransaction(known: KnownTransaction, groups: GroupCoordinator): TransactionView {
  const { transaction, startedAtMs } = known
  const { participants, identity } = transaction
  return {
    transactionalId: transaction.id,
    state: transaction.state,
    ...identity,
    timeoutMs: transaction.timeoutMs,
    startedAtMs,
    partitions: participants.partitions,
    pendingOffsets: participants.groups.flatMap((groupId) =>
      (groups.get(groupId)?.offsets.pending(identity.producerId) ?? []).map(({ topic, partition, offset }) => ({
        groupId,
        topic,
        partition,
        offset,
      })),
    ),
  }
}
