/** Decides whether a batch of an idempotent producer is new, a duplicate, out of order or from a fenced epoch.
 *
 *  As Kafka does: the last five batches of a producer are remembered; a producer that the partition has never heard of
 *  may start at any sequence, because its history may have been deleted. A transaction of version 2 (KIP-890) may not,
 *  and no transaction may start behind a batch that its coordinator was asked about before. */

import { errorCode } from '../protocol/error-code.ts'
import { LogRefusal } from './batch-rules.ts'
import type { BatchHeader } from './record-batch.ts'

/** Kafka's `NUM_BATCHES_TO_RETAIN`, which is also the most requests an idempotent producer may have in flight. */
const batchesRemembered = 5
const sequenceMax = 2 ** 31 - 1

type RememberedBatch = {
  readonly firstSequence: number
  readonly lastSequence: number
  readonly baseOffset: number
  readonly maxTimestampMs: number
}

type Producer = { epoch: number; readonly batches: RememberedBatch[] }

type Announced = { readonly epoch: number; readonly lowestSequence: number }

export type Duplicate = { readonly baseOffset: number; readonly maxTimestampMs: number }

export class ProducerStates {
  readonly #producers = new Map<number, Producer>()
  /** The lowest sequence of a transaction that has no batch here yet. */
  readonly #announced = new Map<number, Announced>()

  epochOf(producerId: number): number | undefined {
    return this.#producers.get(producerId)?.epoch
  }

  /** Whether the batch is the last that a producer wrote here; a marker is, if its producer has no other under its epoch. */
  isLast({ producerId, producerEpoch, baseOffset, isControl }: BatchHeader): boolean {
    const producer = this.#producers.get(producerId)
    const newest = producer?.batches.at(-1)
    return isControl
      ? producer !== undefined && newest === undefined && producer.epoch === producerEpoch
      : newest !== undefined && newest.baseOffset === baseOffset
  }

  /** A batch of a transaction will come, if the transaction's coordinator agrees. */
  announce({ producerId, producerEpoch: epoch, baseSequence }: BatchHeader): void {
    const known = this.#announced.get(producerId)
    if (known !== undefined && known.epoch >= epoch && known.lowestSequence <= baseSequence) return
    const isNewEpoch = known === undefined || epoch > known.epoch
    const lowestSequence = isNewEpoch ? baseSequence : Math.min(known.lowestSequence, baseSequence)
    this.#announced.set(producerId, { epoch: Math.max(epoch, known?.epoch ?? epoch), lowestSequence })
  }

  /** The earlier append if the batch is a repetition; throws a `Refusal` if it must not be appended. */
  check(batch: BatchHeader, transactionsStartAtZero: boolean): Duplicate | undefined {
    if (batch.producerId < 0) return undefined
    const producer = this.#producers.get(batch.producerId)
    if (producer === undefined) {
      this.#checkStart(batch, transactionsStartAtZero)
      return undefined
    }
    if (batch.producerEpoch < producer.epoch) {
      throw new LogRefusal(
        errorCode.invalidProducerEpoch,
        `producer ${batch.producerId} has epoch ${producer.epoch}, got ${batch.producerEpoch}`,
      )
    }
    if (batch.producerEpoch > producer.epoch) {
      if (batch.baseSequence !== 0) throw outOfOrder(batch, 0)
      return undefined
    }
    if (producer.batches.length === 0) this.#checkStart(batch, transactionsStartAtZero)
    const lastSequence = lastSequenceOf(batch)
    const duplicate = producer.batches.find(
      (known) => known.firstSequence === batch.baseSequence && known.lastSequence === lastSequence,
    )
    if (duplicate !== undefined) return duplicate
    // Nothing but a marker: it has opened this epoch, and an epoch starts with 0.
    const newest = producer.batches.at(-1)?.lastSequence ?? -1
    const expected = newest === sequenceMax ? 0 : newest + 1
    if (batch.baseSequence !== expected) throw outOfOrder(batch, expected)
    this.#checkAnnounced(batch)
    return undefined
  }

  #checkStart(batch: BatchHeader, transactionsStartAtZero: boolean): void {
    if (batch.isTransactional && transactionsStartAtZero && batch.baseSequence !== 0) throw outOfOrder(batch, 0)
    this.#checkAnnounced(batch)
  }

  #checkAnnounced(batch: BatchHeader): void {
    const announced = this.#announced.get(batch.producerId)
    if (announced === undefined || batch.baseSequence <= announced.lowestSequence) return
    throw outOfOrder(batch, announced.lowestSequence)
  }

  /** Remembers a batch that was appended at `baseOffset`. */
  remember(batch: BatchHeader, baseOffset: number): void {
    if (batch.producerId < 0) return
    this.#announced.delete(batch.producerId)
    let producer = this.#producers.get(batch.producerId)
    if (producer === undefined || producer.epoch !== batch.producerEpoch) {
      producer = { epoch: batch.producerEpoch, batches: [] }
      this.#producers.set(batch.producerId, producer)
    }
    if (batch.isControl) return
    const { baseSequence: firstSequence, maxTimestampMs } = batch
    producer.batches.push({ firstSequence, lastSequence: lastSequenceOf(batch), baseOffset, maxTimestampMs })
    if (producer.batches.length > batchesRemembered) producer.batches.shift()
  }
}

/** Sequences wrap around to 0 after the largest int32. */
function lastSequenceOf(batch: BatchHeader): number {
  const last = batch.baseSequence + batch.lastOffsetDelta
  return last > sequenceMax ? last - sequenceMax - 1 : last
}

function outOfOrder(batch: BatchHeader, expected: number): LogRefusal {
  return new LogRefusal(
    errorCode.outOfOrderSequenceNumber,
    `producer ${batch.producerId} must go on with sequence ${expected}, got ${batch.baseSequence}`,
  )
}
