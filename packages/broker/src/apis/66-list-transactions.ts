/** ListTransactions: 0–1. The transactional ids that this node coordinates, by state, producer and age.
 *
 *  * 1: only those that have run for longer than a time · 2, a pattern for ids in the syntax of RE2, is not served */

import type { Handler } from '../core/broker-state.ts'
import { errorCode } from '../protocol/error-code.ts'
import type { TransactionState } from '../transactions/transaction.ts'

/** `Dead` and `PrepareEpochFence` are names that Kafka knows too; no transaction here is ever seen in them. */
const knownStates: readonly (TransactionState | 'Dead' | 'PrepareEpochFence')[] = [
  'Empty',
  'Ongoing',
  'PrepareCommit',
  'PrepareAbort',
  'CompleteCommit',
  'CompleteAbort',
  'Dead',
  'PrepareEpochFence',
]

export const listTransactions: Handler<'ListTransactions'> = (request, { broker, nodeId }) => {
  const { stateFilters, producerIdFilters, durationFilter } = request
  const unknownStateFilters = stateFilters.filter((state) => !knownStates.some((known) => known === state))
  const nowMs = broker.clock.epochMs()
  const transactionStates = broker.transactions
    .all()
    .filter(({ transaction, startedAtMs }) => {
      if (broker.cluster.coordinatorOf(transaction.id).nodeId !== nodeId) return false
      if (producerIdFilters.length > 0 && !producerIdFilters.includes(transaction.identity.producerId)) return false
      if (durationFilter >= 0 && nowMs - startedAtMs <= durationFilter) return false
      return stateFilters.length === 0 || stateFilters.includes(transaction.state)
    })
    .map(({ transaction }) => ({
      transactionalId: transaction.id,
      producerId: transaction.identity.producerId,
      transactionState: transaction.state,
    }))
  return { throttleTimeMs: 0, errorCode: errorCode.none, unknownStateFilters, transactionStates }
}
