/** Whatever bytes a record holds reach the handler unchanged: no key, an empty one, a value of none, nothing or a mebibyte,
 *  200 headers, names that come twice, null header values, bytes that are no UTF-8. Sent by us, and by a foreign client. */
import { inspect } from 'node:util'
import { EmbeddedKafka } from '@holdfast/broker'
import { createHoldfast, type Holdfast, topic } from 'holdfast'
import kafkajs from 'kafkajs'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { append, Diary, testApp } from '../consumer-world.ts'
import { describeOnKafka } from '../../real-kafka.ts'
import { foreignKafka, makeTopic, uniqueName } from '../kafka-world.ts'

type Header = { readonly key: string; readonly value: Buffer | null }
type Parts = { readonly key: Buffer | null; readonly value: Buffer | null; readonly headers: readonly Header[] }

const mebibyte = 1_048_576
/** A lone continuation byte, an overlong slash, half of a surrogate pair, a byte that UTF-8 never uses. */
const notUtf8 = Buffer.from([0x80, 0xc0, 0xaf, 0xed, 0xa0, 0x80, 0xff, 0x41])
const plain: Parts = { key: null, value: Buffer.from('v'), headers: [] }

const records: Readonly<Record<string, Parts>> = {
  'no key': plain,
  'an empty key': { ...plain, key: Buffer.alloc(0) },
  'an empty value': { ...plain, value: Buffer.alloc(0) },
  'a null value': { ...plain, key: Buffer.from('k'), value: null },
  'no key and no value': { ...plain, value: null },
  'a value of 1 MiB': { ...plain, value: Buffer.alloc(mebibyte, 'é') },
  'a key of 100 KB': { ...plain, key: Buffer.alloc(100_000, 0x2e) },
  '200 headers': {
    ...plain,
    headers: Array.from({ length: 200 }, (_, index) => ({ key: `h${index}`, value: Buffer.from(`${index}`) })),
  },
  'duplicate header names': {
    ...plain,
    headers: ['1', '2', '3'].map((value) => ({ key: 'again', value: Buffer.from(value) })),
  },
  'an empty header value': { ...plain, headers: [{ key: 'empty', value: Buffer.alloc(0) }] },
  'header names of every kind': {
    ...plain,
    headers: ['__proto__', 'constructor', 'toString', 'ünï', ' '].map((key) => ({ key, value: Buffer.from(key) })),
  },
  'no UTF-8 anywhere': { key: notUtf8, value: notUtf8, headers: [{ key: 'h', value: notUtf8 }] },
}
/** What kafkajs cannot write. */
const nullHeader: Parts = {
  ...plain,
  headers: [
    { key: 'null', value: null },
    { key: 'a', value: Buffer.from('b') },
    { key: '', value: null },
  ],
}
const ofOurs = { ...records, 'null header values': nullHeader }

const clicks = topic('clicks')

describe('on the embedded broker', () => {
  let kafka: EmbeddedKafka
  let app: Holdfast
  beforeEach(async () => {
    kafka = await EmbeddedKafka.start({
      topics: { clicks: { partitions: 1, configs: { 'max.message.bytes': String(2 * mebibyte) } } },
    })
    app = createHoldfast({ ...testApp, kafka: kafka.bootstrap })
  })
  afterEach(async () => {
    await app.stop()
    await kafka.stop()
  })

  test('what we send is what is stored and what our handlers get', async () => {
    const seen = consumeAll(app, 'clicks')
    await app.start()
    for (const [name, parts] of Object.entries(ofOurs)) await send(app, 'clicks', parts, name)

    await seen.until((lines) => lines.length === Object.keys(ofOurs).length)

    expectSame(seen.lines, Object.values(ofOurs))
    expectSame(kafka.core.records('clicks', 0), Object.values(ofOurs))
  })

  test('what kafkajs sends is what our handlers get', async () => {
    const seen = consumeAll(app, 'clicks')
    await app.start()

    await sendForeign(kafka.bootstrap, 'clicks', Object.values(records))
    await seen.until((lines) => lines.length === Object.keys(records).length)

    expectSame(seen.lines, Object.values(records))
  })

  test('a message shows its parts as text where it can, and says nothing of them when it is printed', async () => {
    const texts: unknown[] = []
    const consumer = app.consume(clicks, { order: 'partition' }, (message) => {
      texts.push([message.key, message.value.length, message.header('again'), message.header('null'), inspect(message)])
    })
    append(kafka, 'clicks', [
      { key: notUtf8, value: null, headers: records['duplicate header names']?.headers ?? [] },
      { key: '', value: '', headers: nullHeader.headers },
    ])
    await app.start()
    await consumer.whenCaughtUp()

    expect(texts).toEqual([
      [notUtf8.toString('utf8'), 0, '3', undefined, 'Message clicks/0@0'],
      ['', 0, undefined, undefined, 'Message clicks/0@1'],
    ])
  })
})

describeOnKafka('on real Kafka', (bootstrap) => {
  test('what we send, and what kafkajs sends, is what our handlers get and what kafkajs reads', async () => {
    const name = await makeTopic(bootstrap, { configs: { 'max.message.bytes': String(2 * mebibyte) } })
    await using app = createHoldfast({ ...testApp, kafka: bootstrap, group: uniqueName('group') })
    const seen = consumeAll(app, name)
    await app.start()

    for (const [title, parts] of Object.entries(ofOurs)) await send(app, name, parts, title)
    await sendForeign(bootstrap, name, Object.values(records))
    await seen.until((lines) => lines.length === Object.keys(ofOurs).length + Object.keys(records).length)

    expectSame(seen.lines, [...Object.values(ofOurs), ...Object.values(records)])
  })
})

/** Keeps a copy of everything that a handler is given, in the order of the partition. */
function consumeAll(app: Holdfast, name: string): Diary<Parts> {
  const seen = new Diary<Parts>()
  app.consume(topic(name), { order: 'partition', from: 'earliest' }, ({ keyBytes, valueBytes, headers }) => {
    const copies = headers.map(({ key, value }) => ({ key, value: copyOf(value) }))
    seen.note({ key: copyOf(keyBytes), value: copyOf(valueBytes), headers: copies })
  })
  return seen
}

function copyOf(bytes: Buffer | null): Buffer | null {
  return bytes === null ? null : Buffer.from(bytes)
}

async function send(app: Holdfast, name: string, parts: Parts, title: string): Promise<void> {
  const encode = (value: Uint8Array | null): Uint8Array | null => value
  const any = topic(name, { value: { encode, decode: (value: Uint8Array | null) => value } })
  await expect(app.send(any, { ...parts, partition: 0 }), title).resolves.toMatchObject({ partition: 0 })
}

/** kafkajs takes headers as an object, where a list is a name that comes several times. */
async function sendForeign(bootstrap: string, name: string, sent: readonly Parts[]): Promise<void> {
  const producer = foreignKafka(bootstrap).producer({ createPartitioner: kafkajs.Partitioners.DefaultPartitioner })
  await producer.connect()
  for (const { key, value, headers } of sent) {
    const byName = Map.groupBy(headers, (header) => header.key)
    const given: Record<string, Buffer[]> = Object.create(null) as Record<string, Buffer[]>
    for (const [header, all] of byName) given[header] = all.map((each) => each.value ?? Buffer.alloc(0))
    await producer.send({ topic: name, messages: [{ key, value, partition: 0, headers: given }] })
  }
  await producer.disconnect()
}

/** Compares sizes first: a difference within a mebibyte is nothing to print. */
function expectSame(got: readonly Parts[], expected: readonly Parts[]): void {
  const sizes = (all: readonly Parts[]): unknown =>
    all.map(({ key, value, headers }) => [key?.length, value?.length, headers.length])
  expect(sizes(got)).toEqual(sizes(expected))
  for (const [index, { key, value, headers }] of expected.entries()) {
    const one = got[index]
    expect(isSame(one?.key, key) && isSame(one?.value, value), `record ${index}`).toBe(true)
    expect(one?.headers, `headers of record ${index}`).toEqual(headers)
  }
}

function isSame(got: Buffer | null | undefined, expected: Buffer | null): boolean {
  return expected === null ? got === null : got?.equals(expected) === true
}
