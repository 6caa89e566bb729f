/** R8 on real Kafka: where a log ends in a transaction marker, in aborted records or in a gap that compaction left, the
 *  commit goes on to its end although no record is there, and records of aborted transactions never reach a handler. */
import { createHoldfast, type Holdfast, topic } from 'holdfast'
import kafkajs from 'kafkajs'
import { expect, test } from 'vitest'
import { describeOnKafka } from '../../real-kafka.ts'
import { testApp, untilApp } from '../consumer-world.ts'
import { committedOffsets, endOffsets, foreignKafka, makeTopic, uniqueName } from '../kafka-world.ts'

describeOnKafka('a log that ends without a record', (bootstrap) => {
  test('in the marker of a committed transaction reaches lag 0', async () => {
    const name = await makeTopic(bootstrap)
    await transaction(bootstrap, name, ['a', 'b'], 'commit')

    expect(await handledUpTo(bootstrap, name, 3)).toEqual(['a', 'b'])
  })

  test('in an aborted transaction reaches lag 0, and its records reach no handler', async () => {
    const name = await makeTopic(bootstrap)
    await transaction(bootstrap, name, ['a', 'b'], 'commit')
    await transaction(bootstrap, name, ['x', 'y', 'z'], 'abort')

    expect(await handledUpTo(bootstrap, name, 7)).toEqual(['a', 'b'])
  })

  test('that holds nothing but aborted transactions reaches lag 0', async () => {
    const name = await makeTopic(bootstrap)
    await transaction(bootstrap, name, ['x'], 'abort')
    await transaction(bootstrap, name, ['y'], 'abort')

    expect(await handledUpTo(bootstrap, name, 4)).toEqual([])
  })

  test('of transactions that are committed and aborted in turn hands out the committed ones in order', async () => {
    const name = await makeTopic(bootstrap)
    for (const [index, outcome] of (['commit', 'abort', 'abort', 'commit', 'abort'] as const).entries()) {
      await transaction(bootstrap, name, [`${outcome} ${index}a`, `${outcome} ${index}b`], outcome)
    }

    expect(await handledUpTo(bootstrap, name, 15)).toEqual(['commit 0a', 'commit 0b', 'commit 3a', 'commit 3b'])
  })

  test('in a gap of compaction and the marker behind it reaches lag 0', async () => {
    const name = await makeTopic(bootstrap, { configs: compacting })
    await abortedAndCompactedAway(bootstrap, name)

    expect(await handledUpTo(bootstrap, name, 6)).toEqual(['first'])
  })

  test('before a gap of compaction goes on behind it', async () => {
    const name = await makeTopic(bootstrap, { configs: compacting })
    const records = ['0', '1', '2', '3', '4'].map((value) => ({ key: 'same', value, timestampMs: longAgoMs }))
    await send(bootstrap, name, [...records, { key: 'other', value: 'last' }])
    await until(async () => (await readableOffsets(bootstrap, name))[0] === 4)

    expect(await handledUpTo(bootstrap, name, 6)).toEqual(['4', 'last'])
  })
})

/** Runs an app until it has committed `end`, which must be where the log ends; returns what it handled. */
async function handledUpTo(bootstrap: string, name: string, end: number): Promise<readonly string[]> {
  const group = uniqueName('group')
  await using app = createHoldfast({ ...testApp, kafka: bootstrap, group })
  const handled: string[] = []
  const consumer = app.consume(topic(name), { order: 'partition' }, ({ valueBytes }) => {
    handled.push(valueBytes?.toString() ?? 'null')
  })
  await app.start()
  await consumer.whenCaughtUp()
  await committedUpTo(app, () => consumer.status()?.partitions[0]?.committed ?? -1, end)

  expect(consumer.status()?.partitions).toMatchObject([{ lag: 0, committed: end, endOffset: end }])
  expect(await app.stop()).toMatchObject({ clean: true })
  expect([...(await committedOffsets(bootstrap, group, name)).values()]).toEqual([end])
  expect([...(await endOffsets(bootstrap, name)).values()]).toEqual([end])
  return handled
}

function committedUpTo(app: Holdfast, committed: () => number, end: number): Promise<void> {
  return untilApp(app, () => committed() >= end)
}

async function transaction(
  bootstrap: string,
  name: string,
  values: readonly string[],
  outcome: 'commit' | 'abort',
  timestampMs?: number,
): Promise<void> {
  const producer = foreignKafka(bootstrap).producer({
    transactionalId: uniqueName('tx'),
    maxInFlightRequests: 1,
    idempotent: true,
    createPartitioner: kafkajs.Partitioners.DefaultPartitioner,
  })
  await producer.connect()
  const open = await producer.transaction()
  const timestamp = timestampMs === undefined ? {} : { timestamp: String(timestampMs) }
  await open.send({ topic: name, messages: values.map((value) => ({ key: value, value, ...timestamp })) })
  await (outcome === 'commit' ? open.commit() : open.abort())
  await producer.disconnect()
}

const compacting = {
  'cleanup.policy': 'compact',
  'segment.ms': '100',
  'min.cleanable.dirty.ratio': '0',
  'delete.retention.ms': '0',
}

/** So long before now that whatever is written next begins a new segment; only older segments are compacted. */
const longAgoMs = Date.now() - 60_000

/** One record, then four of an aborted transaction that the cleaner takes away; its marker is alone in the newest segment. */
async function abortedAndCompactedAway(bootstrap: string, name: string): Promise<void> {
  await send(bootstrap, name, [{ key: 'a', value: 'first', timestampMs: longAgoMs }])
  await transaction(bootstrap, name, ['w', 'x', 'y', 'z'], 'abort', longAgoMs)
  await until(async () => (await readableOffsets(bootstrap, name)).length === 1)
}

type Sent = { readonly key: string; readonly value: string; readonly timestampMs?: number }

/** Each in a batch of its own. */
async function send(bootstrap: string, name: string, records: readonly Sent[]): Promise<void> {
  const producer = foreignKafka(bootstrap).producer({ createPartitioner: kafkajs.Partitioners.DefaultPartitioner })
  await producer.connect()
  for (const { key, value, timestampMs } of records) {
    await producer.send({ topic: name, messages: [{ key, value, timestamp: String(timestampMs ?? Date.now()) }] })
  }
  await producer.disconnect()
}

/** The offsets in the oldest segment as a foreign client reads them, those of aborted transactions included. */
async function readableOffsets(bootstrap: string, name: string): Promise<readonly number[]> {
  const groupId = uniqueName('look')
  const consumer = foreignKafka(bootstrap).consumer({ groupId, maxWaitTimeInMs: 20, readUncommitted: true })
  const seen = Promise.withResolvers<readonly number[]>()
  await consumer.connect()
  await consumer.subscribe({ topic: name, fromBeginning: true })
  // An answer of the broker never reaches beyond a segment.
  await consumer.run({
    eachBatch: async ({ batch }) => seen.resolve(batch.messages.map(({ offset }) => Number(offset))),
  })
  const offsets = await seen.promise
  await consumer.disconnect()
  return offsets
}

/** The cleaner tells nobody when it has run: looking again is the only way. */
async function until(holds: () => Promise<boolean>): Promise<void> {
  while (!(await holds()));
}
