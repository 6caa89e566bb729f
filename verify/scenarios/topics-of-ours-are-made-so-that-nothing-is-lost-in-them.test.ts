/** R18, R20, R21 through sockets: delay topics and dead-letter topics are created as they must be, checked where they exist,
 *  and refused with everything that is wrong with them; what is handed off to them arrives unchanged and tells its past. On
 *  the embedded broker and on real Kafka. */

import { EmbeddedKafka } from '@holdfast/broker'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { readHandedOff } from '../../packages/holdfast/src/model/handed-off.ts'
import { type Header, type KafkaRecord } from '../../packages/holdfast/src/model/record.ts'
import { BrokerTime } from '../../packages/holdfast/src/runtime/broker-time.ts'
import { describeOnKafka } from '../real-kafka.ts'
import {
  dayMs,
  errorOf,
  missingTopic,
  namesOf,
  OwnTopicsWorld,
  recordOf,
  settingsOf,
  sourceBytesMax,
} from './own-topics-world.ts'

const isWanted = (): boolean => true
const ownBytesMax = sourceBytesMax + 64 * 1_024

describe('on the embedded broker', () => {
  let broker: EmbeddedKafka
  beforeAll(async () => {
    broker = await EmbeddedKafka.start({ brokers: 3 })
  })
  afterAll(() => broker.stop())
  ownTopicLaws(() => broker.bootstrap)
})

describeOnKafka('on real Kafka', (bootstrap) => ownTopicLaws(() => bootstrap))

function ownTopicLaws(bootstrapOf: () => string): void {
  let world: OwnTopicsWorld
  beforeAll(async () => {
    world = await OwnTopicsWorld.start(bootstrapOf())
  })
  afterAll(() => world[Symbol.dispose]())

  describe('created', () => {
    creationLaws(() => world)
  })
  describe('checked', () => {
    refusalLaws(() => world)
    toleranceLaws(() => world)
  })
  describe('written to', () => {
    hopLaw(() => world)
    sizeLaw(() => world)
  })
}

function creationLaws(worldOf: () => OwnTopicsWorld): void {
  test('a delay topic and required dead letters get the partitions of their source and configs that lose nothing', async () => {
    const world = worldOf()
    const topic = await world.source()
    const { delay, dead } = namesOf(topic)
    const own = await world.prepare(settingsOf(topic, { policy: 'create', deadLetters: 'required' }))

    expect([...own.deadLetterTopics, own.warnings]).toEqual([[topic, dead], []])
    const counts = await world.partitionsOf([delay, dead])
    expect([counts.get(delay), counts.get(dead)]).toEqual([3, 3])
    const shared = {
      'cleanup.policy': 'delete',
      'message.timestamp.type': 'LogAppendTime',
      'retention.bytes': '-1',
      'max.message.bytes': String(ownBytesMax),
    }
    expect(await world.configsOf(delay)).toMatchObject({ ...shared, 'retention.ms': String(7 * dayMs) })
    expect(await world.configsOf(dead)).toMatchObject({ ...shared, 'retention.ms': String(30 * dayMs) })
  })

  test('what was created passes the check of a second start, and of two at once', async () => {
    const world = worldOf()
    const topic = await world.source()
    const create = settingsOf(topic, { policy: 'create', deadLetters: 'required' })
    const both = await Promise.all([world.prepare(create), world.prepare(create)])
    const verified = await world.prepare({ ...create, ownTopics: 'verify' })

    for (const own of [...both, verified]) expect(own.warnings).toEqual([])
    expect(verified.deadLetterTopics.get(topic)).toBe(namesOf(topic).dead)
  })

  test('dead letters that nobody asked for are created when the first one is written, once for all writers', async () => {
    const world = worldOf()
    const topic = await world.source()
    const { dead } = namesOf(topic)
    const own = await world.prepare(settingsOf(topic, { policy: 'create', deadLetters: 'optional' }))
    expect(own.deadLetterTopics.get(topic)).toBe(dead)
    expect(await world.partitionsOf([dead])).toEqual(new Map())

    const handOffs = world.handOffs(own)
    const destination = { outcome: 'deadLettered', topic: dead } as const
    const write = (partition: number): Promise<void> => {
      const record = recordOf({ value: `v${partition}` })
      const error = new Error('no')
      return handOffs.write({
        record,
        at: { topic, partition },
        group: 'billing',
        attempts: 1,
        error,
        destination,
        isWanted,
      })
    }
    await Promise.all([write(0), write(1), write(2)])

    expect(await world.partitionsOf([dead])).toEqual(new Map([[dead, 3]]))
    for (const partition of [0, 1, 2]) {
      expect((await world.read(dead, partition)).map(({ value }) => value?.toString())).toEqual([`v${partition}`])
    }
  })
}

function refusalLaws(worldOf: () => OwnTopicsWorld): void {
  test('what is missing is refused, all of it, with the command that makes it', async () => {
    const world = worldOf()
    const topic = await world.source()
    const { delay, dead } = namesOf(topic)
    const error = await errorOf(world.prepare(settingsOf(topic, { policy: 'verify', deadLetters: 'required' })))

    expect(error.code).toBe('TOPIC_MISSING')
    expect(error.message).toContain(`${delay} does not exist`)
    expect(error.message).toContain(`${dead} does not exist`)
    expect(error.remedy).toContain(`--create --topic ${delay} --partitions 3 --config cleanup.policy=delete`)
    expect(await world.partitionsOf([delay, dead])).toEqual(new Map())
  })

  test.each(['create', 'verify'] as const)(
    'what would lose records is refused under %s, all at once',
    async (policy) => {
      const world = worldOf()
      const topic = await world.source()
      const { delay, dead } = namesOf(topic)
      await world.make(delay, 3, { 'retention.ms': '1000', 'max.message.bytes': '1000' })
      await world.make(dead, 3, { 'cleanup.policy': 'compact', 'message.timestamp.type': 'LogAppendTime' })
      const error = await errorOf(world.prepare(settingsOf(topic, { policy, deadLetters: 'optional' })))

      expect(error.code).toBe('OWN_TOPIC_INVALID')
      for (const problem of [
        `${delay}: message.timestamp.type must be LogAppendTime, got CreateTime`,
        `${delay}: max.message.bytes must be ${ownBytesMax}, got 1000`,
        `${delay}: retention.ms must be ${7 * dayMs}, got 1000`,
        `${dead}: cleanup.policy must be delete, got compact`,
        `${dead}: max.message.bytes must be ${ownBytesMax}, got 1048588`,
      ]) {
        expect(error.message).toContain(problem)
      }
      expect(error.remedy).toContain(`--entity-name ${delay} --add-config message.timestamp.type=LogAppendTime,`)
    },
  )
}

function toleranceLaws(worldOf: () => OwnTopicsWorld): void {
  test('dead letters that nobody asked for and that are missing are not used', async () => {
    const world = worldOf()
    const topic = await world.source()
    const own = await world.prepare(settingsOf(topic, { policy: 'verify', deadLetters: 'optional', delays: 'none' }))
    expect(own.deadLetterTopics.get(topic)).toBe(null)
  })

  test('another number of partitions is a warning', async () => {
    const world = worldOf()
    const topic = await world.source()
    const { delay, dead } = namesOf(topic)
    const configs = { 'message.timestamp.type': 'LogAppendTime', 'max.message.bytes': String(sourceBytesMax) }
    await world.make(delay, 1, configs)
    await world.make(dead, 5, { ...configs, 'retention.ms': String(8 * dayMs) })
    const { warnings } = await world.prepare(settingsOf(topic, { policy: 'verify', deadLetters: 'required' }))

    expect(warnings).toEqual([
      `${delay} has 1 partitions and its source ${topic} has 3: records of several partitions share one of its partitions`,
      `${dead} keeps dead letters for 8 days only`,
      `${dead} has 5 partitions and its source ${topic} has 3: some of its partitions stay empty`,
    ])
  })

  test('nothing is asked where everything is to be ignored', async () => {
    const world = worldOf()
    const topic = missingTopic()
    const required = await world.prepare(settingsOf(topic, { policy: 'ignore', deadLetters: 'required' }))
    const optional = await world.prepare(settingsOf(topic, { policy: 'ignore', deadLetters: 'optional' }))

    expect([...required.deadLetterTopics.values()]).toEqual([namesOf(topic).dead])
    expect([...optional.deadLetterTopics.values()]).toEqual([null])
  })
}

function hopLaw(worldOf: () => OwnTopicsWorld): void {
  test('a retry keeps its bytes and headers, lies in the partition of its source and tells its past over hops', async () => {
    const world = worldOf()
    const topic = await world.source()
    const { delay } = namesOf(topic)
    const brokerTime = new BrokerTime(Date.now() - performance.now())
    const own = await world.prepare(settingsOf(topic, { policy: 'create', deadLetters: 'required' }))
    const handOffs = world.handOffs(own, brokerTime)
    const headers = [header('b', '1'), header('a', 'ü'), header('b', '2'), { key: 'n', value: null }]
    const record = recordOf({ key: '', value: null, headers, timestampMs: 1_000_000_000_000 })
    const destination = { outcome: 'retried', topic: delay, delayMs: 30_000 } as const
    const shared = { group: 'billing', error: new TypeError('no'), destination, isWanted }
    const beforeMs = Date.now()
    await handOffs.write({ ...shared, record, at: { topic, partition: 2 }, attempts: 1 })
    const [first] = await world.read(delay, 2)
    await handOffs.write({ ...shared, record: first as KafkaRecord, at: { topic: delay, partition: 2 }, attempts: 2 })
    const [, second] = await world.read(delay, 2)
    const [told, toldAgain] = [first, second].map((each) => readHandedOff(each?.headers ?? []))

    expect([first?.key?.length, first?.value, first?.headers.slice(0, 4)]).toEqual([0, null, headers])
    expect(second?.headers.slice(0, 4)).toEqual(headers)
    // The broker's clock is this machine's, so it appended after we sent and before we knew.
    expect(first?.timestampMs).toBeGreaterThanOrEqual(beforeMs)
    expect(brokerTime.nowMs(performance.now())).toBeLessThanOrEqual(Date.now() + 1)
    const source = { topic, partition: 2, offset: 0, timestampMs: 1_000_000_000_000, group: 'billing' }
    expect(told).toMatchObject({ attempts: 1, delayMs: 30_000, source })
    expect(told?.dueAtMs).toBeGreaterThanOrEqual(beforeMs + 30_000)
    expect(toldAgain).toMatchObject({ attempts: 2, source, id: `${topic}/2/0` })
    expect(toldAgain?.firstFailedAtMs).toBe(told?.firstFailedAtMs)
  })
}

function sizeLaw(worldOf: () => OwnTopicsWorld): void {
  test('a record that its topic does not take loses its stack, its message and, if it is dead, its value', async () => {
    const world = worldOf()
    const topic = await world.source(1)
    const { delay, dead } = namesOf(topic)
    const configs = { 'message.timestamp.type': 'LogAppendTime', 'max.message.bytes': '5000' }
    for (const each of [delay, dead]) await world.make(each, 1, configs)
    const own = await world.prepare(settingsOf(topic, { policy: 'ignore', deadLetters: 'required' }))
    const handOffs = world.handOffs(own)
    const error = Object.assign(new Error('m'.repeat(1_000)), { stack: 's'.repeat(2_000) })
    const hand = (bytes: number, outcome: 'retried' | 'deadLettered'): Promise<void> => {
      const destination = outcome === 'retried' ? { outcome, topic: delay, delayMs: 1_000 } : { outcome, topic: dead }
      const record = recordOf({ key: 'k', value: 'v'.repeat(bytes) })
      return handOffs.write({
        record,
        at: { topic, partition: 0 },
        group: 'g',
        attempts: 1,
        error,
        destination,
        isWanted,
      })
    }
    for (const bytes of [0, 1_000, 3_500, 5_000]) await hand(bytes, 'deadLettered')
    await hand(4_000, 'retried')
    const refused = await errorOf(hand(5_000, 'retried'))

    const told = ({ value, headers }: KafkaRecord): unknown[] => {
      const { stack, message } = readHandedOff(headers).error
      const missing = headers.find(({ key }) => key === 'holdfast-value-size')?.value?.toString()
      return [value?.length, stack?.length, message?.length, missing]
    }
    expect((await world.read(dead, 0)).map(told)).toEqual([
      [0, 2_000, 1_000, undefined],
      [1_000, undefined, 1_000, undefined],
      [3_500, undefined, undefined, undefined],
      [undefined, undefined, undefined, '5000'],
    ])
    expect((await world.read(delay, 0)).map(told)).toEqual([[4_000, undefined, undefined, undefined]])
    expect([refused.code, refused.retriable]).toEqual(['RECORD_TOO_LARGE', false])
  })
}

function header(key: string, value: string): Header {
  return { key, value: Buffer.from(value) }
}
