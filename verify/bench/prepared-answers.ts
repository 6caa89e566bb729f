/** Fetch answers as they would come from a broker, made beforehand and kept in memory, so that what is measured begins with the
 *  decoder. Checksums are left out on both sides of every comparison: they cost what the bytes cost, not what we do. */
import { type FetchedPartition } from '../../packages/holdfast/src/kafka/port.ts'
import { type BatchCodec, encodeBatch } from '../../packages/holdfast/src/kafka/record-batch.ts'
import { batchLayout, writeInt64 } from '../../packages/holdfast/src/kafka/batch-layout.ts'
import { pureCodec } from '../../packages/holdfast/src/kafka/crc32c.ts'
import { keyOf } from './records.ts'

export const recordsPerAnswer = 256
const nobody = { producerId: -1, producerEpoch: -1, baseSequence: -1 }
/** The batches below carry this checksum, and this codec finds it in every batch. */
const crcOfEverything = 0
export const codecWithoutCrc: BatchCodec = { ...pureCodec, crc32c: () => crcOfEverything }

export type PreparedShape = {
  readonly partitions: number
  readonly answersPerPartition: number
  readonly bytes: number
  readonly keys: number
}

/** By partition, then one batch after the other; the offset of a batch is its index times `recordsPerAnswer`. */
export function prepareAnswers({ partitions, answersPerPartition, bytes, keys }: PreparedShape): Buffer[][] {
  const value = Buffer.alloc(bytes, 'holdfast ')
  const timestampMs = Date.now()
  return Array.from({ length: partitions }, (_, partition) =>
    Array.from({ length: answersPerPartition }, (__, answer) => {
      const records = Array.from({ length: recordsPerAnswer }, (___, index) => {
        const number = (answer * recordsPerAnswer + index) * partitions + partition
        return { key: Buffer.from(keyOf(number % keys)), value, headers: [], timestampMs }
      })
      const batch = encodeBatch(records, nobody, codecWithoutCrc.crc32c)
      writeInt64(batch, answer * recordsPerAnswer, batchLayout.baseOffset)
      batch.writeInt32BE(0, batchLayout.partitionLeaderEpoch)
      return batch
    }),
  )
}

/** What a broker with these batches answers for one partition; no records at its end. */
export function answerFor(batches: readonly Buffer[], partitionIndex: number, fetchOffset: number): FetchedPartition {
  const end = batches.length * recordsPerAnswer
  return {
    partitionIndex,
    errorCode: 0,
    highWatermark: end,
    lastStableOffset: end,
    logStartOffset: 0,
    abortedTransactions: [],
    currentLeader: null,
    divergingEpoch: null,
    records: batches[Math.floor(fetchOffset / recordsPerAnswer)] ?? Buffer.alloc(0),
  }
}
