/** Decides which batches of a Produce request their transaction takes: asks the coordinator, as the leader of a partition
 *  does in Kafka before it appends (KIP-890).
 *
 *  Up to version 11 the partition must have joined the transaction before; from 12 on the batch itself lets it join. A
 *  producer that has records in an open transaction here is not asked about again. Epochs and sequences belong to the log. */

import type { HandlerContext } from '../core/broker-state.ts'
import type { PartitionLog } from '../log/partition-log.ts'
import { type BatchHeader, readBatchHeader } from '../log/record-batch.ts'
import type { RequestOf } from '../protocol/apis.ts'
import { errorCode, type ErrorCode } from '../protocol/error-code.ts'
import type { ProducerIdentity, TransactionPartition } from './transaction.ts'

export type TransactionRefusal = { readonly code: ErrorCode; readonly message: string | null }
/** Why the batch for a partition may not be appended; undefined if its transaction takes it or there is none. */
export type Admission = (topic: string, partition: number) => TransactionRefusal | undefined

type Batch = TransactionPartition & { readonly header: BatchHeader; readonly log: PartitionLog | undefined }
type Request = RequestOf<'Produce'>

/** The first version whose batches join a transaction by themselves. */
const joiningVersion = 12
/** Clients of older versions do not know TRANSACTION_ABORTABLE. */
const abortableVersion = 11
/** `add.partitions.to.txn.retry.backoff.ms` and `…max.ms`: the end of the transaction before is worth a short wait. */
const retryPauseMs = 20
const retryMsMax = 100

const admitAll: Admission = () => undefined

export function admit(request: Request, context: HandlerContext): Admission | Promise<Admission> {
  const batches = transactionalBatches(request, context)
  if (batches.length === 0) return admitAll
  const { transactionalId } = request
  if (transactionalId === null) {
    return () => ({ code: errorCode.transactionalIdAuthorizationFailed, message: null })
  }
  const identified = batches.filter(({ header }) => header.producerId >= 0)
  const [identity, ...others] = new Map(
    identified.map(({ header }) => [`${header.producerId} ${header.producerEpoch}`, identityOf(header)]),
  ).values()
  if (identity === undefined) return admitAll
  if (others.length > 0) return () => ({ code: errorCode.invalidProducerIdMapping, message: null })
  const unknown = identified.filter(({ log }) => log !== undefined && !isOpenIn(log, identity))
  for (const { log, header } of unknown) log?.announce(header)
  const wanted = { transactionalId, identity, partitions: unknown, version: context.version }
  return context.version >= joiningVersion ? join(wanted, context) : verify(wanted, context)
}

function isOpenIn(log: PartitionLog, { producerId, producerEpoch }: ProducerIdentity): boolean {
  return log.hasOpenTransaction(producerId) && log.producerEpoch(producerId) === producerEpoch
}

function transactionalBatches(request: Request, { broker, nodeId }: HandlerContext): Batch[] {
  return request.topics.flatMap(({ name, partitions }) =>
    partitions.flatMap(({ index, records }) => {
      const header = records === null ? undefined : readBatchHeader(records)
      if (header?.isTransactional !== true) return []
      const partition = broker.cluster.partition(name, index)
      return [
        { topic: name, partition: index, header, log: partition?.leaderId === nodeId ? partition.log : undefined },
      ]
    }),
  )
}

function identityOf({ producerId, producerEpoch }: BatchHeader): ProducerIdentity {
  return { producerId, producerEpoch }
}

type Wanted = {
  readonly transactionalId: string
  readonly identity: ProducerIdentity
  readonly partitions: readonly TransactionPartition[]
  readonly version: number
}

function verify({ transactionalId, identity, partitions, version }: Wanted, { broker }: HandlerContext): Admission {
  const refusals = new Map<string, TransactionRefusal>()
  for (const { topic, partition } of partitions) {
    const code = broker.transactions.verify(transactionalId, identity, {
      partitions: [{ topic, partition }],
      groups: [],
    })
    if (code !== errorCode.none) refusals.set(`${topic} ${partition}`, told(code, version))
  }
  return (topic, partition) => refusals.get(`${topic} ${partition}`)
}

function join(wanted: Wanted, context: HandlerContext): Admission | Promise<Admission> {
  const { transactionalId, identity, partitions, version } = wanted
  if (partitions.length === 0) return admitAll
  const { clock, transactions } = context.broker
  const joining = { partitions: partitions.map(({ topic, partition }) => ({ topic, partition })), groups: [] }
  const ask = (): ErrorCode => transactions.add(transactionalId, identity, joining)
  const admission = (code: ErrorCode): Admission => {
    const refusal = code === errorCode.none ? undefined : told(code, version)
    const asked = new Set(partitions.map(({ topic, partition }) => `${topic} ${partition}`))
    return (topic, partition) => (asked.has(`${topic} ${partition}`) ? refusal : undefined)
  }
  const first = ask()
  if (first !== errorCode.concurrentTransactions) return admission(first)
  const untilMs = clock.monotonicMs() + retryMsMax
  return new Promise((resolve) => {
    const askAgain = (): void => {
      const code = ask()
      const isOver = code !== errorCode.concurrentTransactions || clock.monotonicMs() >= untilMs
      if (isOver) resolve(admission(code))
      else clock.setTimer(retryPauseMs, askAgain)
    }
    clock.setTimer(retryPauseMs, askAgain)
  })
}

/** What the coordinator said, in words that a producer of this version understands. */
function told(code: ErrorCode, version: number): TransactionRefusal {
  switch (code) {
    case errorCode.producerFenced:
      return { code: errorCode.invalidProducerEpoch, message: null }
    case errorCode.transactionAbortable:
      return version >= abortableVersion
        ? { code, message: null }
        : { code: errorCode.invalidTxnState, message: 'Partition was not added to the transaction' }
    case errorCode.concurrentTransactions:
      if (version >= joiningVersion) return { code, message: null }
      return {
        code: errorCode.notEnoughReplicas,
        message: `Unable to verify the partition has been added to the transaction. Underlying error: CONCURRENT_TRANSACTIONS`,
      }
    default:
      return { code, message: null }
  }
}
