import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { childOf, createLogger, harmless, logAt, type Logger, type LoggerOptions, logLevels } from './log.ts'

const noonMs = Date.UTC(2026, 0, 31, 12)

function loggerInto(lines: string[], options: Partial<LoggerOptions> = {}): Logger {
  return createLogger({
    level: 'info',
    form: 'text',
    hasColor: false,
    epochMs: () => noonMs,
    write: (line) => lines.push(line),
    ...options,
  })
}

test('a line for people has the time, the level, the sentence and the fields', () => {
  const lines: string[] = []

  loggerInto(lines).warn({ topic: 'orders', partition: 3, absent: undefined }, 'attempt failed')

  expect(lines).toEqual(['12:00:00.000 WARN  attempt failed  topic=orders partition=3\n'])
})

test('a line for programs is one JSON object, whose time, level and sentence no field can replace', () => {
  const lines: string[] = []

  loggerInto(lines, { form: 'json' }).warn({ topic: 'orders', level: 'x', time: 0, msg: 'y' }, 'attempt failed')

  expect(lines.map((line): unknown => JSON.parse(line))).toEqual([
    { time: '2026-01-31T12:00:00.000Z', level: 'warn', msg: 'attempt failed', topic: 'orders' },
  ])
})

test('a field that JSON cannot write costs only itself', () => {
  const circle: Record<string, unknown> = {}
  circle['self'] = circle
  const lines: string[] = []

  loggerInto(lines).info({ offset: 7n, circle, topic: 'orders' }, 'odd')
  loggerInto(lines, { form: 'json' }).info({ offset: 7n, circle, topic: 'orders' }, 'odd')

  expect(lines[0]).toContain('offset="7" circle={"self":"[cannot be printed]"} topic=orders')
  expect(JSON.parse(lines[1] ?? '')).toMatchObject({ offset: '7', circle: '[cannot be printed]', topic: 'orders' })
})

test('lines below the level are not written, and silent writes none', () => {
  const lines: string[] = []
  for (const level of logLevels) logAt(loggerInto(lines, { level: 'warn' }), level, {}, level)
  for (const level of logLevels) logAt(loggerInto(lines, { level: 'silent' }), level, {}, level)

  expect(lines.map((line) => line.slice(13).trim())).toEqual(['WARN  warn', 'ERROR error', 'FATAL fatal'])
})

test('an error is told with its cause and the stack of where it began', () => {
  const lines: string[] = []
  const cause = new TypeError('no total')
  const err = Object.assign(new Error('handler failed', { cause }), { code: 'HANDLER_FAILED' })

  loggerInto(lines).error({ err }, 'attempt failed')
  loggerInto(lines, { form: 'json' }).error({ err }, 'attempt failed')

  const [text, json] = lines
  expect(text?.split('\n').slice(0, 2)).toEqual([
    '12:00:00.000 ERROR attempt failed: Error: handler failed',
    '    caused by TypeError: no total',
  ])
  expect(text).toContain('log.test.ts')
  expect(JSON.parse(json ?? '')).toMatchObject({
    err: { type: 'Error', message: 'handler failed', code: 'HANDLER_FAILED', cause: { type: 'TypeError' } },
  })
})

test('a child adds its fields, also for a logger that knows no children', () => {
  const lines: string[] = []
  const { debug, info, warn, error } = loggerInto(lines)

  for (const logger of [loggerInto(lines), { debug, info, warn, error }]) {
    childOf(childOf(logger, { topic: 'orders' }), { partition: 3 }).info({ total: 7 }, 'billed')
  }

  expect(lines).toEqual(Array(2).fill('12:00:00.000 INFO  billed  topic=orders partition=3 total=7\n'))
})

test('a bare sentence or a bare error is logged rather than lost', () => {
  const lines: string[] = []
  const loose = loggerInto(lines) as unknown as { info(fields: unknown, message?: string): void }

  loose.info('just text')
  loose.info(new Error('oops'), 'with error')
  loose.info(null, 'with null')

  expect(lines.map((line) => line.split('\n')[0]?.slice(19))).toEqual([
    'just text',
    'with error: Error: oops',
    'with null',
  ])
})

test('a logger that throws never throws at whoever logs', () => {
  const broken = (): never => {
    throw new Error('full disk')
  }
  const logger = harmless({ debug: broken, info: broken, warn: broken, error: broken })

  for (const level of logLevels) {
    expect(() => logAt(logger.child?.({ a: 1 }) ?? logger, level, {}, 'sentence')).not.toThrow()
  }
})

describe('whatever is logged', () => {
  const circle: Record<string, unknown> = { name: 'circle' }
  circle['self'] = circle
  const values = fc.oneof(
    fc.anything({ withBigInt: true, withMap: true, withNullPrototype: true }),
    fc.constantFrom<unknown>(
      circle,
      1n,
      Symbol('s'),
      {
        toJSON: () => {
          throw new Error('no')
        },
      },
      new Error('\u001b[2J\n'),
      new Error('outer', { cause: new Error('\u001b[2J\r') }),
    ),
    fc.string({ unit: 'binary' }),
  )
  const fields = fc.dictionary(fc.oneof(fc.string(), fc.constant('err')), values)

  test('it becomes one line without control characters, and never an exception', () => {
    fc.assert(
      fc.property(fields, fc.string({ unit: 'binary' }), fc.constantFrom('text', 'json'), (bag, message, form) => {
        const lines: string[] = []
        loggerInto(lines, { form }).info(bag, message)

        expect(lines).toHaveLength(1)
        const [line = ''] = lines
        // Only the stack of an error stands on lines of its own, each of them indented.
        expect(line).toMatch(/^[^\p{Cc}\u2028\u2029]*\n(    [^\p{Cc}\u2028\u2029]*\n)*$/u)
        if (form === 'json') expect(() => JSON.parse(line) as unknown).not.toThrow()
      }),
      { numRuns: 500 },
    )
  })
})
