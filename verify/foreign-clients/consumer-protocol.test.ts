/** The consumer protocol (KIP-848) of `@platformatic/kafka` against the embedded broker: two members share, move and take
 *  over partitions without losing or repeating a record. */

import { Consumer, type MessagesStream, Producer, stringDeserializers, stringSerializers } from '@platformatic/kafka'
import { afterEach, beforeEach, expect, test } from 'vitest'

import { EmbeddedKafka } from '../../packages/broker/src/index.ts'

const topic = 'orders'
const partitions = [0, 1, 2, 3, 4, 5]

type Seen = { readonly member: string; readonly partition: number; readonly value: string }
type Member = Consumer<string, string, string, string>

let kafka: EmbeddedKafka
let seen: Seen[]
let leaving: (() => Promise<void>)[]

beforeEach(async () => {
  kafka = await EmbeddedKafka.start({ brokers: 3, topics: { [topic]: partitions.length } })
  seen = []
  leaving = []
})

afterEach(async () => {
  await Promise.all(leaving.map((leave) => leave()))
  await kafka.stop()
})

function until(isTrue: () => boolean): Promise<void> {
  return kafka.waitUntil(String(isTrue), isTrue, { timeoutMs: 50_000 })
}

async function produce(prefix: string, count: number): Promise<void> {
  const producer = new Producer({
    clientId: 'producer',
    bootstrapBrokers: kafka.bootstrap.split(','),
    serializers: stringSerializers,
  })
  const messages = Array.from({ length: count }, (_, index) => ({
    topic,
    partition: index % partitions.length,
    value: `${prefix}-${index}`,
  }))
  await producer.send({ messages })
  await producer.close()
}

async function consume(member: string, groupId: string): Promise<Member> {
  const consumer: Member = new Consumer({
    clientId: member,
    groupId,
    bootstrapBrokers: kafka.bootstrap.split(','),
    groupProtocol: 'consumer',
    deserializers: stringDeserializers,
    maxWaitTime: 50,
  })
  leaving.push(async () => consumer.close(true))
  const stream: MessagesStream<string, string, string, string> = await consumer.consume({
    topics: [topic],
    mode: 'committed',
    fallbackMode: 'earliest',
    autocommit: false,
  })
  stream.on('data', (message) => {
    seen.push({ member, partition: message.partition, value: message.value })
    void message.commit()
  })
  // What a member says while it is thrown out of the test is not what is looked at.
  stream.on('error', () => undefined)
  return consumer
}

/** How many partitions each member has, once the group is at rest with so many members. */
async function shares(groupId: string, members: number): Promise<readonly number[]> {
  await until(() => {
    const group = kafka.core.group(groupId)
    return group?.state === 'stable' && group.members.length === members
  })
  const bytes = kafka.core.group(groupId)?.members.map(({ assignmentBytes }) => assignmentBytes) ?? []
  return bytes.map(countOf).toSorted((left, right) => left - right)
}

/** Partitions in an assignment of consumers: version, topics, and for each topic its name and partitions. */
function countOf(bytes: Buffer): number {
  const topics = bytes.readInt32BE(2)
  return topics === 0 ? 0 : bytes.readInt32BE(6 + 2 + topic.length)
}

function committed(groupId: string): number {
  return kafka.core.committed(groupId).reduce((sum, { offset }) => sum + offset, 0)
}

function values(prefix: string): readonly string[] {
  return seen.map(({ value }) => value).filter((value) => value.startsWith(`${prefix}-`))
}

test('one member has everything, and what it reads it commits', async () => {
  await produce('one', 60)
  await consume('a', 'alone')
  await until(() => committed('alone') === 60)
  expect(await shares('alone', 1)).toEqual([6])
  expect(new Set(values('one')).size).toBe(60)
  expect(kafka.core.group('alone')?.type).toBe('consumer')
})

test('a second member takes half, and no record is lost or read twice', async () => {
  await consume('a', 'pair')
  expect(await shares('pair', 1)).toEqual([6])
  await produce('before', 60)
  await until(() => committed('pair') === 60)
  await consume('b', 'pair')
  expect(await shares('pair', 2)).toEqual([3, 3])
  await produce('after', 60)
  await until(() => committed('pair') === 120)
  expect([values('before').toSorted(), values('after').length]).toEqual([
    Array.from({ length: 60 }, (_, index) => `before-${index}`).toSorted(),
    60,
  ])
  const after = seen.filter(({ value }) => value.startsWith('after-'))
  const of = (member: string): Set<number> =>
    new Set(after.filter((each) => each.member === member).map(({ partition }) => partition))
  expect([of('a').size, of('b').size, [...of('a')].filter((partition) => of('b').has(partition))]).toEqual([3, 3, []])
})

test('when one member leaves, the other takes over where it committed', async () => {
  await consume('a', 'left')
  const second = await consume('b', 'left')
  expect(await shares('left', 2)).toEqual([3, 3])
  await produce('both', 60)
  await until(() => committed('left') === 60)
  await second.close(true)
  expect(await shares('left', 1)).toEqual([6])
  await produce('rest', 60)
  await until(() => committed('left') === 120)
  const rest = seen.filter(({ value }) => value.startsWith('rest-'))
  expect([rest.length, new Set(rest.map(({ member }) => member))]).toEqual([60, new Set(['a'])])
})
