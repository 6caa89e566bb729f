import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { failureOf, messageBytesMax, stackBytesMax, unknownFailure } from './handed-off-failure.ts'
import { type HandedOffFacts, readHandedOff, withoutOurs, writeHeaders } from './handed-off.ts'
import type { Header } from './record.ts'

const source = { topic: 'orders', partition: 3, offset: 41, timestampMs: 1_700_000_000_123, group: 'billing' }

const retry: HandedOffFacts = {
  outcome: 'retried',
  attempts: 4,
  dueAtMs: 1_700_000_030_000,
  delayMs: 30_000,
  firstFailedAtMs: 1_700_000_000_500,
  source,
  error: { class: 'TypeError', code: 'E1', message: 'no total', stack: 'TypeError: no total\n    at a (b.ts:1:2)' },
  id: 'orders/3/41',
  redriveCount: 2,
  missingValueBytes: null,
}
const deadLetter: HandedOffFacts = { ...retry, outcome: 'deadLettered', dueAtMs: null, delayMs: null }

function header(key: string, value: string | Buffer | null): Header {
  return { key, value: typeof value === 'string' ? Buffer.from(value) : value }
}

function textsOf(headers: readonly Header[]): [string, string | undefined][] {
  return headers.map(({ key, value }) => [key, value?.toString()])
}

describe('writing', () => {
  test('a retry tells its past in text, and when it is due, but no stack', () => {
    expect(textsOf(writeHeaders([], retry))).toEqual([
      ['holdfast-attempt', '4'],
      ['holdfast-due', '1700000030000'],
      ['holdfast-delay', '30000'],
      ['holdfast-first-failed', '1700000000500'],
      ['holdfast-src-topic', 'orders'],
      ['holdfast-src-partition', '3'],
      ['holdfast-src-offset', '41'],
      ['holdfast-src-timestamp', '1700000000123'],
      ['holdfast-src-group', 'billing'],
      ['holdfast-error-class', 'TypeError'],
      ['holdfast-error-code', 'E1'],
      ['holdfast-error-message', 'no total'],
      ['holdfast-id', 'orders/3/41'],
      ['holdfast-redrive-count', '2'],
    ])
  })

  test('a dead letter tells no due time, but the stack and what Kafka tells of its own dead letters', () => {
    const names = writeHeaders([], deadLetter).map(({ key }) => key)
    expect(names).not.toContain('holdfast-due')
    expect(names).not.toContain('holdfast-delay')
    expect(names).toContain('holdfast-error-stack')
    expect(textsOf(writeHeaders([], deadLetter)).slice(-6)).toEqual([
      ['__dlq.errors.topic', 'orders'],
      ['__dlq.errors.partition', '3'],
      ['__dlq.errors.offset', '41'],
      ['__dlq.errors.group', 'billing'],
      ['__dlq.errors.delivery.count', '4'],
      ['__dlq.errors.message', 'no total'],
    ])
  })

  test('a value that is missing is named with its size', () => {
    const headers = textsOf(writeHeaders([], { ...deadLetter, missingValueBytes: 5_000_000 }))
    expect(headers).toContainEqual(['holdfast-reference', 'value-too-large'])
    expect(headers).toContainEqual(['holdfast-value-size', '5000000'])
  })

  test("the user's headers stand first, as they were, with their order, duplicates and nulls", () => {
    const given = [
      header('b', 'é'),
      header('a', '1'),
      header('b', ''),
      header('n', null),
      header('traceparent', '00-1'),
    ]
    expect(writeHeaders(given, retry).slice(0, 5)).toEqual(given)
    expect(writeHeaders(given, deadLetter).slice(0, 5)).toEqual(given)
  })

  test('what stands there of ours is replaced, never repeated', () => {
    const given = [header('holdfast-attempt', '99'), header('holdfast-future', 'x'), header('__dlq.errors.topic', 'y')]
    const retried = textsOf(writeHeaders(given, retry))
    const dead = textsOf(writeHeaders(writeHeaders(given, retry), deadLetter))

    expect(retried.filter(([name]) => name === 'holdfast-attempt')).toEqual([['holdfast-attempt', '4']])
    expect(retried).not.toContainEqual(['holdfast-future', 'x'])
    // A retry leaves it alone: somebody else's dead letter may be what is being handled.
    expect(retried).toContainEqual(['__dlq.errors.topic', 'y'])
    expect(dead.filter(([name]) => name === '__dlq.errors.topic')).toEqual([['__dlq.errors.topic', 'orders']])
    expect(new Set(dead.map(([name]) => name)).size).toBe(dead.length)
  })

  test('what is not known is not written', () => {
    const facts: HandedOffFacts = {
      ...retry,
      source: { topic: 'orders', partition: null, offset: null, timestampMs: null, group: 'billing' },
      error: unknownFailure,
      redriveCount: 0,
    }
    const names = writeHeaders([], facts).map(({ key }) => key)
    expect(names.filter((name) => /partition|error|redrive/.test(name))).toEqual([])
  })
})

describe('reading', () => {
  test('what was written is read back', () => {
    const { outcome, missingValueBytes, ...facts } = deadLetter
    expect([outcome, missingValueBytes]).toEqual(['deadLettered', null])
    expect(readHandedOff(writeHeaders([header('a', '1')], deadLetter))).toEqual({ ...facts, isForeign: false })
    expect(readHandedOff(writeHeaders([], retry))).toMatchObject({ dueAtMs: retry.dueAtMs, delayMs: 30_000 })
  })

  test.each(['', '-1', '1.5', '1e3', ' 1', '99999999999999999', '00000000000000001', '9007199254740993', 'ü', '0x10'])(
    'the number %j counts as not told',
    (text) => {
      const told = readHandedOff([header('holdfast-due', text), header('holdfast-attempt', text)])
      expect(told).toMatchObject({ dueAtMs: null, attempts: 0 })
    },
  )

  test('a record without headers tells nothing', () => {
    expect(readHandedOff([])).toEqual({
      attempts: 0,
      dueAtMs: null,
      delayMs: null,
      firstFailedAtMs: null,
      source: null,
      error: unknownFailure,
      id: null,
      redriveCount: 0,
      isForeign: false,
    })
  })

  test('texts are bounded whatever was written', () => {
    const long = 'ä'.repeat(100_000)
    const told = readHandedOff([
      header('holdfast-src-topic', long),
      header('holdfast-error-message', long),
      header('holdfast-error-stack', long),
      header('holdfast-id', long),
    ])
    expect(Buffer.byteLength(told.error.message ?? '')).toBeLessThanOrEqual(messageBytesMax)
    expect(Buffer.byteLength(told.error.stack ?? '')).toBeLessThanOrEqual(stackBytesMax)
    expect(Buffer.byteLength(told.source?.topic ?? '')).toBeLessThanOrEqual(1_024)
    expect(Buffer.byteLength(told.id ?? '')).toBeLessThanOrEqual(1_024)
  })

  test('no headers of anybody make it throw', () => {
    const names = ['holdfast-due', 'holdfast-src-topic', 'retry_topic-attempts', 'retry_time', 'original_topic', 'x']
    const any = fc.record({
      key: fc.oneof(fc.constantFrom(...names), fc.string()),
      value: fc.option(fc.uint8Array({ maxLength: 24 }).map((bytes) => Buffer.from(bytes))),
    })
    fc.assert(
      fc.property(fc.array(any, { maxLength: 8 }), (headers) => {
        const told = readHandedOff(headers)
        expect(Number.isSafeInteger(told.attempts) && told.attempts >= 0).toBe(true)
        expect(told.dueAtMs === null || Number.isSafeInteger(told.dueAtMs)).toBe(true)
      }),
      { numRuns: 300 },
    )
  })

  test("a handler sees the user's headers only", () => {
    const given = [header('a', '1'), header('__dlq.errors.topic', 'theirs')]
    expect(withoutOurs(writeHeaders(given, retry))).toEqual(given)
    expect(withoutOurs(given)).toBe(given)
  })
})

describe('a failure', () => {
  class PaymentError extends Error {
    readonly code = 402
  }

  test('is told by class, code, message and stack', () => {
    const error = new PaymentError('card refused')
    expect(failureOf(error)).toEqual({
      class: 'PaymentError',
      code: '402',
      message: 'card refused',
      stack: error.stack,
    })
    expect(failureOf(Object.assign(new TypeError('t'), { code: 'E' }))).toMatchObject({ class: 'TypeError', code: 'E' })
  })

  test('of any kind is told and bounded, and nothing is thrown', () => {
    const trap = new Proxy(new Error('x'), {
      get: () => {
        throw new Error('no')
      },
      getPrototypeOf: () => {
        throw new Error('no')
      },
    })
    const sly = Object.defineProperty(new Error('x'), 'message', {
      get: () => {
        throw new Error('no')
      },
    })
    const odd = Object.assign(new Error('x'), { name: 7, stack: {}, code: Number.NaN })
    for (const thrown of [undefined, null, 0, 'text', Symbol('s'), Object.create(null), trap, sly, odd, () => 1, 1n]) {
      const told = failureOf(thrown)
      expect(typeof told.class).toBe('string')
      expect(Buffer.byteLength(told.message ?? '')).toBeLessThanOrEqual(messageBytesMax)
    }
    expect(failureOf('text')).toMatchObject({ class: 'string', message: 'string text', stack: null })
    expect(failureOf(odd)).toMatchObject({ class: 'Error', code: null, stack: null })
  })

  test('is cut between characters, its stack between lines', () => {
    const told = failureOf(new Error('€'.repeat(5_000)))
    expect(told.message).toBe('€'.repeat(Math.floor(messageBytesMax / 3)))

    const error = new Error('m')
    error.stack = [
      'Error: m',
      ...Array.from({ length: 200 }, (_, line) => `    at frame${line} (f.ts:${line}:1)`),
    ].join('\n')
    const stack = failureOf(error).stack ?? ''
    expect(Buffer.byteLength(stack)).toBeLessThanOrEqual(stackBytesMax)
    expect(Buffer.byteLength(stack)).toBeGreaterThan(stackBytesMax - 60)
    expect(error.stack.startsWith(`${stack}\n`)).toBe(true)
  })
})
