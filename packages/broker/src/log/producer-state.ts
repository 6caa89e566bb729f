/** Decides whether a batch of an idempotent producer is new, a duplicate, out of order or from a fenced epoch.
 *
 *  As Kafka does: the last five batches of a producer are remembered; a producer that the partition has never heard of
 *  may start at any sequence, because its history may have been deleted. */

import { errorCode, Refusal } from '../protocol/error-code.ts'
import { type BatchHeader } from './record-batch.ts'

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

export type Duplicate = { readonly baseOffset: number; readonly maxTimestampMs: number }

export class ProducerStates {
  readonly #producers = new Map<number, Producer>()

  /** The earlier append if the batch is a repetition; throws a `Refusal` if it must not be appended. */
  check(batch: BatchHeader): Duplicate | undefined {
    if (batch.producerId < 0) return undefined
    const producer = this.#producers.get(batch.producerId)
    if (producer === undefined) return undefined
    if (batch.producerEpoch < producer.epoch) {
      throw new Refusal(
        errorCode.invalidProducerEpoch,
        `producer ${batch.producerId} has epoch ${producer.epoch}, got ${batch.producerEpoch}`,
      )
    }
    if (batch.producerEpoch > producer.epoch) {
      if (batch.baseSequence !== 0) throw outOfOrder(batch, 0)
      return undefined
    }
    const lastSequence = lastSequenceOf(batch)
    const duplicate = producer.batches.find(
      (known) => known.firstSequence === batch.baseSequence && known.lastSequence === lastSequence,
    )
    if (duplicate !== undefined) return duplicate
    const newest = producer.batches.at(-1)
    if (newest === undefined) return undefined
    const expected = newest.lastSequence === sequenceMax ? 0 : newest.lastSequence + 1
    if (batch.baseSequence !== expected) throw outOfOrder(batch, expected)
    return undefined
  }

  /** Remembers a batch that was appended at `baseOffset`. */
  remember(batch: BatchHeader, baseOffset: number): void {
    if (batch.producerId < 0) return
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

function outOfOrder(batch: BatchHeader, expected: number): Refusal {
  return new Refusal(
    errorCode.outOfOrderSequenceNumber,
    `producer ${batch.producerId} must go on with sequence ${expected}, got ${batch.baseSequence}`,
  )
}
