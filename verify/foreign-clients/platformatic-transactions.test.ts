/** Transactions of `@platformatic/kafka` against the embedded broker: it reads from a group, writes, and moves the offsets
 *  of the group in the same transaction. */

import { Consumer, type Message, Producer, stringDeserializers, stringSerializers } from '@platformatic/kafka'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { EmbeddedKafka } from '../../packages/broker/src/index.ts'

const [source, target, group, transactionalId] = ['source', 'target', 'copiers', 'copier']
const readCommitted = 1

let kafka: EmbeddedKafka
let producer: Producer<string, string, string, string>
let closing: { close(force?: boolean): Promise<void> }[]

beforeEach(async () => {
  kafka = await EmbeddedKafka.start({ brokers: 3, topics: { [source]: 1, [target]: 2 } })
  const bootstrapBrokers = kafka.bootstrap.split(',')
  producer = new Producer({
    clientId: 'copier',
    bootstrapBrokers,
    idempotent: true,
    transactionalId,
    serializers: stringSerializers,
    retries: 1,
  })
  closing = [producer]
})

afterEach(async () => {
  await Promise.all(closing.map((each) => each.close()))
  await kafka.stop()
})

function consumer(groupId: string): Consumer<string, string, string, string> {
  const made = new Consumer({
    clientId: groupId,
    groupId,
    bootstrapBrokers: kafka.bootstrap.split(','),
    deserializers: stringDeserializers,
    maxWaitTime: 50,
    isolationLevel: readCommitted,
  })
  closing.unshift({ close: () => made.close(true) })
  return made
}

type Read = Message<string, string, string, string>

/** The first `count` messages of a topic that a reader of committed records gets. */
async function read(from: Consumer<string, string, string, string>, topic: string, count: number): Promise<Read[]> {
  const stream = await from.consume({ topics: [topic], mode: 'earliest', autocommit: false })
  const messages: Read[] = []
  for await (const message of stream) {
    messages.push(message)
    if (messages.length === count) break
  }
  return messages
}

const write = (value: string, partition = 0): { messages: { topic: string; partition: number; value: string }[] } => ({
  messages: [{ topic: target, partition, value }],
})

test('what was aborted is read by nobody who reads committed; what was committed is, in every partition', async () => {
  const aborted = await producer.beginTransaction()
  await aborted.send(write('aborted'))
  await aborted.send(write('aborted', 1))
  await aborted.abort()

  const committed = await producer.beginTransaction()
  await committed.send(write('a'))
  await committed.send(write('b', 1))
  expect(kafka.core.transactions()).toMatchObject([
    { transactionalId, state: 'Ongoing', partitions: [{ partition: 0 }, { partition: 1 }] },
  ])
  await committed.commit()

  expect(kafka.core.transactions()).toMatchObject([{ transactionalId, state: 'CompleteCommit', partitions: [] }])
  const values = (await read(consumer('reader'), target, 2)).map(({ value }) => value)
  expect(values.toSorted()).toEqual(['a', 'b'])
})

test('the offsets of a group move when the transaction commits, and stay when it aborts', async () => {
  kafka.core.append(source, 0, [{ value: 'one' }, { value: 'two' }])
  const copier = consumer(group)
  const messages = await read(copier, source, 2)

  for (const outcome of ['abort', 'commit'] as const) {
    const transaction = await producer.beginTransaction()
    await transaction.addConsumer(copier)
    for (const message of messages) {
      await transaction.send(write(message.value))
      await transaction.addOffset(message)
    }
    expect(kafka.core.transactions()[0]?.pendingOffsets).toMatchObject([{ groupId: group, topic: source }])
    expect(kafka.core.committed(group)).toEqual([])
    await transaction[outcome]()
  }

  expect(kafka.core.transactions()[0]?.pendingOffsets).toEqual([])
  expect(kafka.core.committed(group)).toMatchObject([{ topic: source, partition: 0 }])
  expect((await read(consumer('reader'), target, 2)).map(({ value }) => value)).toEqual(['one', 'two'])
})

test('a producer whose transaction was aborted by another one cannot commit it', async () => {
  const transaction = await producer.beginTransaction()
  await transaction.send(write('late'))
  const { producerId, producerEpoch } = kafka.core.transactions()[0] ?? { producerId: -1, producerEpoch: -1 }
  const asked = { transactionalId, transactionTimeoutMs: 1_000, producerId, producerEpoch }
  const nodeId = kafka.core.coordinatorOf(transactionalId)
  const rival = kafka.core.connect(nodeId, 'rival')
  expect((await kafka.core.handle(nodeId, 'InitProducerId', 5, asked, rival)).errorCode).toBe(51)

  await expect(transaction.commit()).rejects.toThrow(/EndTxn/)

  expect(kafka.core.transactions()).toMatchObject([{ state: 'CompleteAbort', producerEpoch: producerEpoch + 1 }])
  await transaction.cancel()
})
