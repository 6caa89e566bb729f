/** Rows about who sees the records of transactions, and when. */

import { expect } from 'vitest'
import { readBatchHeader } from '../../../packages/broker/src/log/record-batch.ts'
import { type Row } from '../row.ts'
import {
  endOf,
  fetchFrom,
  readBatches,
  readCommitted,
  readUncommitted,
  readyProducer,
  TransactionalProducer,
} from '../steps/transactional-producer.ts'

const classic = 4

export const transactionalReadRows: readonly Row[] = [
  {
    id: 'fetch/open-transaction-holds-readers-back',
    api: 'Fetch',
    when: 'records of an open transaction stand before and behind others',
    expect: 'read committed ends before them, read uncommitted sees all; the last stable offset is the first of them',
    rule: 'KIP-98',
    priority: 'P0',
    async run(ground) {
      const { producer, topic } = await readyProducer(ground)
      const plain = { isTransactional: false, transactionalId: null, identity: { producerId: -1, producerEpoch: -1 } }
      await producer.produce(topic, { ...plain, sequence: -1, values: ['before'] })
      await producer.produce(topic, { values: ['open'] })
      await producer.produce(topic, { ...plain, sequence: -1, values: ['behind'] })
      expect(await readBatches(ground, topic, readCommitted)).toEqual(['before@-1'])
      expect(await readBatches(ground, topic, readUncommitted)).toEqual(['before@-1', 'open@0', 'behind@-1'])
      const { lastStableOffset, highWatermark } = await fetchFrom(ground, topic, 0)
      expect([lastStableOffset, highWatermark]).toEqual([1, 3])
      await producer.finish('commit')
      expect(await readBatches(ground, topic, readCommitted)).toEqual(['before@-1', 'open@0', 'behind@-1', 'COMMIT@1'])
    },
  },
  {
    id: 'fetch/aborted-transactions-are-listed',
    api: 'Fetch',
    when: 'two transactions were aborted with a committed one between, and a third is open',
    expect:
      'read committed gets the records with the list of those that end at or behind its offset; no list otherwise',
    rule: 'KIP-98',
    priority: 'P0',
    async run(ground) {
      const { producer, topic } = await readyProducer(ground)
      for (const outcome of ['abort', 'commit', 'abort'] as const) {
        await producer.produce(topic, { values: [outcome] })
        await producer.finish(outcome)
      }
      await producer.produce(topic, { values: ['open'] })
      const { producerId } = producer.identity
      const listed = async (from: number): Promise<unknown> =>
        (await fetchFrom(ground, topic, from)).abortedTransactions
      expect(await listed(0)).toEqual([
        { producerId, firstOffset: 0 },
        { producerId, firstOffset: 4 },
      ])
      expect(await listed(2)).toEqual([{ producerId, firstOffset: 4 }])
      expect(await listed(6)).toEqual([])
      expect((await fetchFrom(ground, topic, 0, readUncommitted)).abortedTransactions).toBeNull()
      expect(await readBatches(ground, topic, readCommitted)).toEqual([
        ...['abort@0', 'ABORT@1', 'commit@1', 'COMMIT@2'],
        ...['abort@2', 'ABORT@3'],
      ])
    },
  },
  {
    id: 'fetch/markers-carry-the-epoch-that-fences',
    api: 'Fetch',
    when: 'a transaction is ended in version 4, one in version 5',
    expect: 'a control batch under the same epoch, then one under the next; each takes one offset and has no sequence',
    rule: 'KIP-98, KIP-890',
    priority: 'P0',
    async run(ground) {
      const { producer, topic } = await readyProducer(ground)
      await producer.add(topic)
      await producer.produce(topic, { version: 11 })
      await producer.finish('commit', classic)
      await producer.produce(topic, { sequence: 1 })
      await producer.finish('abort')
      expect(await readBatches(ground, topic, readUncommitted)).toEqual(['v@0', 'COMMIT@0', 'v@0', 'ABORT@1'])
      const { records } = await fetchFrom(ground, topic, 3)
      const header = readBatchHeader(records ?? Buffer.alloc(0))
      expect(header).toMatchObject({ baseOffset: 3, lastOffsetDelta: 0, recordCount: 1, baseSequence: -1 })
      expect(header).toMatchObject({ isControl: true, isTransactional: true, producerId: producer.identity.producerId })
    },
  },
  {
    id: 'end-txn/marks-partitions-without-records',
    api: 'EndTxn',
    when: 'a partition joined and got no records',
    expect: 'a marker is written to it all the same',
    rule: 'KIP-98; seen on 4.3.1',
    priority: 'P1',
    async run(ground) {
      const { producer, topic } = await readyProducer(ground)
      await producer.add(topic)
      await producer.finish('abort', classic)
      expect(await readBatches(ground, topic, readUncommitted)).toEqual(['ABORT@0'])
      expect((await fetchFrom(ground, topic, 0)).abortedTransactions).toEqual([])
    },
  },
  {
    id: 'list-offsets/isolation',
    api: 'ListOffsets',
    when: 'asked for the end while a transaction is open, and when it has ended',
    expect: 'the last stable offset for read committed, the high watermark for read uncommitted; then the end for both',
    rule: 'KIP-98',
    priority: 'P0',
    async run(ground) {
      const { producer, topic } = await readyProducer(ground)
      await producer.produce(topic, { values: ['a', 'b'] })
      expect([await endOf(ground, topic, readCommitted), await endOf(ground, topic, readUncommitted)]).toEqual([0, 2])
      await producer.finish('abort')
      expect([await endOf(ground, topic, readCommitted), await endOf(ground, topic, readUncommitted)]).toEqual([3, 3])
    },
  },
  {
    id: 'fetch/oldest-open-transaction-counts',
    api: 'Fetch',
    when: 'two producers have open transactions in a partition and the later one commits first',
    expect: 'the last stable offset stays at the first record of the older one, then moves behind both',
    rule: 'KIP-98',
    priority: 'P0',
    async run(ground) {
      const { producer: older, topic } = await readyProducer(ground)
      const later = await TransactionalProducer.ready(ground)
      await older.produce(topic, { values: ['older'] })
      await later.produce(topic, { values: ['later'] })
      await later.finish('commit')
      expect(await endOf(ground, topic, readCommitted)).toBe(0)
      await older.finish('abort')
      expect(await endOf(ground, topic, readCommitted)).toBe(4)
      const { abortedTransactions } = await fetchFrom(ground, topic, 0)
      expect(abortedTransactions).toEqual([{ producerId: older.identity.producerId, firstOffset: 0 }])
    },
  },
  {
    id: 'delete-records/of-an-open-transaction',
    api: 'DeleteRecords',
    when: 'records of an open transaction are deleted up to the high watermark, then it commits',
    expect: '0; the last stable offset is the log start, and the marker still comes',
    rule: 'seen on 4.3.1',
    priority: 'P1',
    async run(ground) {
      const { producer, topic } = await readyProducer(ground)
      await producer.produce(topic, { values: ['a', 'b'] })
      const wire = await ground.leader(topic)
      const topics = [{ name: topic, partitions: [{ partitionIndex: 0, offset: -1 }] }]
      const deleted = await wire.call('DeleteRecords', 2, { topics, timeoutMs: 10_000 })
      expect(deleted.topics[0]?.partitions[0]).toMatchObject({ errorCode: 0, lowWatermark: 2 })
      expect(await endOf(ground, topic, readCommitted)).toBe(2)
      await producer.finish('commit')
      expect(await readBatches(ground, topic, readCommitted, 2)).toEqual(['COMMIT@1'])
    },
  },
]
