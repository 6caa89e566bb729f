import { describe, expect, expectTypeOf, test } from 'vitest'
import { z } from 'zod'
import { HoldfastError } from '../model/errors.ts'
import { bytes, type Codec, json, text } from './codec.ts'
import { SchemaMismatch, type StandardSchema } from './standard-schema.ts'
import { topic, topicIssues } from './topic.ts'

const Order = z.object({ id: z.string(), at: z.string().transform((iso) => new Date(iso)) })
const order = { id: 'a', at: '2026-01-31T12:00:00.000Z' }
const utf8 = (written: string): Buffer => Buffer.from(written)

/** A schema that takes its time. */
const later: StandardSchema<number> = {
  '~standard': {
    version: 1,
    vendor: 'test',
    validate: async (value) => (typeof value === 'number' ? { value } : { issues: [{ message: 'expected a number' }] }),
  },
}

async function failureOf(act: () => unknown): Promise<HoldfastError> {
  try {
    await act()
  } catch (error) {
    if (error instanceof HoldfastError) return error
    throw error
  }
  throw new Error('expected a HoldfastError, got none')
}

test('a topic carries the types of its schema: what is sent and what handlers get', () => {
  const orders = topic('orders', { value: json(Order), key: (value) => value.id })

  expectTypeOf(orders.value.encode).parameter(0).toEqualTypeOf<{ id: string; at: string }>()
  expectTypeOf(orders.value.decode).returns.extract<{ id: string }>().toEqualTypeOf<{ id: string; at: Date }>()
  expectTypeOf(topic('clicks').value.encode).parameter(0).toEqualTypeOf<Uint8Array>()
  expect(orders.key?.(order)).toBe('a')
  expect(topicIssues(orders)).toEqual([])
})

describe('json', () => {
  test('what is sent is the value as given, what handlers get is what the schema makes of it', () => {
    const codec = json(Order)

    const sent = codec.encode(order)

    expect(sent).toEqual(new TextEncoder().encode(JSON.stringify(order)))
    expect(codec.decode(utf8(JSON.stringify(order)))).toEqual({ id: 'a', at: new Date(order.at) })
  })

  test('what the schema makes of a value is never sent, or readers would have to understand it twice', () => {
    const Total = z.string().transform(Number)

    expect(json(Total).encode('9.90')).toEqual(new TextEncoder().encode('"9.90"'))
  })

  test('a schema that validates at once costs no promise', () => {
    expect(json(Order).decode(utf8(JSON.stringify(order)))).not.toBeInstanceOf(Promise)
    expect(json(Order).encode(order)).not.toBeInstanceOf(Promise)
  })

  test('a schema that validates later is waited for in both directions', async () => {
    expect(await json(later).decode(utf8('7'))).toBe(7)
    expect(await json(later).encode(7)).toEqual(new Uint8Array([0x37]))
    expect((await failureOf(() => json(later).decode(utf8('"7"')))).code).toBe('MESSAGE_INVALID')
    expect((await failureOf(() => json(later).encode('7' as never))).code).toBe('MESSAGE_INVALID')
  })

  test('a value that does not fit fails with the issues of the schema, whichever way it travels', async () => {
    for (const act of [() => json(Order).decode(utf8('{"id":1}')), () => json(Order).encode({ id: 1 } as never)]) {
      const failure = await failureOf(act)

      expect(failure.code).toBe('MESSAGE_INVALID')
      expect(failure.message).toMatch(/^the value does not satisfy its schema: id: .+; at: /)
      expect(failure.cause).toBeInstanceOf(SchemaMismatch)
      expect((failure.cause as SchemaMismatch).issues.map(({ path }) => path)).toEqual([['id'], ['at']])
    }
  })

  test.each(['{"a":secret}', '{"a":"secret" "b"}', '{"a":"secret"', '', 'secret'])(
    'bytes that are no JSON (%j) fail without quoting the body',
    async (body) => {
      const failure = await failureOf(() => json().decode(utf8(body)))

      expect([failure.code, failure.cause]).toEqual(['MESSAGE_INVALID', undefined])
      expect(failure.message).toMatch(/^expected JSON, got \d+ bytes/)
      expect(failure.message).not.toContain('secret')
    },
  )

  test('bytes that are no UTF-8 fail instead of being mended', async () => {
    const broken = Buffer.from([0x22, 0xff, 0x22])

    expect((await failureOf(() => json().decode(broken))).code).toBe('MESSAGE_INVALID')
    expect((await failureOf(() => text().decode(broken))).code).toBe('MESSAGE_INVALID')
  })

  test('null is a tombstone in both directions, and the schema has its say', async () => {
    expect([json().decode(null), json().encode(null), json(z.null()).decode(null)]).toEqual([null, null, null])
    expect((await failureOf(() => json(Order).decode(null))).code).toBe('MESSAGE_INVALID')
  })

  test.each([[undefined], [() => 1], [1n]])('a value that JSON cannot write is refused: %s', async (value) => {
    expect((await failureOf(() => json().encode(value))).code).toBe('MESSAGE_INVALID')
  })

  test('a schema that throws is the cause of a failure that may pass, not a verdict on the value', async () => {
    const cause = new Error('the database is away')
    const schemaThat = (validate: () => never | Promise<never>): StandardSchema => ({
      '~standard': { version: 1, vendor: 'test', validate },
    })
    const throwing = schemaThat(() => {
      throw cause
    })
    const rejecting = schemaThat(() => Promise.reject(cause))
    const failed = { code: 'MESSAGE_INVALID', retriable: true, cause }

    for (const codec of [json(throwing), json(rejecting)]) {
      expect(await failureOf(() => codec.decode(utf8('1')))).toMatchObject(failed)
      expect(await failureOf(() => codec.encode(1))).toMatchObject(failed)
    }
  })
})

test('text and bytes come back as they went, byte order mark included', () => {
  for (const written of ['', 'ä', '\uFEFFmarked']) {
    expect(text().decode(text().encode(written) as Uint8Array)).toBe(written)
  }
  const raw = new Uint8Array([0xff, 0])
  expect(bytes().decode(bytes().encode(raw) as Uint8Array)).toBe(raw)
})

test('a tombstone is empty for text and bytes', () => {
  expect([text().decode(null), bytes().decode(null)]).toEqual(['', new Uint8Array(0)])
})

test('text for a topic of bytes is refused with what to do', async () => {
  const failure = await failureOf(() => bytes().encode('text' as never))

  expect(failure).toMatchObject({ code: 'MESSAGE_INVALID', message: expect.stringContaining('got string') })
  expect(failure.remedy).toContain('codec')
})

describe('a topic that makes no sense is an issue and never throws by itself', () => {
  const rows: [name: string, make: () => unknown, problem: string][] = [
    ['an empty name', () => topic(''), 'got an empty text'],
    ['a dot', () => topic('.'), 'does not allow the name .'],
    ['two dots', () => topic('..'), 'does not allow the name ..'],
    ['a blank', () => topic('my orders'), `all characters of 'my orders'`],
    ['a long name', () => topic('x'.repeat(250)), 'at most 249 characters, got 250'],
    ['no name', () => topic(undefined as never), 'got undefined'],
    ['a pattern', () => /orders-.*/, 'not built yet'],
    ['a pattern as name', () => topic(/orders-.*/ as never), 'not built yet'],
    ['a text', () => 'orders', `expected a topic, got 'orders'`],
    ['nothing', () => undefined, 'expected a topic, got undefined'],
    ['a codec that is none', () => topic('orders', { value: JSON as never }), 'expected a codec, got an object'],
    ['a schema that is none', () => topic('orders', { value: json({ id: 'string' } as never) }), 'Standard Schema'],
    ['a key that is none', () => topic('orders', { value: json(), key: 'id' as never }), `expected a function`],
    ['options that are none', () => topic('orders', json as never), 'expected options as an object'],
    ['an option that is none', () => topic('orders', { vaule: json() } as never), 'no such option'],
  ]
  test.each(rows)('%s', (_name, make, problem) => {
    const issues = topicIssues(make())

    expect(issues).toEqual([
      { option: expect.any(String), problem: expect.stringContaining(problem), remedy: expect.any(String) },
    ])
  })

  test('the longest legal name and a codec of the user are fine', () => {
    const own: Codec<number> = { decode: (value) => value?.[0] ?? 0, encode: (value) => new Uint8Array([value]) }

    expect(topicIssues(topic('x'.repeat(249), { value: own }))).toEqual([])
  })

  test('a schema that is none spoils its own topic only', () => {
    topic('broken', { value: json('no schema' as never) })

    expect(topicIssues(topic('orders', { value: json() }))).toEqual([])
  })
})
