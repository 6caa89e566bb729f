/** Rows about transactional batches: which are taken, which are refused. */

import { expect } from 'vitest'
import { type Row } from '../row.ts'
import {
  endOf,
  readBatches,
  readCommitted,
  readUncommitted,
  readyProducer,
  untilRefused,
} from '../steps/transactional-producer.ts'

const classic = 4
const versions = [9, 10, 11, 12]

const admissionRows: readonly Row[] = [
  {
    id: 'produce/partition-has-not-joined',
    api: 'Produce',
    when: 'a transactional batch comes for a partition that has not joined, versions 9 to 11',
    expect: '48 INVALID_TXN_STATE up to version 10, 120 TRANSACTION_ABORTABLE in 11; nothing is stored',
    rule: 'KIP-890, KIP-1050',
    priority: 'P0',
    async run(ground) {
      const { producer, topic } = await readyProducer(ground, 2)
      for (const isOpen of [false, true]) {
        if (isOpen) await producer.add(topic, { partitions: [1] })
        for (const [version, code] of [
          [9, 48],
          [10, 48],
          [11, 120],
        ] as const) {
          await untilRefused(ground, async () => (await producer.produce(topic, { version })).errorCode, code)
        }
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
      const { producer, topic } = await readyProducer(ground)
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
      const { producer, topic } = await readyProducer(ground, 2)
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
      const { producer, topic } = await readyProducer(ground)
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
      const { producer, topic } = await readyProducer(ground, 2)
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
      const { producer, topic } = await readyProducer(ground)
      await producer.produce(topic)
      const zombie = producer.identity
      await producer.init()
      await producer.ended()
      for (const version of versions) {
        const answer = await producer.produce(topic, { version, sequence: 1, identity: zombie })
        expect(answer.errorCode).toBe(47)
      }
      expect(await readBatches(ground, topic, readUncommitted)).toEqual(['v@0', 'ABORT@1'])
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
      const { producer, topic } = await readyProducer(ground)
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
      const { producer, topic } = await readyProducer(ground)
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
      const { producer, topic } = await readyProducer(ground, 1)
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
      const { producer, topic } = await readyProducer(ground, 2)
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
      const { producer, topic } = await readyProducer(ground)
      await untilRefused(ground, async () => (await producer.produce(topic, { version: 11 })).errorCode, 120)
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
      const { producer, topic } = await readyProducer(ground)
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
      const { producer, topic } = await readyProducer(ground)
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
      const { producer, topic } = await readyProducer(ground)
      await producer.add(topic)
      const once = { version: 11, values: ['a', 'b'] }
      for (let time = 0; time < 2; time++) {
        expect(await producer.produce(topic, once)).toMatchObject({ errorCode: 0, baseOffset: 0 })
      }
      expect(await endOf(ground, topic, readUncommitted)).toBe(2)
      await producer.finish('commit', classic)
      await untilRefused(ground, async () => (await producer.produce(topic, once)).errorCode, 120)
    },
  },
]

export const transactionalProduceRows: readonly Row[] = [...admissionRows, ...sequenceRows]
