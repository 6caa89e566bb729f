import { inspect } from 'node:util'
import { expect, test } from 'vitest'
import { Message, type ValueDecoder } from './message.ts'
import { type Header, KafkaRecord } from './record.ts'

type Parts = { readonly key?: string | null; readonly value?: string | null; readonly headers?: readonly Header[] }

const text: ValueDecoder<string> = { decode: (bytes) => Buffer.from(bytes ?? []).toString() }

function recordOf({ key = null, value = null, headers = [] }: Parts): KafkaRecord {
  const length = (part: Uint8Array | null): number => (part === null ? 1 : part.length * 2)
  const keyBytes = Buffer.from(key ?? '')
  const valueBytes = Buffer.from(value ?? '')
  const headerBytes = headers.flatMap((header) => [
    Buffer.from([length(Buffer.from(header.key))]),
    Buffer.from(header.key),
    Buffer.from([length(header.value)]),
    header.value ?? Buffer.alloc(0),
  ])
  const bytes = Buffer.concat([keyBytes, valueBytes, Buffer.from([headers.length * 2]), ...headerBytes])
  return new KafkaRecord(41, 1_700_000_000_000, bytes.length, bytes, {
    keyStart: key === null ? -1 : 0,
    keyEnd: keyBytes.length,
    valueStart: value === null ? -1 : keyBytes.length,
    valueEnd: keyBytes.length + valueBytes.length,
    headersStart: keyBytes.length + valueBytes.length,
    end: bytes.length,
  })
}

function messageOf<T>(parts: Parts, decoder: ValueDecoder<T>): Message<T> {
  return new Message('orders', 3, recordOf(parts), decoder)
}

test('a message knows its place, its time, its key and its headers', () => {
  const trace = { key: 'trace', value: Buffer.from('first') }
  const traceAgain = { key: 'trace', value: Buffer.from('second') }
  const empty = { key: 'empty', value: null }

  const message = messageOf({ key: 'JFK', value: 'hit', headers: [trace, traceAgain, empty] }, text)

  expect(message).toMatchObject({ topic: 'orders', partition: 3, offset: 41, key: 'JFK', value: 'hit' })
  expect(message.timestamp).toEqual(new Date(1_700_000_000_000))
  expect(message.keyBytes).toEqual(Buffer.from('JFK'))
  expect(message.valueBytes).toEqual(Buffer.from('hit'))
  expect(message.headers).toEqual([trace, traceAgain, empty])
  expect([message.header('trace'), message.header('empty'), message.header('absent')]).toEqual([
    'second',
    undefined,
    undefined,
  ])
})

test('a tombstone without key is told apart from empty bytes', () => {
  const tombstone = messageOf({}, text)
  const empty = messageOf({ key: '', value: '' }, text)

  expect([tombstone.key, tombstone.keyBytes, tombstone.valueBytes]).toEqual([null, null, null])
  expect([empty.key, empty.keyBytes, empty.valueBytes]).toEqual(['', Buffer.alloc(0), Buffer.alloc(0)])
})

test('a value is decoded when it is first needed, and only once', () => {
  let decoded = 0
  const message = messageOf({ value: 'hit' }, { decode: () => ({ times: ++decoded }) })
  expect(decoded).toBe(0)

  const first = message.value

  expect(Message.decode(message)).toBe(undefined)
  expect(message.value).toBe(first)
  expect(decoded).toBe(1)
})

test('an undefined value counts as decoded', () => {
  let decoded = 0
  const message = messageOf({ value: 'hit' }, { decode: () => void ++decoded })

  expect([message.value, message.value, decoded]).toEqual([undefined, undefined, 1])
})

test('a value that takes time is there after decoding, and asking too early says so', async () => {
  const message = messageOf({ value: 'hit' }, { decode: async (bytes) => text.decode(bytes) })
  expect(() => message.value).toThrow('decoded asynchronously')

  await Message.decode(message)

  expect(message.value).toBe('hit')
})

test('a value that cannot be decoded fails at every look, and never as an unhandled rejection', async () => {
  const broken = messageOf({ value: 'hit' }, { decode: () => Promise.reject(new Error('no')) })
  expect(() => broken.value).toThrow('decoded asynchronously')

  await expect(Message.decode(broken)).rejects.toThrow('no')
})

test('printing a message shows where it is and never what is in it', () => {
  const secret = { key: 'secret-key', value: 'secret-value', headers: [{ key: 'h', value: Buffer.from('secret') }] }
  const message = messageOf(secret, text)
  expect(message.value).toBe('secret-value')

  const printed = [inspect(message, { depth: 5, showHidden: true }), JSON.stringify(message)]

  expect(printed).toEqual(['Message orders/3@41', '{"topic":"orders","partition":3,"offset":41}'])
})
