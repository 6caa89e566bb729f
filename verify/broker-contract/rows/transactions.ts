/** Rows about transactional ids: who may use them, what joins a transaction, how it ends. */

import { expect } from 'vitest'
import { type Ground, type Row } from '../row.ts'
import { endOf, otherNode, readCommitted, TransactionalProducer } from '../steps/transactional-producer.ts'

const guide = 'KIP-98'
const longestTimeoutMs = 900_000

async function open(ground: Ground): Promise<{ producer: TransactionalProducer; topic: string }> {
  const [producer, topic] = await Promise.all([TransactionalProducer.ready(ground), ground.topic(2)])
  expect(await producer.add(topic)).toEqual([0])
  return { producer, topic }
}

const initRows: readonly Row[] = [
  {
    id: 'init-producer-id/without-an-id-everybody-is-new',
    api: 'InitProducerId',
    when: 'asked twice without a transactional id, whatever the timeout',
    expect: '0 and epoch 0 each time, with another producer id',
    rule: guide,
    priority: 'P0',
    async run(ground) {
      const wire = await ground.node()
      const ask = { transactionalId: null, transactionTimeoutMs: -1 }
      const first = await wire.call('InitProducerId', 5, ask)
      const second = await wire.call('InitProducerId', 0, ask)
      expect([first, second]).toMatchObject([
        { errorCode: 0, producerEpoch: 0 },
        { errorCode: 0, producerEpoch: 0 },
      ])
      expect(first.producerId).not.toBe(second.producerId)
    },
  },
  {
    id: 'init-producer-id/raises-the-epoch',
    api: 'InitProducerId',
    when: 'asked twice for the same transactional id, in the first and the last version',
    expect: '0: one producer id, epoch 0, then 1',
    rule: guide,
    priority: 'P0',
    async run(ground) {
      const producer = await TransactionalProducer.of(ground)
      const first = await producer.init({}, 0)
      expect(first).toMatchObject({ errorCode: 0, producerEpoch: 0 })
      expect(await producer.init()).toMatchObject({ errorCode: 0, producerId: first.producerId, producerEpoch: 1 })
    },
  },
  {
    id: 'init-producer-id/empty-transactional-id',
    api: 'InitProducerId',
    when: 'the transactional id is empty',
    expect: '42 INVALID_REQUEST',
    rule: 'protocol guide: InitProducerId; seen on 4.3.1',
    priority: 'P0',
    async run(ground) {
      const wire = await ground.node()
      const answer = await wire.call('InitProducerId', 5, { transactionalId: '', transactionTimeoutMs: 1_000 })
      expect(answer).toMatchObject({ errorCode: 42, producerId: -1, producerEpoch: -1 })
    },
  },
  {
    id: 'init-producer-id/timeout-out-of-bounds',
    api: 'InitProducerId',
    when: 'the timeout is 0, negative, or above transaction.max.timeout.ms',
    expect: '50 INVALID_TRANSACTION_TIMEOUT; the longest legal one is taken',
    rule: 'transaction.max.timeout.ms',
    priority: 'P0',
    async run(ground) {
      const producer = await TransactionalProducer.of(ground)
      for (const transactionTimeoutMs of [0, -1, longestTimeoutMs + 1]) {
        expect((await producer.init({ transactionTimeoutMs })).errorCode).toBe(50)
      }
      expect((await producer.init({ transactionTimeoutMs: longestTimeoutMs })).errorCode).toBe(0)
      expect((await producer.state()).transactionTimeoutMs).toBe(longestTimeoutMs)
    },
  },
  {
    id: 'init-producer-id/half-an-identity',
    api: 'InitProducerId',
    when: 'a producer id comes without an epoch, or an epoch without a producer id',
    expect: '42 INVALID_REQUEST, with a transactional id and without',
    rule: 'KIP-360; seen on 4.3.1',
    priority: 'P1',
    async run(ground) {
      const producer = await TransactionalProducer.ready(ground)
      expect((await producer.init({ ...producer.identity, producerEpoch: -1 })).errorCode).toBe(42)
      expect((await producer.init({ producerId: -1, producerEpoch: 0 })).errorCode).toBe(42)
      expect((await producer.init({ transactionalId: null, producerId: 5, producerEpoch: -1 })).errorCode).toBe(42)
    },
  },
  {
    id: 'init-producer-id/goes-on-as-who-it-is',
    api: 'InitProducerId',
    when: 'a producer gives its identity, and asks again as if it had missed the answer',
    expect: '0 and the next epoch, both times the same',
    rule: 'KIP-360',
    priority: 'P0',
    async run(ground) {
      const producer = await TransactionalProducer.ready(ground)
      const { identity } = producer
      expect(await producer.init(identity)).toMatchObject({ errorCode: 0, ...identity, producerEpoch: 1 })
      expect(await producer.init(identity)).toMatchObject({ errorCode: 0, ...identity, producerEpoch: 1 })
    },
  },
  {
    id: 'init-producer-id/former-identity-is-fenced',
    api: 'InitProducerId',
    when: 'another producer has come since, or the producer id is not the one of the transactional id',
    expect: '90 PRODUCER_FENCED, in version 3 47 INVALID_PRODUCER_EPOCH',
    rule: 'KIP-360, KIP-588',
    priority: 'P0',
    async run(ground) {
      const producer = await TransactionalProducer.ready(ground)
      const former = producer.identity
      await producer.init()
      expect(await producer.init(former)).toMatchObject({ errorCode: 90, producerId: -1, producerEpoch: -1 })
      expect((await producer.init(former, 3)).errorCode).toBe(47)
      const foreign = { ...producer.identity, producerId: former.producerId + 1_000_000 }
      expect((await producer.init(foreign)).errorCode).toBe(90)
    },
  },
  {
    id: 'init-producer-id/identity-of-a-new-id-is-not-looked-at',
    api: 'InitProducerId',
    when: 'a producer gives an identity and the transactional id is new',
    expect: '0 with a producer id of its own, epoch 0',
    rule: 'KIP-360',
    priority: 'P1',
    async run(ground) {
      const producer = await TransactionalProducer.of(ground)
      const answer = await producer.init({ producerId: 1_000_000, producerEpoch: 7 })
      expect(answer).toMatchObject({ errorCode: 0, producerEpoch: 0 })
      expect(answer.producerId).not.toBe(1_000_000)
    },
  },
  {
    id: 'init-producer-id/open-transaction-is-aborted-first',
    api: 'InitProducerId',
    when: 'the transactional id has an open transaction',
    expect: '51 CONCURRENT_TRANSACTIONS; the transaction is aborted; asked again 0, and the epoch was raised twice',
    rule: `${guide}, KIP-890`,
    priority: 'P0',
    async run(ground) {
      const { producer, topic } = await open(ground)
      await producer.produce(topic)
      expect(await producer.init()).toMatchObject({ errorCode: 51, producerId: -1, producerEpoch: -1 })
      await producer.ended()
      expect(await producer.state()).toMatchObject({ transactionState: 'CompleteAbort', producerEpoch: 1, topics: [] })
      expect(await endOf(ground, topic, readCommitted)).toBe(2)
      expect(await producer.init()).toMatchObject({ errorCode: 0, producerEpoch: 2 })
    },
  },
  {
    id: 'init-producer-id/own-open-transaction-is-aborted-first',
    api: 'InitProducerId',
    when: 'the producer itself gives its identity while its transaction is open',
    expect: '51 CONCURRENT_TRANSACTIONS; asked again 0, and the epoch was raised once',
    rule: 'KIP-360, KIP-890; seen on 4.3.1',
    priority: 'P1',
    async run(ground) {
      const { producer } = await open(ground)
      const { identity } = producer
      expect((await producer.init(identity)).errorCode).toBe(51)
      await producer.ended()
      expect(await producer.init(identity)).toMatchObject({ errorCode: 0, ...identity, producerEpoch: 1 })
    },
  },
  {
    id: 'init-producer-id/wrong-node',
    api: 'InitProducerId',
    when: 'asked of a node that does not coordinate the transactional id',
    expect: '16 NOT_COORDINATOR',
    rule: guide,
    priority: 'P0',
    nodes: 3,
    async run(ground) {
      const { transactionalId, coordinator } = await TransactionalProducer.of(ground)
      const wire = await otherNode(ground, coordinator)
      const answer = await wire.call('InitProducerId', 5, { transactionalId, transactionTimeoutMs: 1_000 })
      expect(answer).toMatchObject({ errorCode: 16, producerId: -1 })
    },
  },
]

const joinRows: readonly Row[] = [
  {
    id: 'find-coordinator/names-a-node-for-a-transactional-id',
    api: 'FindCoordinator',
    when: 'asked for the coordinators of two transactional ids, key type 1, and for one in version 1',
    expect: '0 and the same node each time',
    rule: `${guide}, KIP-699`,
    priority: 'P0',
    async run(ground) {
      const { transactionalId: key, coordinator } = await TransactionalProducer.of(ground)
      const { coordinators } = await coordinator.call('FindCoordinator', 4, {
        keyType: 1,
        keys: [key, ground.name('id')],
      })
      expect(coordinators).toMatchObject([{ key, errorCode: 0, nodeId: coordinator.nodeId }, { errorCode: 0 }])
      const single = await coordinator.call('FindCoordinator', 1, { keyType: 1, key })
      expect(single).toMatchObject({ errorCode: 0, nodeId: coordinator.nodeId })
    },
  },
  {
    id: 'add-partitions-to-txn/opens-a-transaction',
    api: 'AddPartitionsToTxn',
    when: 'partitions join, some of them again, in every version',
    expect: '0; the transaction is Ongoing with all of them',
    rule: guide,
    priority: 'P0',
    async run(ground) {
      const [producer, topic] = await Promise.all([TransactionalProducer.ready(ground), ground.topic(2)])
      expect((await producer.state()).transactionState).toBe('Empty')
      for (const version of [0, 1, 2]) expect(await producer.add(topic, {}, version)).toEqual([0])
      expect(await producer.add(topic, { partitions: [0, 1] })).toEqual([0, 0])
      const { transactionState, topics } = await producer.state()
      expect(transactionState).toBe('Ongoing')
      expect(topics.map((each) => [each.topic, each.partitions.toSorted((a, b) => a - b)])).toEqual([[topic, [0, 1]]])
    },
  },
  {
    id: 'add-partitions-to-txn/all-or-none',
    api: 'AddPartitionsToTxn',
    when: 'one of the partitions does not exist',
    expect: '3 UNKNOWN_TOPIC_OR_PARTITION for it, 55 OPERATION_NOT_ATTEMPTED for the others; nothing has joined',
    rule: 'protocol guide: AddPartitionsToTxn',
    priority: 'P0',
    async run(ground) {
      const [producer, topic] = await Promise.all([TransactionalProducer.ready(ground), ground.topic()])
      const topics = [
        { name: topic, partitions: [0, 99] },
        { name: ground.name('missing'), partitions: [0] },
      ]
      for (const version of [0, 3]) expect(await producer.add('', { topics }, version)).toEqual([55, 3, 3])
      expect((await producer.state()).transactionState).toBe('Empty')
    },
  },
  {
    id: 'add-partitions-to-txn/internal-topic',
    api: 'AddPartitionsToTxn',
    when: "the topic is one of Kafka's own",
    expect: '29 TOPIC_AUTHORIZATION_FAILED',
    rule: 'seen on 4.3.1',
    priority: 'P1',
    async run(ground) {
      const producer = await TransactionalProducer.ready(ground)
      expect(await producer.add('__consumer_offsets')).toEqual([29])
    },
  },
  {
    id: 'add-partitions-to-txn/who-may-not',
    api: 'AddPartitionsToTxn',
    when: 'the transactional id is unknown or empty, the producer id is another, the epoch is lower or higher',
    expect: '49 INVALID_PRODUCER_ID_MAPPING, 42, 49, 90 PRODUCER_FENCED (47 up to version 1)',
    rule: `${guide}, KIP-588`,
    priority: 'P0',
    async run(ground) {
      const [producer, topic] = await Promise.all([TransactionalProducer.ready(ground), ground.topic()])
      await producer.init()
      const stranger = await TransactionalProducer.of(ground)
      const { producerId } = producer.identity
      for (const [version, fenced] of [
        [1, 47],
        [2, 90],
        [3, 90],
      ] as const) {
        const codeOf = (given: object): Promise<number[]> => producer.add(topic, given, version)
        expect(await stranger.add(topic, producer.identity, version)).toEqual([49])
        expect(await codeOf({ transactionalId: '' })).toEqual([42])
        expect(await codeOf({ producerId: producerId + 1_000_000 })).toEqual([49])
        expect(await codeOf({ producerEpoch: 0 })).toEqual([fenced])
        expect(await codeOf({ producerEpoch: 2 })).toEqual([fenced])
      }
    },
  },
  {
    id: 'add-partitions-to-txn/wrong-node',
    api: 'AddPartitionsToTxn',
    when: 'asked of a node that does not coordinate the transactional id',
    expect: '16 NOT_COORDINATOR for every partition',
    rule: guide,
    priority: 'P0',
    nodes: 3,
    async run(ground) {
      const [producer, name] = await Promise.all([TransactionalProducer.ready(ground), ground.topic(2)])
      const { transactionalId, coordinator, identity } = producer
      const wire = await otherNode(ground, coordinator)
      const topics = [{ name, partitions: [0, 1] }]
      const { results } = await wire.call('AddPartitionsToTxn', 3, { transactionalId, ...identity, topics })
      expect(results[0]?.partitions.map(({ errorCode }) => errorCode)).toEqual([16, 16])
    },
  },
]

const viewRows: readonly Row[] = [
  {
    id: 'describe-transactions/unknown-id',
    api: 'DescribeTransactions',
    when: 'asked about an id that nobody uses, and about an empty one',
    expect: '105 TRANSACTIONAL_ID_NOT_FOUND, 42 INVALID_REQUEST',
    rule: 'KIP-664',
    priority: 'P1',
    async run(ground) {
      const { coordinator, transactionalId } = await TransactionalProducer.of(ground)
      const asked = await coordinator.call('DescribeTransactions', 0, { transactionalIds: [transactionalId, ''] })
      expect(asked.transactionStates.map(({ errorCode }) => errorCode).toSorted((a, b) => a - b)).toEqual([42, 105])
    },
  },
  {
    id: 'describe-transactions/groups-that-have-joined',
    api: 'DescribeTransactions',
    when: 'the offsets of a group have joined the transaction',
    expect: '0; __consumer_offsets is one of its topics, with one partition',
    rule: 'KIP-664; seen on 4.3.1',
    priority: 'P1',
    async run(ground) {
      const { producer, topic } = await open(ground)
      const groupId = ground.name('group')
      await ground.coordinator(groupId)
      expect(await producer.addOffsets(groupId)).toBe(0)
      const { topics, transactionStartTimeMs } = await producer.state()
      expect(transactionStartTimeMs).toBeGreaterThan(0)
      const counts = Object.fromEntries(topics.map((each) => [each.topic, each.partitions.length]))
      expect(counts).toEqual({ ['__consumer_offsets']: 1, [topic]: 1 })
    },
  },
  {
    id: 'list-transactions/filters',
    api: 'ListTransactions',
    when: 'asked for states, for a producer, for an age, and for a state that does not exist',
    expect: 'what all filters let pass; the unknown state is named and lets nothing pass',
    rule: 'KIP-664, KIP-994',
    priority: 'P1',
    async run(ground) {
      const { producer } = await open(ground)
      const { coordinator, transactionalId } = producer
      const { producerId } = producer.identity
      const listed = async (given: object): Promise<string[]> => {
        const answer = await coordinator.call('ListTransactions', 1, { producerIdFilters: [producerId], ...given })
        expect(answer).toMatchObject({ errorCode: 0, unknownStateFilters: [] })
        return answer.transactionStates.map((each) => `${each.transactionalId} ${each.transactionState}`)
      }
      expect(await listed({})).toEqual([`${transactionalId} Ongoing`])
      expect(await listed({ stateFilters: ['Ongoing'] })).toEqual([`${transactionalId} Ongoing`])
      expect(await listed({ stateFilters: ['Empty'] })).toEqual([])
      expect(await listed({ durationFilter: 100_000 })).toEqual([])
      const unknown = { stateFilters: ['Nowhere'], producerIdFilters: [producerId] }
      const answer = await coordinator.call('ListTransactions', 0, unknown)
      expect(answer).toMatchObject({ errorCode: 0, unknownStateFilters: ['Nowhere'] })
    },
  },
]

export const transactionRows: readonly Row[] = [...initRows, ...joinRows, ...viewRows]
