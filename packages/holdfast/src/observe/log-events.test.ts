import { expect, test } from 'vitest'
import { HoldfastError } from '../model/errors.ts'
import { Emitter } from './emitter.ts'
import type { HoldfastEvents } from './events.ts'
import { logEvents } from './log-events.ts'
import type { LogLevel, Logger } from './log.ts'

type Line = { readonly level: LogLevel; readonly message: string; readonly fields: Record<string, unknown> }

function recorder(enabled: (level: string) => boolean = () => true): { logger: Logger; lines: Line[] } {
  const lines: Line[] = []
  const at = (level: LogLevel) => (fields: object, message: string) => {
    lines.push({ level, message, fields: { ...fields } })
  }
  const logger: Logger = {
    trace: at('trace'),
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    fatal: at('fatal'),
    isLevelEnabled: enabled,
  }
  return { logger, lines }
}

const at = { topic: 'orders', partition: 3 }

function attemptFailed(error: Error): HoldfastEvents['attempt.failed'] {
  return { group: 'billing', at, offset: 17, attempt: 2, error, retryInMs: 1_000 }
}

test('an event becomes one line with its name, its place and its error in fields that are the same everywhere', () => {
  const { logger, lines } = recorder()
  const emitter = new Emitter()
  logEvents(emitter, logger, () => 0)
  const error = new HoldfastError('HANDLER_FAILED', 'handler failed', { cause: new Error('no total') })

  emitter.emit('attempt.failed', attemptFailed(error))

  expect(lines).toEqual([
    {
      level: 'warn',
      message: 'attempt failed, next try in 1s',
      fields: {
        event: 'holdfast.attempt.failed',
        group: 'billing',
        topic: 'orders',
        partition: 3,
        offset: 17,
        attempt: 2,
        retryInMs: 1_000,
        err: error,
      },
    },
  ])
})

test('the level may depend on how it went', () => {
  const { logger, lines } = recorder()
  const emitter = new Emitter()
  logEvents(emitter, logger, () => 0)

  emitter.emit('app.stopped', { clean: true, uncommitted: 0, abandoned: 0 })
  emitter.emit('app.stopped', { clean: false, uncommitted: 3, abandoned: 1 })

  expect(lines.map(({ level }) => level)).toEqual(['info', 'warn'])
})

test('one line per event, never one per record', () => {
  const emitter = new Emitter()
  logEvents(emitter, recorder().logger, () => 0)

  expect([emitter.hasListeners('record.ended'), emitter.hasListeners('commit.sent')]).toEqual([false, false])
})

test('an event that the logger would not print is not even listened to', () => {
  const emitter = new Emitter()
  logEvents(emitter, recorder((level) => level !== 'debug').logger, () => 0)

  expect(emitter.hasListeners('commit.acknowledged')).toBe(false)
  expect(emitter.hasListeners('group.joined')).toBe(true)
})

test('the same class of error is logged once a second, with how many were left out', () => {
  const { logger, lines } = recorder()
  const emitter = new Emitter()
  let nowMs = 0
  logEvents(emitter, logger, () => nowMs)
  const fail = (error: Error): void => emitter.emit('attempt.failed', attemptFailed(error))

  for (nowMs = 0; nowMs < 1_000; nowMs += 100) fail(new TypeError(`number ${nowMs}`))
  fail(new TypeError('a second later'))

  expect(lines.map(({ fields }) => fields['suppressed'])).toEqual([undefined, 9])
})

test('another class of error has a second of its own', () => {
  const { logger, lines } = recorder()
  const emitter = new Emitter()
  logEvents(emitter, logger, () => 0)
  const handlerFailed = (cause: Error): Error => new HoldfastError('HANDLER_FAILED', 'failed', { cause })

  for (const error of [new TypeError(), new RangeError(), handlerFailed(new TypeError()), handlerFailed(new Error())]) {
    emitter.emit('attempt.failed', attemptFailed(error))
    emitter.emit('attempt.failed', attemptFailed(error))
  }

  expect(lines).toHaveLength(4)
})

test('what was left out at the end is told when the app has stopped', () => {
  const { logger, lines } = recorder()
  const emitter = new Emitter()
  logEvents(emitter, logger, () => 0)

  for (let times = 0; times < 5; times++) emitter.emit('attempt.failed', attemptFailed(new TypeError()))
  emitter.emit('app.stopped', { clean: true, uncommitted: 0, abandoned: 0 })

  expect(lines.at(-1)).toMatchObject({ level: 'warn', fields: { event: 'holdfast.attempt.failed', suppressed: 4 } })
})

test('user code that invents classes of errors without end cannot fill the memory or the log', () => {
  const { logger, lines } = recorder()
  const emitter = new Emitter()
  logEvents(emitter, logger, () => 0)

  for (let index = 0; index < 2_000; index++) {
    const error = Object.assign(new Error(), { name: `Error${index}` })
    emitter.emit('attempt.failed', attemptFailed(error))
  }

  expect(lines).toHaveLength(501)
})

test('nothing is logged after the end', () => {
  const { logger, lines } = recorder()
  const emitter = new Emitter()
  const end = logEvents(emitter, logger, () => 0)

  end()
  emitter.emit('group.left', { group: 'billing' })

  expect([lines, emitter.hasListeners('group.left')]).toEqual([[], false])
})
