/** Transactions by clients that share no line with the broker: what was aborted is read by nobody who reads committed, the
 *  offsets of a group move with the transaction, and an older producer of the same id is fenced. */

import kafkajs from 'kafkajs'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { EmbeddedKafka } from '../../packages/broker/src/index.ts'
import { javaMissing, javaTool, pythonMissing, pythonScript } from './clients.ts'
import { runClient, runTool } from './member.ts'

const [source, target, group, transactionalId] = ['source', 'target', 'copiers', 'copier']

let kafka: EmbeddedKafka

beforeEach(async () => {
  kafka = await EmbeddedKafka.start({ brokers: 3, topics: { [source]: 1, [target]: 1 } })
})

afterEach(() => kafka.stop())

const values = (topic: string): string[] => kafka.core.records(topic, 0).map(({ value }) => value?.toString() ?? '')

/** What a reader of committed records gets from the target, by kafkajs. */
async function readCommitted(client: InstanceType<typeof kafkajs.Kafka>, last: string): Promise<string[]> {
  const consumer = client.consumer({ groupId: 'reader', readUncommitted: false, maxWaitTimeInMs: 50 })
  await consumer.connect()
  await consumer.subscribe({ topic: target, fromBeginning: true })
  const read: string[] = []
  await new Promise<void>((resolve, reject) => {
    const running = consumer.run({
      eachMessage: async ({ message }) => {
        read.push(message.value?.toString() ?? '')
        if (read.at(-1) === last) resolve()
      },
    })
    running.catch(reject)
  })
  await consumer.disconnect()
  return read
}

test('kafkajs: an aborted transaction is not read, a committed one is, and an older producer is fenced', async () => {
  const { logLevel } = kafkajs
  const client = new kafkajs.Kafka({ brokers: kafka.bootstrap.split(','), logLevel: logLevel.NOTHING })
  const options = {
    transactionalId,
    maxInFlightRequests: 1,
    idempotent: true,
    retry: { retries: 1, initialRetryTime: 10 },
  }
  const producer = client.producer(options)
  await producer.connect()
  const offsetsOf = (
    offset: string,
  ): Parameters<Awaited<ReturnType<typeof producer.transaction>>['sendOffsets']>[0] => ({
    consumerGroupId: group,
    topics: [{ topic: source, partitions: [{ partition: 0, offset }] }],
  })

  const aborted = await producer.transaction()
  await aborted.send({ topic: target, messages: [{ value: 'aborted' }] })
  await aborted.sendOffsets(offsetsOf('1'))
  await aborted.abort()
  expect(kafka.core.committed(group)).toEqual([])

  const committed = await producer.transaction()
  await committed.send({ topic: target, messages: [{ value: 'committed' }] })
  await committed.sendOffsets(offsetsOf('2'))
  await committed.commit()
  expect(kafka.core.committed(group)).toMatchObject([{ topic: source, partition: 0, offset: 2 }])

  const open = await producer.transaction()
  await open.send({ topic: target, messages: [{ value: 'fenced' }] })
  const second = client.producer(options)
  await second.connect()
  const newest = await second.transaction()
  await expect(open.commit()).rejects.toThrow(/epoch|fenced/i)
  await producer.disconnect()
  await newest.send({ topic: target, messages: [{ value: 'last' }] })
  await newest.commit()
  await second.disconnect()

  expect(values(target)).toEqual(['aborted', 'committed', 'fenced', 'last'])
  expect(await readCommitted(client, 'last')).toEqual(['committed', 'last'])
})

test.skipIf(pythonMissing !== undefined)(
  `confluent-kafka: offsets move with the transaction, and an older producer is fenced (${pythonMissing ?? 'librdkafka'})`,
  async () => {
    kafka.core.append(source, 0, [{ value: 'one' }])
    const copy = ['copy', kafka.bootstrap, source, target, group, transactionalId]
    const told = await runClient(pythonScript('confluent', ...copy), 'confluent-kafka')
    expect(told.filter(({ name }) => name !== 'fenced').map(({ name, offset }) => [name, offset])).toEqual([
      ['committed', -1001],
      ['committed', 1],
    ])
    expect(told.at(-1)).toMatchObject({ name: 'fenced', code: '_FENCED' })
    expect(values(target)).toEqual(['aborted', 'committed'])
    const { logLevel } = kafkajs
    const client = new kafkajs.Kafka({ brokers: kafka.bootstrap.split(','), logLevel: logLevel.NOTHING })
    expect(await readCommitted(client, 'committed')).toEqual(['committed'])
  },
)

test.skipIf(javaMissing !== undefined)(
  `Java: a copier with random aborts copies each record once (${javaMissing ?? 'TransactionalMessageCopier'})`,
  async () => {
    const originals = Array.from({ length: 40 }, (_, index) => `value-${index}`)
    kafka.core.append(
      source,
      0,
      originals.map((value) => ({ value })),
    )
    const places = ['--input-topic', source, '--input-partition', '0', '--output-topic', target]
    const limits = ['--consumer-group', group, '--transaction-size', '4', '--transactional-id', transactionalId]
    const copier = javaTool(
      'org.apache.kafka.tools.TransactionalMessageCopier',
      ...['--broker-list', kafka.bootstrap, ...places, ...limits, '--enable-random-aborts', '--use-group-metadata'],
    )
    await runTool(copier, 'TransactionalMessageCopier')
    const { logLevel } = kafkajs
    const client = new kafkajs.Kafka({ brokers: kafka.bootstrap.split(','), logLevel: logLevel.NOTHING })
    expect(await readCommitted(client, originals.at(-1) ?? '')).toEqual(originals)
    expect(kafka.core.committed(group)).toMatchObject([{ topic: source, offset: originals.length }])
  },
)
