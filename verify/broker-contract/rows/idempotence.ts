/** Rows about idempotent producers without transactions: sequences, duplicates and epochs (KIP-98, KIP-360). */

import { expect } from 'vitest'
import { type Ground, type Row, type Wire } from '../row.ts'
import { batch, produce } from '../steps/log-steps.ts'

const rule = 'KIP-98; seen on 4.3.1'
const sequenceMax = 2 ** 31 - 1

type Sender = {
  readonly wire: Wire
  readonly topic: string
  /** Code and base offset of a batch of two records. */
  send(sequence: number, epoch?: number): Promise<readonly [code: number, baseOffset: number]>
}

/** A node of Kafka that has no more ids to give says so (14) and asks the controller for some. */
async function newProducer(ground: Ground, wire: Wire): Promise<{ producerId: number; producerEpoch: number }> {
  let answer = { producerId: -1, producerEpoch: -1 }
  await ground.until(async () => {
    const asked = await wire.call('InitProducerId', 4, { transactionalId: null, transactionTimeoutMs: 60_000 })
    expect([0, 14]).toContain(asked.errorCode)
    answer = asked
    return asked.errorCode === 0
  }, 'the node has a producer id to give')
  return answer
}

async function sender(ground: Ground): Promise<Sender> {
  const topic = await ground.topic()
  const wire = await ground.leader(topic)
  const { producerId } = await newProducer(ground, wire)
  return {
    wire,
    topic,
    send: async (baseSequence, producerEpoch = 0) => {
      const sent = batch(2, { producerId, producerEpoch, baseSequence })
      const { errorCode, baseOffset } = await produce(wire, topic, sent)
      return [errorCode, baseOffset]
    },
  }
}

export const idempotenceRows: readonly Row[] = [
  {
    id: 'init-producer-id/without-a-transactional-id',
    api: 'InitProducerId',
    when: 'two producers ask without a transactional id',
    expect: '0, epoch 0 and an id of its own for each; 14 COORDINATOR_LOAD_IN_PROGRESS while the node has none',
    rule: 'KIP-98',
    priority: 'P0',
    async run(ground) {
      const wire = await ground.node()
      const [first, second] = [await newProducer(ground, wire), await newProducer(ground, wire)]
      expect([first.producerEpoch, second.producerEpoch]).toEqual([0, 0])
      expect(first.producerId).not.toBe(second.producerId)
    },
  },
  {
    id: 'produce/duplicate-is-stored-once',
    api: 'Produce',
    when: 'an idempotent producer sends a batch again',
    expect: '0 with the offset of the first time; the log does not grow',
    rule,
    priority: 'P0',
    async run(ground) {
      const { send } = await sender(ground)
      expect(await send(0)).toEqual([0, 0])
      expect(await send(0)).toEqual([0, 0])
      expect(await send(2)).toEqual([0, 2])
    },
  },
  {
    id: 'produce/duplicate-on-another-connection',
    api: 'Produce',
    when: 'an idempotent producer sends a batch again on a new connection',
    expect: '0 with the offset of the first time',
    rule,
    priority: 'P0',
    async run(ground) {
      const topic = await ground.topic()
      const [first, second] = [await ground.leader(topic), await ground.leader(topic)]
      const { producerId } = await newProducer(ground, first)
      const sent = batch(1, { producerId, producerEpoch: 0, baseSequence: 0 })
      expect(await produce(first, topic, sent)).toMatchObject({ errorCode: 0, baseOffset: 0 })
      expect(await produce(second, topic, sent)).toMatchObject({ errorCode: 0, baseOffset: 0 })
    },
  },
  {
    id: 'produce/five-batches-are-remembered',
    api: 'Produce',
    when: 'a batch comes again after four others, and once more after a fifth',
    expect: '0 with its offset; then 45 OUT_OF_ORDER_SEQUENCE_NUMBER',
    rule,
    priority: 'P0',
    async run(ground) {
      const { send } = await sender(ground)
      for (const sequence of [0, 2, 4, 6, 8]) expect((await send(sequence))[0]).toBe(0)
      expect(await send(0)).toEqual([0, 0])
      expect((await send(10))[0]).toBe(0)
      expect(await send(0)).toEqual([45, -1])
    },
  },
  ...[1, 3].map((sequence): Row => {
    const word = sequence === 1 ? 'low' : 'high'
    return {
      id: `produce/sequence-too-${word}`,
      api: 'Produce',
      when: `the sequence is too ${word}`,
      expect: '45 OUT_OF_ORDER_SEQUENCE_NUMBER; nothing is stored',
      rule,
      priority: 'P0',
      async run(ground) {
        const { send } = await sender(ground)
        expect(await send(0)).toEqual([0, 0])
        expect(await send(sequence)).toEqual([45, -1])
        expect(await send(2)).toEqual([0, 2])
      },
    }
  }),
  {
    id: 'produce/new-producer-may-start-anywhere',
    api: 'Produce',
    when: 'the partition does not know the producer and its sequence is not 0',
    expect: '0: its history may have been deleted',
    rule: 'KIP-360; seen on 4.3.1',
    priority: 'P1',
    async run(ground) {
      const { send } = await sender(ground)
      expect(await send(5)).toEqual([0, 0])
      expect(await send(7)).toEqual([0, 2])
    },
  },
  {
    id: 'produce/sequences-wrap-around',
    api: 'Produce',
    when: 'the largest sequence was used',
    expect: '0 for the sequence 0 after it',
    rule,
    priority: 'P1',
    async run(ground) {
      const { send } = await sender(ground)
      expect(await send(sequenceMax - 1)).toEqual([0, 0])
      expect(await send(0)).toEqual([0, 2])
    },
  },
  {
    id: 'produce/higher-epoch-starts-at-0',
    api: 'Produce',
    when: 'the epoch of the producer is higher than before',
    expect: '45 OUT_OF_ORDER_SEQUENCE_NUMBER unless the sequence is 0',
    rule: 'KIP-360; seen on 4.3.1',
    priority: 'P0',
    async run(ground) {
      const { send } = await sender(ground)
      expect(await send(0)).toEqual([0, 0])
      expect(await send(2, 1)).toEqual([45, -1])
      expect(await send(0, 1)).toEqual([0, 2])
    },
  },
  {
    id: 'produce/lower-epoch-is-fenced',
    api: 'Produce',
    when: 'the epoch of the producer is lower than one that the partition has seen',
    expect: '47 INVALID_PRODUCER_EPOCH; nothing is stored',
    rule: 'KIP-360; seen on 4.3.1',
    priority: 'P0',
    async run(ground) {
      const { send } = await sender(ground)
      expect(await send(0, 1)).toEqual([0, 0])
      expect(await send(2, 0)).toEqual([47, -1])
      expect(await send(2, 1)).toEqual([0, 2])
    },
  },
]
