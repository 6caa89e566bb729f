import { inspect } from 'node:util'
import { describe, expect, test } from 'vitest'
import { Message, type ValueDecoder } from './message.ts'
import { type RecordParts, recordOf } from './record.fixture.ts'
import { HoldfastError, RetryAfterError, UndecodableError } from './errors.ts'

const text: ValueDecoder<string> = { decode: (bytes) => Buffer.from(bytes ?? []).toString() }

function messageOf<T>(parts: RecordParts, decoder: ValueDecoder<T>): Message<T> {
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
  const cause = new Error('no')
  const broken = messageOf({ value: 'hit' }, { decode: () => Promise.reject(cause) })
  expect(() => broken.value).toThrow('decoded asynchronously')

  await expect(Message.decode(broken)).rejects.toMatchObject({ code: 'MESSAGE_INVALID', cause })
})

describe('bytes that are not what their topic promises can be told from every other failure (R18)', () => {
  const failing = (thrown: unknown): ValueDecoder<string>[] => [
    {
      decode: () => {
        throw thrown
      },
    },
    { decode: () => Promise.reject(thrown) },
  ]

  test.each<[name: string, thrown: unknown, words: string]>([
    ['a codec of ours', new HoldfastError('MESSAGE_INVALID', 'expected JSON'), 'expected JSON'],
    [
      'a codec of the user',
      new SyntaxError('Unexpected "secret"'),
      'the value cannot be decoded: the codec threw SyntaxError',
    ],
    ['a codec that throws anything', 'secret', 'the value cannot be decoded: the codec threw string'],
  ])('%s', async (_name, thrown, words) => {
    for (const decoder of failing(thrown)) {
      const failure = await failureOf(messageOf({ value: 'hit' }, decoder))

      expect(failure).toBeInstanceOf(UndecodableError)
      expect(failure).toMatchObject({ code: 'MESSAGE_INVALID', message: words, retriable: false })
    }
  })

  test('a decoder that was kept from looking at them says so by an error that is retriable', async () => {
    for (const thrown of [new RetryAfterError('1m'), new HoldfastError('KAFKA_ERROR', 'away', { retriable: true })]) {
      for (const decoder of failing(thrown)) {
        expect(await failureOf(messageOf({ value: 'hit' }, decoder))).toBe(thrown)
      }
    }
  })

  test('also where a filter looks first', () => {
    const [decoder] = failing(new Error('no'))

    expect(() => messageOf({ value: 'hit' }, decoder as ValueDecoder<string>).value).toThrow(UndecodableError)
  })
})

async function failureOf(message: Message<unknown>): Promise<unknown> {
  try {
    await Message.decode(message)
  } catch (error) {
    return error
  }
  throw new Error('expected a failure, got none')
}

test('a message that comes back from a topic of ours shows where it was, with its own key and bytes', () => {
  const trace = { key: 'trace', value: Buffer.from('first') }
  const headers = [trace, { key: 'holdfast-attempt', value: Buffer.from('3') }]
  const origin = { topic: 'orders', partition: 7, offset: 12, timestampMs: 1_000, headers: [trace] }

  const message = new Message(
    'billing.orders.retry.2s',
    1,
    recordOf({ key: 'JFK', value: 'hit', headers }),
    text,
    origin,
  )

  expect(message).toMatchObject({ topic: 'orders', partition: 7, offset: 12, key: 'JFK', value: 'hit' })
  expect(message.timestamp).toEqual(new Date(1_000))
  expect(message.headers).toEqual([trace])
  expect([message.header('trace'), message.header('holdfast-attempt')]).toEqual(['first', undefined])
  expect(inspect(message)).toBe('Message orders/7@12')
})

test('printing a message shows where it is and never what is in it', () => {
  const secret = { key: 'secret-key', value: 'secret-value', headers: [{ key: 'h', value: Buffer.from('secret') }] }
  const message = messageOf(secret, text)
  expect(message.value).toBe('secret-value')

  const printed = [inspect(message, { depth: 5, showHidden: true }), JSON.stringify(message)]

  expect(printed).toEqual(['Message orders/3@41', '{"topic":"orders","partition":3,"offset":41}'])
})
