/** R18, R20, R21 through sockets: delay topics and dead-letter topics are created as they must be, checked where they exist,
 *  and refused with everything that is wrong with them; what is handed off to them arrives unchanged and tells its past. On
 *  the embedded broker and on real Kafka. */

import { randomUUID } from 'node:crypto'
import { EmbeddedKafka } from '@holdfast/broker'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { encodeBatch, readBatches } from '../../packages/holdfast/src/kafka/record-batch.ts'
import { HoldfastError } from '../../packages/holdfast/src/model/errors.ts'
import { readHandedOff } from '../../packages/holdfast/src/model/handed-off.ts'
import { type Header, type KafkaRecord } from '../../packages/holdfast/src/model/record.ts'
import { type GroupSettings, type OwnTopicPolicy } from '../../packages/holdfast/src/model/settings.ts'
import { BrokerTime } from '../../packages/holdfast/src/runtime/broker-time.ts'
import { systemClock } from '../../packages/holdfast/src/runtime/clock.ts'
import { HandOffs } from '../../packages/holdfast/src/runtime/hand-off.ts'
import { type OwnTopics, prepareOwnTopics } from '../../packages/holdfast/src/runtime/own-topics.ts'
import { describeOnKafka } from '../real-kafka.ts'
import { createTopic, type ProducerWorld, startProducer } from './producer-world.ts'

const dayMs = 86_400_000
const sizeMax = 2_000_000

const ownTopicLaws = (bootstrapOf: () => string): void => {
  let world: ProducerWorld
  beforeAll(async () => {
    world = await startProducer({ bootstrap: bootstrapOf(), settings: { batchBytesMax: 1_000_000 } })
  })
  afterAll(() => world[Symbol.dispose]())

  const prepare = (settings: GroupSettings): Promise<OwnTopics> =>
    prepareOwnTopics(
      {
        port: world.port,
        cluster: world.cluster,
        clock: systemClock,
        requestTimeoutMs: 5_000,
        timeoutMs: 20_000,
        signal: new AbortController().signal,
      },
      settings,
    )
  const source = (partitions = 3): Promise<string> =>
    createTopic(world, { partitions, configs: { 'max.message.bytes': String(sizeMax) } })
  const make = (topic: string, partitions: number, configs: Readonly<Record<string, string>>): Promise<unknown> => {
    const entries = Object.entries(configs).map(([name, value]) => ({ name, value }))
    const topics = [{ name: topic, numPartitions: partitions, replicationFactor: 1, configs: entries }]
    const request = { topics, timeoutMs: 10_000, validateOnly: false }
    return world.port.call(world.cluster.nodes[0]!, 'CreateTopics', request, { channel: 'main', timeoutMs: 15_000 })
  }
  const partitionsOf = async (topics: readonly string[]): Promise<Map<string, number>> => {
    const request = { topics, allowAutoTopicCreation: false }
    const options = { channel: 'main', timeoutMs: 15_000 } as const
    const answer = await world.port.call(world.cluster.nodes[0]!, 'Metadata', request, options)
    return new Map(answer.topics.filter((one) => one.errorCode === 0).map((one) => [one.name, one.partitions.length]))
  }
  const configsOf = async (topic: string): Promise<Record<string, string | null>> => {
    const request = { resources: [{ resourceType: 2, resourceName: topic, configurationKeys: null }] } as const
    const options = { channel: 'main', timeoutMs: 15_000 } as const
    const answer = await world.port.call(world.cluster.nodes[0]!, 'DescribeConfigs', request, options)
    return Object.fromEntries(answer.results[0]!.configs.map(({ name, value }) => [name, value]))
  }
  const read = async (topic: string, partition: number): Promise<KafkaRecord[]> => {
    await world.cluster.refresh('reading')
    const { topicId } = world.cluster.topic(topic)!
    const leader = world.cluster.leaderOf(topic, partition)!
    const request = {
      maxWaitMs: 100,
      minBytes: 1,
      maxBytes: 8_000_000,
      isolationLevel: 0,
      sessionId: 0,
      sessionEpoch: -1,
      topics: [
        {
          topic,
          topicId,
          partitions: [
            { partition, currentLeaderEpoch: -1, fetchOffset: 0, lastFetchedEpoch: -1, partitionMaxBytes: 8_000_000 },
          ],
        },
      ],
      forgottenTopics: [],
    } as const
    const answer = await world.port.call(leader.address, 'Fetch', request, { channel: 'fetch', timeoutMs: 15_000 })
    const bytes = answer.responses[0]!.partitions[0]!.records
    return [...readBatches(bytes, world.port.codec)].flatMap((batch) => batch.decode(0))
  }
  const handOffsOf = (own: OwnTopics, brokerTime = new BrokerTime()): HandOffs =>
    new HandOffs({
      producer: world.producer,
      cluster: world.cluster,
      clock: systemClock,
      brokerTime,
      isOwnTopic: (topic) => topic.includes('.retry.'),
      ensure: (topic) => own.ensure(topic),
      signal: new AbortController().signal,
    })

  describe('created', () => {
    test('a delay topic and required dead letters get the partitions of their source and configs that lose nothing', async () => {
      const topic = await source()
      const settings = settingsOf(topic, { policy: 'create', isRequired: true })
      const own = await prepare(settings)
      const [delay, dead] = [namesOf(topic).delay, namesOf(topic).dead]

      expect([...own.deadLetterTopics, own.warnings]).toEqual([[topic, dead], []])
      expect(await partitionsOf([delay, dead])).toEqual(
        new Map([
          [delay, 3],
          [dead, 3],
        ]),
      )
      const shared = {
        'cleanup.policy': 'delete',
        'message.timestamp.type': 'LogAppendTime',
        'retention.bytes': '-1',
        'max.message.bytes': String(sizeMax + 64 * 1_024),
      }
      expect(await configsOf(delay)).toMatchObject({ ...shared, 'retention.ms': String(7 * dayMs) })
      expect(await configsOf(dead)).toMatchObject({ ...shared, 'retention.ms': String(30 * dayMs) })
    })

    test('what was created passes the check of a second start, and of two at once', async () => {
      const topic = await source()
      const create = settingsOf(topic, { policy: 'create', isRequired: true })
      const both = await Promise.all([prepare(create), prepare(create)])
      const verified = await prepare({ ...create, ownTopics: 'verify' })

      for (const own of [...both, verified]) expect(own.warnings).toEqual([])
      expect(verified.deadLetterTopics.get(topic)).toBe(namesOf(topic).dead)
    })

    test('dead letters that nobody asked for are created when the first one is written, once for all writers', async () => {
      const topic = await source()
      const { dead } = namesOf(topic)
      const own = await prepare(settingsOf(topic, { policy: 'create', isRequired: false }))
      expect(own.deadLetterTopics.get(topic)).toBe(dead)
      expect(await partitionsOf([dead])).toEqual(new Map())

      const handOffs = handOffsOf(own)
      const write = (partition: number): Promise<void> =>
        handOffs.write({
          record: recordOf({ value: `v${partition}` }),
          at: { topic, partition },
          group: 'billing',
          attempts: 1,
          error: new Error('no'),
          destination: { outcome: 'deadLettered', topic: dead },
        })
      await Promise.all([write(0), write(1), write(2)])

      expect(await partitionsOf([dead])).toEqual(new Map([[dead, 3]]))
      for (const partition of [0, 1, 2]) {
        expect((await read(dead, partition)).map(({ value }) => value?.toString())).toEqual([`v${partition}`])
      }
    })
  })

  describe('checked', () => {
    test('what is missing is refused, all of it, with the command that makes it', async () => {
      const topic = await source()
      const { delay, dead } = namesOf(topic)
      const error = await errorOf(prepare(settingsOf(topic, { policy: 'verify', isRequired: true })))

      expect(error.code).toBe('TOPIC_MISSING')
      expect(error.message).toContain(`${delay} does not exist`)
      expect(error.message).toContain(`${dead} does not exist`)
      expect(error.remedy).toContain(`--create --topic ${delay} --partitions 3 --config cleanup.policy=delete`)
      expect(await partitionsOf([delay, dead])).toEqual(new Map())
    })

    test('dead letters that nobody asked for and that are missing are not used', async () => {
      const topic = await source()
      const settings = settingsOf(topic, { policy: 'verify', isRequired: false, withDelays: false })
      expect((await prepare(settings)).deadLetterTopics.get(topic)).toBe(null)
    })

    test.each(['create', 'verify'] as const)(
      'what would lose records is refused under %s, all at once',
      async (policy) => {
        const topic = await source()
        const { delay, dead } = namesOf(topic)
        await make(delay, 3, { 'retention.ms': '1000', 'max.message.bytes': '1000' })
        await make(dead, 3, { 'cleanup.policy': 'compact', 'message.timestamp.type': 'LogAppendTime' })
        const error = await errorOf(prepare(settingsOf(topic, { policy, isRequired: false })))

        expect(error.code).toBe('OWN_TOPIC_INVALID')
        for (const problem of [
          `${delay}: message.timestamp.type must be LogAppendTime, got CreateTime`,
          `${delay}: max.message.bytes must be ${sizeMax + 65_536}, got 1000`,
          `${delay}: retention.ms must be ${7 * dayMs}, got 1000`,
          `${dead}: cleanup.policy must be delete, got compact`,
          `${dead}: max.message.bytes must be ${sizeMax + 65_536}, got 1048588`,
        ]) {
          expect(error.message).toContain(problem)
        }
        expect(error.remedy).toContain(`--entity-name ${delay} --add-config message.timestamp.type=LogAppendTime,`)
      },
    )

    test('another number of partitions is a warning', async () => {
      const topic = await source()
      const { delay, dead } = namesOf(topic)
      const configs = { 'message.timestamp.type': 'LogAppendTime', 'max.message.bytes': String(sizeMax) }
      await make(delay, 1, configs)
      await make(dead, 5, { ...configs, 'retention.ms': String(8 * dayMs) })
      const { warnings } = await prepare(settingsOf(topic, { policy: 'verify', isRequired: true }))

      expect(warnings).toEqual([
        `${delay} has 1 partitions and its source ${topic} has 3: records of several partitions share one of its partitions`,
        `${dead} keeps dead letters for 8 days only`,
        `${dead} has 5 partitions and its source ${topic} has 3: some of its partitions stay empty`,
      ])
    })

    test('nothing is asked where everything is to be ignored', async () => {
      const topic = `never-made-${randomUUID()}`
      const required = await prepare(settingsOf(topic, { policy: 'ignore', isRequired: true }))
      const optional = await prepare(settingsOf(topic, { policy: 'ignore', isRequired: false }))

      expect([...required.deadLetterTopics.values()]).toEqual([namesOf(topic).dead])
      expect([...optional.deadLetterTopics.values()]).toEqual([null])
    })
  })

  describe('written to', () => {
    test('a retry keeps its bytes and headers, lies in the partition of its source and tells when it was appended', async () => {
      const topic = await source()
      const { delay } = namesOf(topic)
      const brokerTime = new BrokerTime()
      const handOffs = handOffsOf(await prepare(settingsOf(topic, { policy: 'create', isRequired: true })), brokerTime)
      const headers = [header('b', '1'), header('a', 'ü'), header('b', '2'), { key: 'n', value: null }]
      const record = recordOf({ key: '', value: null, headers, timestampMs: 1_000_000_000_000 })
      const at = { topic, partition: 2 }
      const destination = { outcome: 'retried', topic: delay, delayMs: 30_000 } as const
      const before = Date.now()
      await handOffs.write({ record, at, group: 'billing', attempts: 1, error: new TypeError('no'), destination })
      const [first] = await read(delay, 2)
      // The next hop reads what the first one wrote.
      const again = { topic: delay, partition: 2 }
      await handOffs.write({ record: first!, at: again, group: 'billing', attempts: 2, error: 'x', destination })
      const [, second] = await read(delay, 2)

      expect([first?.key?.length, first?.value, first?.headers.slice(0, 4)]).toEqual([0, null, headers])
      expect(second?.headers.slice(0, 4)).toEqual(headers)
      // The broker's clock is this machine's.
      expect(first?.timestampMs).toBeGreaterThanOrEqual(before)
      expect(brokerTime.offsetMs).toBeLessThanOrEqual(0)
      const source1 = { topic, partition: 2, offset: 0, timestampMs: 1_000_000_000_000, group: 'billing' }
      expect(readHandedOff(first!.headers)).toMatchObject({ attempts: 1, delayMs: 30_000, source: source1 })
      expect(readHandedOff(second!.headers)).toMatchObject({ attempts: 2, source: source1, id: `${topic}/2/0` })
      expect(readHandedOff(second!.headers).firstFailedAtMs).toBe(readHandedOff(first!.headers).firstFailedAtMs)
      expect(readHandedOff(first!.headers).dueAtMs).toBeGreaterThanOrEqual(before + 30_000)
    })

    test('a record that its topic does not take loses its stack, its message and, if it is dead, its value', async () => {
      const topic = await createTopic(world, { partitions: 1 })
      const { delay, dead } = namesOf(topic)
      const limit = 5_000
      const configs = { 'message.timestamp.type': 'LogAppendTime', 'max.message.bytes': String(limit) }
      for (const each of [delay, dead]) await make(each, 1, configs)
      const handOffs = handOffsOf(await prepare(settingsOf(topic, { policy: 'ignore', isRequired: true })))
      const error = Object.assign(new Error('m'.repeat(1_000)), { stack: 's'.repeat(2_000) })
      const hand = (bytes: number, outcome: 'retried' | 'deadLettered'): Promise<void> => {
        const destination = outcome === 'retried' ? { outcome, topic: delay, delayMs: 1_000 } : { outcome, topic: dead }
        const record = recordOf({ key: 'k', value: 'v'.repeat(bytes) })
        return handOffs.write({ record, at: { topic, partition: 0 }, group: 'g', attempts: 1, error, destination })
      }
      await hand(0, 'deadLettered')
      await hand(1_000, 'deadLettered')
      await hand(3_500, 'deadLettered')
      await hand(5_000, 'deadLettered')
      await hand(4_000, 'retried')
      const refused = await errorOf(hand(5_000, 'retried'))

      const told = (record: KafkaRecord): unknown[] => {
        const { stack, message } = readHandedOff(record.headers).error
        const missing = record.headers.find(({ key }) => key === 'holdfast-value-size')?.value?.toString()
        return [record.value?.length, stack?.length, message?.length, missing]
      }
      expect((await read(dead, 0)).map(told)).toEqual([
        [0, 2_000, 1_000, undefined],
        [1_000, undefined, 1_000, undefined],
        [3_500, undefined, undefined, undefined],
        [undefined, undefined, undefined, '5000'],
      ])
      expect((await read(delay, 0)).map(told)).toEqual([[4_000, undefined, undefined, undefined]])
      expect([refused.code, refused.retriable]).toEqual(['RECORD_TOO_LARGE', false])
    })
  })
}

describe('on the embedded broker', () => {
  let broker: EmbeddedKafka
  beforeAll(async () => {
    broker = await EmbeddedKafka.start({ brokers: 3 })
  })
  afterAll(() => broker.stop())
  ownTopicLaws(() => broker.bootstrap)
})

describeOnKafka('on real Kafka', (bootstrap) => ownTopicLaws(() => bootstrap))

function namesOf(topic: string): { readonly delay: string; readonly dead: string } {
  return { delay: `billing.${topic}.retry.30s`, dead: `billing.${topic}.dlq` }
}

/** Only what is looked at here. */
function settingsOf(
  topic: string,
  given: { readonly policy: OwnTopicPolicy; readonly isRequired: boolean; readonly withDelays?: boolean },
): GroupSettings {
  const { delay, dead } = namesOf(topic)
  const delaysMs = given.withDelays === false ? [] : [30_000]
  const subscription = {
    topic,
    delaysMs,
    delayTopics: delaysMs.map((delayMs) => ({ topic: delay, delayMs })),
    deadLetters: { topic: dead, isRequired: given.isRequired },
  }
  return { group: 'billing', ownTopics: given.policy, subscriptions: [subscription] } as unknown as GroupSettings
}

function header(key: string, value: string): Header {
  return { key, value: Buffer.from(value) }
}

/** As it would come out of a fetch. */
function recordOf(given: {
  readonly key?: string | null
  readonly value: string | null
  readonly headers?: readonly Header[]
  readonly timestampMs?: number
}): KafkaRecord {
  const bytesOf = (text: string | null | undefined): Buffer | null =>
    typeof text === 'string' ? Buffer.from(text) : null
  const { headers = [], timestampMs = 1_700_000_000_000 } = given
  const record = { key: bytesOf(given.key), value: bytesOf(given.value), headers, timestampMs }
  const batch = encodeBatch([record], { producerId: -1, producerEpoch: -1, baseSequence: -1 }, () => 0)
  const codec = { crc32c: () => 0, decompress: () => Buffer.alloc(0) }
  return [...readBatches(batch.fill(0, 0, 8), codec)].flatMap((view) => view.decode(0))[0]!
}

async function errorOf(promise: Promise<unknown>): Promise<HoldfastError> {
  const error: unknown = await promise.then(
    () => 'it was accepted',
    (reason: unknown) => reason,
  )
  if (!(error instanceof HoldfastError)) throw new Error(`expected a HoldfastError, got ${String(error)}`)
  return error
}
