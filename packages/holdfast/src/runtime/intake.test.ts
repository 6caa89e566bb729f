import { expect, test } from 'vitest'
import { MemberRig } from '../engine/member-rig.fixture.ts'
import type { Chunk } from '../engine/partition-flow.ts'
import { batchLayout, writeInt64 } from '../kafka/batch-layout.ts'
import { crc32c, pureCodec } from '../kafka/crc32c.ts'
import { encodeBatch } from '../kafka/record-batch.ts'
import { startAt } from '../model/next-offset.ts'
import { chunkOf } from './intake.ts'

const producer = { producerId: -1, producerEpoch: -1, baseSequence: -1 }

function batch(baseOffset: number, count: number, broken: 'no' | 'record' | 'count' = 'no'): Buffer {
  const record = { key: null, value: Buffer.from('v'), headers: [], timestampMs: 1 }
  const bytes = encodeBatch(
    Array.from({ length: count }, () => record),
    producer,
    crc32c,
  )
  writeInt64(bytes, baseOffset, batchLayout.baseOffset)
  // The length of the first record is nonsense under a checksum that is right, as a broken producer writes it.
  if (broken === 'record') bytes.writeInt8(2, batchLayout.records)
  // More records than its bytes can hold: refused when the batch is opened, before its first record.
  if (broken === 'count') {
    bytes.writeInt32BE(20_000, batchLayout.recordCount)
    bytes.writeInt32BE(19_999, batchLayout.lastOffsetDelta)
  }
  bytes.writeUInt32BE(crc32c(bytes.subarray(batchLayout.attributes)), batchLayout.crc)
  return bytes
}

function fetched(...batches: Buffer[]): Parameters<typeof chunkOf>[0] {
  return {
    partitionIndex: 0,
    errorCode: 0,
    highWatermark: 10,
    lastStableOffset: 10,
    abortedTransactions: [],
    records: Buffer.concat(batches),
    currentLeader: null,
    divergingEpoch: null,
  } as never
}

/** Handles whatever starts, ten rounds long, with an empty answer after each; gives the offsets that were handled. */
function handleAll(rig: MemberRig, chunk: unknown): number[] {
  // Records of the rig and of the wire have the offset in common, and nothing else is asked of them here.
  rig.deliver(chunk as Chunk<never>)
  const handled: number[] = []
  for (let round = 0; round < 10; round++) {
    for (const offset of [...rig.running.keys()]) {
      handled.push(offset)
      rig.end(offset)
    }
    const order = rig.fetches.at(-1)!
    rig.step({
      kind: 'fetched',
      nodeId: order.nodeId,
      stamp: order.stamp,
      sessionId: 7,
      partitions: [],
    })
    rig.advance(1_100)
    if (rig.commits.length > 0) rig.answerCommit()
  }
  return handled
}

for (const broken of ['record', 'count'] as const) {
  for (const bufferedRecordsMax of [3, 4, 256]) {
    test(`no commit passes a batch that cannot be decoded (${broken}, room for ${bufferedRecordsMax})`, () => {
      const rig = new MemberRig({ subscription: { bufferedRecordsMax } }).assign()
      const bytes = fetched(batch(0, 3), batch(3, 3, broken), batch(30_003, 3))
      const handled = handleAll(rig, chunkOf(bytes, startAt(0), pureCodec, 'readCommitted'))
      expect(rig.lastCommitted() ?? 0).toBeLessThanOrEqual(3)
      expect(handled).toEqual([0, 1, 2])
    })
  }
}
