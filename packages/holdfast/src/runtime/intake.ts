/** Turns what a fetch brought for one partition into a chunk that hands out its records in slices. It checks every
 *  checksum at once and decodes nothing before somebody has room for it; it leaves out transaction markers and the records
 *  of aborted transactions, whose offsets count as passed. */
import type { Chunk } from '../engine/partition-flow.ts'
import type { FetchedPartition } from '../kafka/port.ts'
import { type BatchCodec, type BatchView, readBatches, type RecordCursor } from '../kafka/record-batch.ts'
import type { KafkaRecord } from '../model/record.ts'
import { type NextOffset, startAt } from '../model/next-offset.ts'

/** What is wrong with the bytes, and where. */
export class CorruptBatch extends Error {
  override readonly name = 'CorruptBatch'
}

/** Null when the answer holds no batch. Batches before one that cannot be trusted are used; when it comes first, throws
 *  `CorruptBatch` or a `RecordBatchError`. */
export function chunkOf(
  fetched: FetchedPartition,
  position: NextOffset,
  codec: BatchCodec,
  isolation: 'readCommitted' | 'readUncommitted',
): Chunk<KafkaRecord> | null {
  const batches = trustworthy(fetched.records, codec)
  const last = batches.at(-1)
  if (last === undefined || last.nextOffset <= position) return null
  const aborted = isolation === 'readCommitted' ? fetched.abortedTransactions : []
  const readable = withoutAborted(batches, aborted).filter((batch) => batch.nextOffset > position)
  return new FetchedChunk(fetched.records.length, readable, position, startAt(last.nextOffset), last.leaderEpoch)
}

function trustworthy(records: Buffer, codec: BatchCodec): BatchView[] {
  const batches: BatchView[] = []
  try {
    for (const batch of readBatches(records, codec)) {
      if (!batch.crcIsValid()) throw new CorruptBatch(`the batch at offset ${batch.baseOffset} fails its checksum`)
      batches.push(batch)
    }
  } catch (error) {
    // The next fetch begins at the bad one and says so.
    if (batches.length === 0) throw error
  }
  return batches
}

/** An aborted transaction reaches from its first offset to the next marker of its producer. */
function withoutAborted(
  batches: readonly BatchView[],
  aborted: readonly { readonly producerId: number; readonly firstOffset: number }[],
): BatchView[] {
  const pending = [...aborted].sort((a, b) => a.firstOffset - b.firstOffset)
  const aborting = new Set<number>()
  const readable: BatchView[] = []
  for (const batch of batches) {
    while (pending[0] !== undefined && pending[0].firstOffset < batch.nextOffset) {
      aborting.add(pending[0].producerId)
      pending.shift()
    }
    if (batch.isControl) aborting.delete(batch.producerId)
    else if (!batch.isTransactional || !aborting.has(batch.producerId)) readable.push(batch)
  }
  return readable
}

class FetchedChunk implements Chunk<KafkaRecord> {
  readonly bytes: number
  readonly nextOffset: NextOffset
  readonly leaderEpoch: number
  unfinished = 0
  isTaken = false
  readonly #batches: BatchView[]
  readonly #position: NextOffset
  #cursor: RecordCursor | null = null

  constructor(bytes: number, batches: BatchView[], position: NextOffset, nextOffset: NextOffset, leaderEpoch: number) {
    this.bytes = bytes
    this.#batches = batches.reverse()
    this.#position = position
    this.nextOffset = nextOffset
    this.leaderEpoch = leaderEpoch
  }

  take(max: number): readonly KafkaRecord[] {
    for (;;) {
      this.#cursor ??= this.#batches.at(-1)?.cursor(this.#position) ?? null
      if (this.#cursor === null) return []
      const records = this.#cursor.next(max)
      if (this.#cursor.remaining === 0) {
        this.#cursor = null
        this.#batches.pop()
      }
      if (records.length > 0) return records
    }
  }
}
