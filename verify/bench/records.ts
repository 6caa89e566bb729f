/** Decides what the records of a benchmark look like, and how they lie in batches: keys of 16 bytes, values that no compression
 *  would shrink, batches of 64 KiB as a producer with much to do makes them. The same shape gives the same bytes. */
import { SeededRandom } from 'holdfast/testing'
import { encodeBatch } from '../../packages/holdfast/src/kafka/encode-batch.ts'
import { crc32c } from '../../packages/holdfast/src/kafka/crc32c.ts'
import { sum } from './statistics.ts'

const batchBytes = 64 * 1_024
const keyBytes = 16
const seed = 42
/** Not an idempotent producer. */
const nobody = { producerId: -1, producerEpoch: -1, baseSequence: -1 }

export type RecordShape = {
  readonly records: number
  /** Of each value. */
  readonly bytes: number
  readonly partitions: number
  /** How many different keys there are, each in one partition; 0 for records without a key. */
  readonly keys: number
  /** Leaves all partitions but the first one empty. */
  readonly onlyFirst?: boolean | undefined
}

type Batch = { readonly partition: number; readonly records: Buffer }

/** The key with this number. */
export function keyOf(number: number): string {
  return String(number).padStart(keyBytes, '0')
}

/** Partition after partition in turn, so that all of them grow together. */
export function* batchesOf(shape: RecordShape): Generator<Batch, void, undefined> {
  const { bytes, partitions, keys } = shape
  const filled = shape.onlyFirst === true ? 1 : partitions
  const perBatch = Math.max(1, Math.floor(batchBytes / (bytes + keyBytes)))
  const chance = new SeededRandom(seed)
  const value = Buffer.from(Array.from({ length: bytes }, () => chance.integer(0, 255)))
  const left = Array.from({ length: filled }, (_, partition) => Math.ceil((shape.records - partition) / filled))
  const timestampMs = Date.now()
  for (let partition = 0; sum(left) > 0; partition = (partition + 1) % filled) {
    const count = Math.min(perBatch, left[partition] as number)
    if (count === 0) continue
    left[partition] = (left[partition] as number) - count
    const batch = Array.from({ length: count }, () => {
      const key = keys === 0 ? null : Buffer.from(keyOf(anyKeyIn(partition, filled, keys, chance)))
      return { key, value, headers: [], timestampMs }
    })
    yield { partition, records: encodeBatch(batch, nobody, crc32c) }
  }
}

/** A key is always found in the partition that is its number modulo the partitions. */
function anyKeyIn(partition: number, partitions: number, keys: number, chance: SeededRandom): number {
  const keysHere = Math.max(1, Math.floor(keys / partitions))
  return chance.integer(0, keysHere - 1) * partitions + partition
}
