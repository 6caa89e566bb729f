/** Rows about the end of transactions: EndTxn in both protocols, time that is over, epochs that are used up. */

import { setImmediate as turn } from 'node:timers/promises'
import { expect } from 'vitest'
import { type Ground, type Row } from '../row.ts'
import { endOf, otherNode, readCommitted, TransactionalProducer } from '../steps/transactional-producer.ts'

const classic = 4
const bumping = 5
const epochKept = 32_767
const atOnce = 500
/** Time enough to send a batch on a busy machine, and not much to wait for. */
const shortMs = 2_000
const patientMs = 60_000

type Open = { readonly producer: TransactionalProducer; readonly topic: string }

async function open(ground: Ground, timeoutMs: number = patientMs): Promise<Open> {
  const [producer, topic] = await Promise.all([TransactionalProducer.ready(ground, timeoutMs), ground.topic()])
  expect(await producer.add(topic)).toEqual([0])
  return { producer, topic }
}

async function codeOfEnd(
  producer: TransactionalProducer,
  ...given: Parameters<Open['producer']['end']>
): Promise<number> {
  return (await producer.end(...given)).errorCode
}

/** Raises the epoch by asking for it, thirty thousand times, without a socket: everybody else would have to wait. */
async function raiseTo(ground: Ground, producer: TransactionalProducer, epoch: number): Promise<void> {
  const { transactionalId, coordinator, identity } = producer
  const { core } = ground.kafka ?? {}
  if (core === undefined) throw new Error('the broker is in another process')
  const connection = core.connect(coordinator.nodeId, 'raises-epochs')
  const request = { transactionalId, transactionTimeoutMs: patientMs }
  const ask = (): Promise<unknown> => core.handle(coordinator.nodeId, 'InitProducerId', 4, request, connection)
  let last: unknown
  for (let left = epoch - identity.producerEpoch; left > 0; left -= atOnce) {
    last = (await Promise.all(Array.from({ length: Math.min(left, atOnce) }, ask))).at(-1)
    await turn()
  }
  expect(last).toMatchObject({ errorCode: 0, producerEpoch: epoch })
  producer.identity = producer.atEpoch(epoch)
}

const endRows: readonly Row[] = [
  {
    id: 'end-txn/classic-keeps-the-epoch',
    api: 'EndTxn',
    when: 'a transaction is committed in version 4, then the next one aborted',
    expect: '0; CompleteCommit, then CompleteAbort, the epoch stays',
    rule: 'KIP-98',
    priority: 'P0',
    async run(ground) {
      const { producer, topic } = await open(ground)
      await producer.finish('commit', classic)
      expect(await producer.state()).toMatchObject({ transactionState: 'CompleteCommit', producerEpoch: 0, topics: [] })
      expect(await producer.add(topic)).toEqual([0])
      await producer.finish('abort', classic)
      expect(await producer.state()).toMatchObject({ transactionState: 'CompleteAbort', producerEpoch: 0 })
    },
  },
  {
    id: 'end-txn/every-version',
    api: 'EndTxn',
    when: 'transactions are ended version by version, and their producer initialized version by version before',
    expect: '0 each time; the epoch is raised by each initialization and by version 5',
    rule: 'protocol guide: EndTxn, InitProducerId',
    priority: 'P0',
    async run(ground) {
      const [producer, topic] = await Promise.all([TransactionalProducer.of(ground), ground.topic()])
      for (const version of [0, 1, 2, 3, 4, 5]) {
        expect(await producer.init({}, version)).toMatchObject({ errorCode: 0, producerEpoch: version })
        expect(await producer.add(topic, {}, Math.min(version, 3))).toEqual([0])
        await producer.finish(version % 2 === 0 ? 'commit' : 'abort', version)
      }
      expect(await producer.state()).toMatchObject({ transactionState: 'CompleteAbort', producerEpoch: 6 })
    },
  },
  {
    id: 'end-txn/classic-repeated',
    api: 'EndTxn',
    when: 'an ended transaction is ended again in version 4, in the same way and in the other',
    expect: '0, 48 INVALID_TXN_STATE',
    rule: 'KIP-98',
    priority: 'P0',
    async run(ground) {
      const { producer, topic } = await open(ground)
      await producer.finish('commit', classic)
      expect(await codeOfEnd(producer, 'commit', classic)).toBe(0)
      expect(await codeOfEnd(producer, 'abort', classic)).toBe(48)
      await producer.add(topic)
      await producer.finish('abort', classic)
      expect(await codeOfEnd(producer, 'abort', classic)).toBe(0)
      expect(await codeOfEnd(producer, 'commit', classic)).toBe(48)
    },
  },
  {
    id: 'end-txn/classic-without-a-transaction',
    api: 'EndTxn',
    when: 'nothing was ever opened, version 4',
    expect: '48 INVALID_TXN_STATE, for commit and abort',
    rule: 'KIP-98',
    priority: 'P0',
    async run(ground) {
      const producer = await TransactionalProducer.ready(ground)
      expect(await codeOfEnd(producer, 'commit', classic)).toBe(48)
      expect(await codeOfEnd(producer, 'abort', classic)).toBe(48)
    },
  },
  {
    id: 'end-txn/bumping-raises-the-epoch',
    api: 'EndTxn',
    when: 'transactions are committed and aborted in version 5',
    expect: '0 with the producer id and an epoch that is one higher each time; the former epoch is fenced',
    rule: 'KIP-890',
    priority: 'P0',
    async run(ground) {
      const { producer, topic } = await open(ground)
      const { producerId } = producer.identity
      expect(await producer.end('commit', bumping)).toMatchObject({ errorCode: 0, producerId, producerEpoch: 1 })
      await producer.ended()
      expect(await producer.add(topic, { producerEpoch: 0 })).toEqual([90])
      expect(await producer.add(topic)).toEqual([0])
      expect(await producer.end('abort', bumping)).toMatchObject({ errorCode: 0, producerId, producerEpoch: 2 })
    },
  },
  {
    id: 'end-txn/bumping-repeated',
    api: 'EndTxn',
    when: 'the end is asked for again with the epoch before it, in the same way and in the other, version 5',
    expect: '0 with the same identity as the first time; 48 INVALID_TXN_STATE; two epochs before 90',
    rule: 'KIP-890',
    priority: 'P0',
    async run(ground) {
      const { producer, topic } = await open(ground)
      const before = producer.identity
      await producer.finish('commit')
      expect(await producer.end('commit', bumping, before)).toMatchObject({ errorCode: 0, producerEpoch: 1 })
      expect(await codeOfEnd(producer, 'abort', bumping, before)).toBe(48)
      await producer.add(topic)
      await producer.finish('abort')
      expect(await producer.end('abort', bumping, producer.atEpoch(1))).toMatchObject({
        errorCode: 0,
        producerEpoch: 2,
      })
      expect(await codeOfEnd(producer, 'commit', bumping, producer.atEpoch(1))).toBe(48)
      expect(await codeOfEnd(producer, 'abort', bumping, before)).toBe(90)
    },
  },
  {
    id: 'end-txn/bumping-abort-of-nothing',
    api: 'EndTxn',
    when: 'nothing has joined, version 5: commit, abort, and after an end commit and abort again',
    expect: '48 INVALID_TXN_STATE, 0 and the next epoch, 48, 0 and the next epoch',
    rule: 'KIP-890',
    priority: 'P0',
    async run(ground) {
      const producer = await TransactionalProducer.ready(ground)
      for (const producerEpoch of [1, 2]) {
        expect(await codeOfEnd(producer, 'commit', bumping)).toBe(48)
        expect(await producer.end('abort', bumping)).toMatchObject({ errorCode: 0, producerEpoch })
        await producer.ended()
        expect(await producer.state()).toMatchObject({ transactionState: 'CompleteAbort', producerEpoch })
      }
    },
  },
  {
    id: 'end-txn/who-may-not',
    api: 'EndTxn',
    when: 'the transactional id is unknown or empty, the producer id is another, the epoch is lower or higher',
    expect: '49 INVALID_PRODUCER_ID_MAPPING, 42, 49, 90 PRODUCER_FENCED (47 up to version 1); the transaction lives on',
    rule: 'KIP-98, KIP-588',
    priority: 'P0',
    async run(ground) {
      const { producer } = await open(ground)
      const stranger = await TransactionalProducer.of(ground)
      const foreign = { producerId: producer.identity.producerId + 1_000_000 }
      for (const [version, fenced] of [
        [1, 47],
        [2, 90],
        [classic, 90],
        [bumping, 90],
      ] as const) {
        expect(await codeOfEnd(stranger, 'commit', version, producer.identity)).toBe(49)
        expect(await codeOfEnd(producer, 'commit', version, { transactionalId: '' })).toBe(42)
        expect(await codeOfEnd(producer, 'commit', version, foreign)).toBe(49)
        expect(await codeOfEnd(producer, 'commit', version, producer.atEpoch(1))).toBe(fenced)
      }
      expect((await producer.state()).transactionState).toBe('Ongoing')
    },
  },
  {
    id: 'end-txn/fenced-producer',
    api: 'EndTxn',
    when: 'another producer has taken the transactional id',
    expect: '90 PRODUCER_FENCED, up to version 1 47 INVALID_PRODUCER_EPOCH',
    rule: 'KIP-98, KIP-588',
    priority: 'P0',
    async run(ground) {
      const { producer } = await open(ground)
      const zombie = producer.identity
      await producer.init()
      await producer.ended()
      await producer.init()
      expect(await codeOfEnd(producer, 'commit', bumping, zombie)).toBe(90)
      expect(await codeOfEnd(producer, 'commit', classic, zombie)).toBe(90)
      expect(await codeOfEnd(producer, 'abort', 1, zombie)).toBe(47)
    },
  },
  {
    id: 'end-txn/wrong-node',
    api: 'EndTxn',
    when: 'asked of a node that does not coordinate the transactional id',
    expect: '16 NOT_COORDINATOR',
    rule: 'KIP-98',
    priority: 'P0',
    nodes: 3,
    async run(ground) {
      const { producer } = await open(ground)
      const { transactionalId, coordinator, identity } = producer
      const wire = await otherNode(ground, coordinator)
      const answer = await wire.call('EndTxn', bumping, { transactionalId, ...identity, committed: true })
      expect(answer).toMatchObject({ errorCode: 16, producerId: -1, producerEpoch: -1 })
    },
  },
]

const expiryRows: readonly Row[] = [
  {
    id: 'end-txn/time-is-over-classic',
    api: 'EndTxn',
    when: 'the transaction was open for longer than its timeout, then ended in version 4',
    expect: 'it was aborted under the next epoch; commit and abort are 90 PRODUCER_FENCED',
    rule: 'transaction.timeout.ms, KIP-890',
    priority: 'P0',
    async run(ground) {
      const { producer, topic } = await open(ground, shortMs)
      await producer.produce(topic, { version: 11 })
      await producer.ended()
      expect(await producer.state()).toMatchObject({ transactionState: 'CompleteAbort', producerEpoch: 1 })
      expect(await endOf(ground, topic, readCommitted)).toBe(2)
      expect(await codeOfEnd(producer, 'commit', classic)).toBe(90)
      expect(await codeOfEnd(producer, 'abort', classic)).toBe(90)
      expect(await codeOfEnd(producer, 'abort', 1)).toBe(47)
      expect(await producer.add(topic)).toEqual([90])
    },
  },
  {
    id: 'end-txn/time-is-over-bumping',
    api: 'EndTxn',
    when: 'the transaction was open for longer than its timeout, then ended in version 5',
    expect: 'commit 48 INVALID_TXN_STATE; abort 0 with the next epoch',
    rule: 'transaction.timeout.ms, KIP-890; seen on 4.3.1',
    priority: 'P0',
    async run(ground) {
      const producer = await TransactionalProducer.ready(ground, shortMs)
      const topic = await ground.topic()
      await producer.produce(topic)
      await producer.ended()
      expect(await codeOfEnd(producer, 'commit', bumping)).toBe(48)
      expect(await producer.end('abort', bumping)).toMatchObject({ errorCode: 0, producerEpoch: 1 })
    },
  },
  {
    id: 'init-producer-id/goes-on-after-its-time-is-over',
    api: 'InitProducerId',
    when: 'a producer whose transaction took too long gives its identity',
    expect: '0 with the epoch that fenced it, which is raised no second time',
    rule: 'KIP-360, KIP-890; seen on 4.3.1',
    priority: 'P1',
    async run(ground) {
      const { producer } = await open(ground, shortMs)
      await producer.ended()
      expect(await producer.init(producer.identity)).toMatchObject({ errorCode: 0, producerEpoch: 1 })
    },
  },
  {
    id: 'init-producer-id/epochs-are-used-up',
    api: 'InitProducerId',
    when: 'the epoch is 32766 and is to be raised: by EndTxn 5, and by asking for it',
    expect: 'a new producer id with epoch 0; a repeated EndTxn is answered with it',
    rule: 'KIP-98, KIP-890; seen on 4.3.1',
    priority: 'P1',
    only: { on: 'embedded', reason: 'thirty thousand requests to its coordinator take Kafka more than a minute' },
    async run(ground) {
      const [producer, topic] = await Promise.all([TransactionalProducer.ready(ground), ground.topic()])
      const { producerId } = producer.identity
      await raiseTo(ground, producer, epochKept - 2)
      expect((await producer.produce(topic)).errorCode).toBe(0)
      expect(await producer.end('commit')).toMatchObject({ errorCode: 0, producerId, producerEpoch: epochKept - 1 })
      await producer.ended()
      const last = producer.identity
      expect((await producer.produce(topic)).errorCode).toBe(0)
      const ended = await producer.end('commit')
      expect(ended).toMatchObject({ errorCode: 0, producerEpoch: 0 })
      expect(ended.producerId).not.toBe(producerId)
      await producer.ended()
      expect(await producer.end('commit', bumping, last)).toEqual(ended)
      expect(await codeOfEnd(producer, 'abort', bumping, last)).toBe(48)

      const other = await TransactionalProducer.ready(ground)
      const { producerId: otherId } = other.identity
      await raiseTo(ground, other, epochKept - 1)
      const exhausted = other.identity
      const renewed = await other.init(exhausted)
      expect(renewed).toMatchObject({ errorCode: 0, producerEpoch: 0 })
      expect(renewed.producerId).not.toBe(otherId)
      expect(await other.init(exhausted)).toEqual(renewed)
    },
  },
]

export const transactionEndRows: readonly Row[] = [...endRows, ...expiryRows]
