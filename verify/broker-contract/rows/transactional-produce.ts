/** Rows about the records of transactions: which batches are taken, and who sees them when. */

import { expect } from 'vitest'
import { readBatchHeader, readRecords } from '../../../packages/broker/src/log/record-batch.ts'
import { type Ground, type Row } from '../row.ts'
import {
  endOf,
  fetchFrom,
  readCommitted,
  readUncommitted,
  TransactionalProducer,
} from '../steps/transactional-producer.ts'

const classic = 4
const versions = [9, 10, 11, 12]

async function ready(ground: Ground, partitions = 1): Promise<{ producer: TransactionalProducer; topic: string }> {
  const [producer, topic] = await Promise.all([TransactionalProducer.ready(ground), ground.topic(partitions)])
  return { producer, topic }
}

/** What a fetch brought, one word per batch: its first value, or how a transaction ended. */
async function read(ground: Ground, topic: string, isolationLevel: number, from = 0): Promise<string[]> {
  const { records } = await fetchFrom(ground, topic, from, isolationLevel)
  const words: string[] = []
  for (let rest = records ?? Buffer.alloc(0); rest.length > 0; ) {
    const header = readBatchHeader(rest)
    if (header === undefined) break
    const [first] = readRecords(rest.subarray(0, header.sizeBytes)) ?? []
    const word = header.isControl ? (first?.key?.readInt16BE(2) === 1 ? 'COMMIT' : 'ABORT') : String(first?.value)
    words.push(`${word}@${header.producerEpoch}`)
    rest = rest.subarray(header.sizeBytes)
  }
  return words
}

const admissionRows: readonly Row[] = [
  {
    id: 'produce/partition-has-not-joined',
    api: 'Produce',
    when: 'a transactional batch comes for a partition that has not joined, versions 9 to 11',
    expect: '48 INVALID_TXN_STATE up to version 10, 120 TRANSACTION_ABORTABLE in 11; nothing is stored',
    rule: 'KIP-890, KIP-1050',
    priority: 'P0',
    async run(ground) {
      const { producer, topic } = await ready(ground, 2)
      for (const isOpen of [false, true]) {
        if (isOpen) await producer.add(topic, { partitions: [1] })
        expect((await producer.produce(topic, { version: 9 })).errorCode).toBe(48)
        expect((await producer.produce(topic, { version: 10 })).errorCode).toBe(48)
        expect((await producer.produce(topic, { version: 11 })).errorCode).toBe(120)
      }
      expect(await endOf(ground, topic, readUncommitted)).toBe(0)
    },
  },
  {
    id: 'produce/partition-has-joined',
    api: 'Produce',
    when: 'a transactional batch comes for a partition that has joined',
    expect: '0; the partition has an open transaction',
    rule: 'KIP-98',
    priority: 'P0',
    async run(ground) {
      const { producer, topic } = await ready(ground)
      await producer.add(topic)
      expect(await producer.produce(topic, { version: 11 })).toMatchObject({ errorCode: 0, baseOffset: 0 })
      expect(await producer.produce(topic, { version: 9, sequence: 1 })).toMatchObject({ errorCode: 0, baseOffset: 1 })
      expect(await endOf(ground, topic, readCommitted)).toBe(0)
    },
  },
  {
    id: 'produce/batch-joins-by-itself',
    api: 'Produce',
    when: 'a transactional batch comes in version 12 for a partition that has not joined',
    expect: '0; the transaction is Ongoing with the partition',
    rule: 'KIP-890',
    priority: 'P0',
    async run(ground) {
      const { producer, topic } = await ready(ground, 2)
      expect((await producer.produce(topic, { partition: 1 })).errorCode).toBe(0)
      const { transactionState, topics } = await producer.state()
      expect(transactionState).toBe('Ongoing')
      expect(topics).toEqual([{ topic, partitions: [1] }])
    },
  },
  {
    id: 'produce/transactional-id-nobody-has',
    api: 'Produce',
    when: 'the transactional id is unknown, or belongs to another producer, or is empty, or is missing',
    expect: '49 INVALID_PRODUCER_ID_MAPPING, 49, 42 INVALID_REQUEST, 53 TRANSACTIONAL_ID_AUTHORIZATION_FAILED',
    rule: 'KIP-98, KIP-890; seen on 4.3.1',
    priority: 'P0',
    async run(ground) {
      const { producer, topic } = await ready(ground)
      const foreign = { ...producer.identity, producerId: producer.identity.producerId + 1_000_000 }
      for (const version of versions) {
        const codeOf = async (given: object): Promise<number> =>
          (await producer.produce(topic, { version, ...given })).errorCode
        expect(await codeOf({ transactionalId: ground.name('unknown') })).toBe(49)
        expect(await codeOf({ identity: foreign })).toBe(49)
        expect(await codeOf({ transactionalId: '' })).toBe(42)
        expect(await codeOf({ transactionalId: null })).toBe(53)
      }
      expect(await endOf(ground, topic, readUncommitted)).toBe(0)
    },
  },
  {
    id: 'produce/epoch-of-another-time',
    api: 'Produce',
    when: 'the epoch is one that the coordinator never gave out, or a former one',
    expect: '47 INVALID_PRODUCER_EPOCH',
    rule: 'KIP-98, KIP-588',
    priority: 'P0',
    async run(ground) {
      const { producer, topic } = await ready(ground, 2)
      const zombie = producer.identity
      expect((await producer.produce(topic)).errorCode).toBe(0)
      await producer.finish('commit')
      for (const version of versions) {
        for (const partition of [0, 1]) {
          const codeOf = async (identity: object): Promise<number> =>
            (await producer.produce(topic, { version, partition, identity: identity as typeof zombie })).errorCode
          expect(await codeOf(producer.atEpoch(9))).toBe(47)
          expect(await codeOf(zombie)).toBe(47)
        }
      }
    },
  },
  {
    id: 'produce/fenced-in-an-open-transaction',
    api: 'Produce',
    when: 'another producer has taken the transactional id while the transaction was open',
    expect: '47 INVALID_PRODUCER_EPOCH, and no record comes behind the marker',
    rule: 'KIP-98',
    priority: 'P0',
    async run(ground) {
      const { producer, topic } = await ready(ground)
      await producer.produce(topic)
      const zombie = producer.identity
      await producer.init()
      await producer.ended()
      for (const version of versions) {
        const answer = await producer.produce(topic, { version, sequence: 1, identity: zombie })
        expect(answer.errorCode).toBe(47)
      }
      expect(await read(ground, topic, readUncommitted)).toEqual(['v@0', 'ABORT@1'])
    },
  },
  {
    id: 'produce/outside-of-its-own-transaction',
    api: 'Produce',
    when: 'a producer with an open transaction in the partition sends a batch that is not transactional',
    expect: '48 INVALID_TXN_STATE',
    rule: 'seen on 4.3.1',
    priority: 'P0',
    async run(ground) {
      const { producer, topic } = await ready(ground)
      await producer.produce(topic)
      const outside = { sequence: 1, isTransactional: false }
      expect((await producer.produce(topic, outside)).errorCode).toBe(48)
      expect((await producer.produce(topic, { ...outside, transactionalId: null })).errorCode).toBe(48)
    },
  },
  {
    id: 'produce/transactional-id-without-a-transactional-batch',
    api: 'Produce',
    when: 'a batch that is not transactional comes with a transactional id',
    expect: '0, and it is no part of a transaction',
    rule: 'seen on 4.3.1',
    priority: 'P1',
    async run(ground) {
      const { producer, topic } = await ready(ground)
      expect((await producer.produce(topic, { isTransactional: false })).errorCode).toBe(0)
      expect((await producer.state()).transactionState).toBe('Empty')
      expect(await endOf(ground, topic, readCommitted)).toBe(1)
    },
  },
  {
    id: 'produce/two-producers-in-one-request',
    api: 'Produce',
    when: 'the transactional batches of a request come from two producers',
    expect: '49 INVALID_PRODUCER_ID_MAPPING for every partition',
    rule: 'seen on 4.3.1',
    priority: 'P1',
    async run(ground) {
      const { producer, topic } = await ready(ground, 1)
      const wire = await ground.leader(topic)
      const second = await ground.topic(3)
      const { topics } = await wire.call('Metadata', 12, { topics: [{ name: second }] })
      const own = topics[0]?.partitions.find(({ leaderId }) => leaderId === wire.nodeId)
      if (own === undefined) throw new Error('no partition of the second topic is led by this node')
      const identity = { ...producer.identity, producerId: producer.identity.producerId + 1 }
      const { responses } = await wire.call('Produce', 12, {
        transactionalId: producer.transactionalId,
        acks: -1,
        timeoutMs: 1_000,
        topics: [
          { name: topic, partitions: [{ index: 0, records: producer.batch() }] },
          { name: second, partitions: [{ index: own.partitionIndex, records: producer.batch({ identity }) }] },
        ],
      })
      expect(responses.flatMap(({ partitions }) => partitions.map(({ errorCode }) => errorCode))).toEqual([49, 49])
    },
  },
]

const sequenceRows: readonly Row[] = [
  {
    id: 'produce/first-sequence-of-a-transaction',
    api: 'Produce',
    when: 'a partition that does not know the producer gets sequence 7 first, in version 11 and in 12',
    expect: '0 in version 11; 45 OUT_OF_ORDER_SEQUENCE_NUMBER in 12, and 0 with sequence 0',
    rule: 'KIP-890; seen on 4.3.1',
    priority: 'P0',
    async run(ground) {
      const { producer, topic } = await ready(ground, 2)
      await producer.add(topic)
      expect((await producer.produce(topic, { version: 11, sequence: 7 })).errorCode).toBe(0)
      expect((await producer.produce(topic, { partition: 1, sequence: 7 })).errorCode).toBe(45)
      expect((await producer.produce(topic, { partition: 1, sequence: 0 })).errorCode).toBe(0)
    },
  },
  {
    id: 'produce/refused-batch-is-not-overtaken',
    api: 'Produce',
    when: 'sequence 0 was refused because its partition had not joined, then it joins and sequence 1 comes first',
    expect: '45 OUT_OF_ORDER_SEQUENCE_NUMBER; 0 for sequence 0, then for 1',
    rule: 'KAFKA-14920; seen on 4.3.1',
    priority: 'P1',
    async run(ground) {
      const { producer, topic } = await ready(ground)
      expect((await producer.produce(topic, { version: 11 })).errorCode).toBe(120)
      await producer.add(topic)
      expect((await producer.produce(topic, { version: 11, sequence: 1 })).errorCode).toBe(45)
      expect((await producer.produce(topic, { version: 11, sequence: 0 })).errorCode).toBe(0)
      expect((await producer.produce(topic, { version: 11, sequence: 1 })).errorCode).toBe(0)
    },
  },
  {
    id: 'produce/sequences-start-anew-with-the-epoch',
    api: 'Produce',
    when: 'a transaction ended in version 5 and the next one goes on with the sequence, or starts at 0',
    expect: '45 OUT_OF_ORDER_SEQUENCE_NUMBER, 0',
    rule: 'KIP-890',
    priority: 'P0',
    async run(ground) {
      const { producer, topic } = await ready(ground)
      await producer.produce(topic)
      await producer.finish('commit')
      expect((await producer.produce(topic, { sequence: 1 })).errorCode).toBe(45)
      expect((await producer.produce(topic, { sequence: 0 })).errorCode).toBe(0)
    },
  },
  {
    id: 'produce/sequences-go-on-in-the-classic-protocol',
    api: 'Produce',
    when: 'a transaction ended in version 4 and the next one goes on with the sequence, or leaves a gap',
    expect: '0, 45 OUT_OF_ORDER_SEQUENCE_NUMBER',
    rule: 'KIP-98',
    priority: 'P0',
    async run(ground) {
      const { producer, topic } = await ready(ground)
      await producer.add(topic)
      await producer.produce(topic, { version: 11 })
      await producer.finish('commit', classic)
      await producer.add(topic)
      expect((await producer.produce(topic, { version: 11, sequence: 1 })).errorCode).toBe(0)
      expect((await producer.produce(topic, { version: 11, sequence: 3 })).errorCode).toBe(45)
    },
  },
  {
    id: 'produce/duplicate-in-a-transaction',
    api: 'Produce',
    when: 'a batch is repeated while its transaction is open, and after it was committed in version 4',
    expect: '0 with the first offset, stored once; 120 TRANSACTION_ABORTABLE',
    rule: 'KIP-98, KIP-890',
    priority: 'P0',
    async run(ground) {
      const { producer, topic } = await ready(ground)
      await producer.add(topic)
      const once = { version: 11, values: ['a', 'b'] }
      for (let time = 0; time < 2; time++) {
        expect(await producer.produce(topic, once)).toMatchObject({ errorCode: 0, baseOffset: 0 })
      }
      expect(await endOf(ground, topic, readUncommitted)).toBe(2)
      await producer.finish('commit', classic)
      expect((await producer.produce(topic, once)).errorCode).toBe(120)
    },
  },
]

const isolationRows: readonly Row[] = [
  {
    id: 'fetch/open-transaction-holds-readers-back',
    api: 'Fetch',
    when: 'records of an open transaction stand before and behind others',
    expect: 'read committed ends before them, read uncommitted sees all; the last stable offset is the first of them',
    rule: 'KIP-98',
    priority: 'P0',
    async run(ground) {
      const { producer, topic } = await ready(ground)
      const plain = { isTransactional: false, transactionalId: null, identity: { producerId: -1, producerEpoch: -1 } }
      await producer.produce(topic, { ...plain, sequence: -1, values: ['before'] })
      await producer.produce(topic, { values: ['open'] })
      await producer.produce(topic, { ...plain, sequence: -1, values: ['behind'] })
      expect(await read(ground, topic, readCommitted)).toEqual(['before@-1'])
      expect(await read(ground, topic, readUncommitted)).toEqual(['before@-1', 'open@0', 'behind@-1'])
      const { lastStableOffset, highWatermark } = await fetchFrom(ground, topic, 0)
      expect([lastStableOffset, highWatermark]).toEqual([1, 3])
      await producer.finish('commit')
      expect(await read(ground, topic, readCommitted)).toEqual(['before@-1', 'open@0', 'behind@-1', 'COMMIT@1'])
    },
  },
  {
    id: 'fetch/aborted-transactions-are-listed',
    api: 'Fetch',
    when: 'two transactions were aborted with a committed one between, and a third is open',
    expect: 'read committed gets the records with the list of those that end at or behind its offset; no list otherwise',
    rule: 'KIP-98',
    priority: 'P0',
    async run(ground) {
      const { producer, topic } = await ready(ground)
      for (const outcome of ['abort', 'commit', 'abort'] as const) {
        await producer.produce(topic, { values: [outcome] })
        await producer.finish(outcome)
      }
      await producer.produce(topic, { values: ['open'] })
      const { producerId } = producer.identity
      const listed = async (from: number): Promise<unknown> => (await fetchFrom(ground, topic, from)).abortedTransactions
      expect(await listed(0)).toEqual([
        { producerId, firstOffset: 0 },
        { producerId, firstOffset: 4 },
      ])
      expect(await listed(2)).toEqual([{ producerId, firstOffset: 4 }])
      expect(await listed(6)).toEqual([])
      expect((await fetchFrom(ground, topic, 0, readUncommitted)).abortedTransactions).toBeNull()
      expect(await read(ground, topic, readCommitted)).toEqual([
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
      const { producer, topic } = await ready(ground)
      await producer.add(topic)
      await producer.produce(topic, { version: 11 })
      await producer.finish('commit', classic)
      await producer.produce(topic, { sequence: 1 })
      await producer.finish('abort')
      expect(await read(ground, topic, readUncommitted)).toEqual(['v@0', 'COMMIT@0', 'v@0', 'ABORT@1'])
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
      const { producer, topic } = await ready(ground)
      await producer.add(topic)
      await producer.finish('abort', classic)
      expect(await read(ground, topic, readUncommitted)).toEqual(['ABORT@0'])
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
      const { producer, topic } = await ready(ground)
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
      const { producer: older, topic } = await ready(ground)
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
      const { producer, topic } = await ready(ground)
      await producer.produce(topic, { values: ['a', 'b'] })
      const wire = await ground.leader(topic)
      const topics = [{ name: topic, partitions: [{ partitionIndex: 0, offset: -1 }] }]
      const deleted = await wire.call('DeleteRecords', 2, { topics, timeoutMs: 10_000 })
      expect(deleted.topics[0]?.partitions[0]).toMatchObject({ errorCode: 0, lowWatermark: 2 })
      expect(await endOf(ground, topic, readCommitted)).toBe(2)
      await producer.finish('commit')
      expect(await read(ground, topic, readCommitted, 2)).toEqual(['COMMIT@1'])
    },
  },
]

export const transactionalProduceRows: readonly Row[] = [...admissionRows, ...sequenceRows, ...isolationRows]
