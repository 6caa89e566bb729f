import { beforeEach, describe, expect, test } from 'vitest'
import type { Entry } from '../engine/entry.ts'
import { entryOf, partitionFlow } from '../engine/engine-parts.fixture.ts'
import type { KafkaRecord } from '../model/record.ts'
import { Attempts, type RecordHandler } from './attempts.ts'
import type { Clock } from './clock.ts'
import { EndedAttempts } from './ended-attempts.ts'

const silent = () => undefined
const log = { trace: silent, debug: silent, info: silent, warn: silent, error: silent, fatal: silent }

/** What the event loop did, in order: `record` for an attempt that ended, `turn` for sockets and timers. */
let happened: ('record' | 'turn')[]
let nowMs: number
let timers: (() => void)[]

const clock: Clock = {
  monotonicMs: () => nowMs,
  epochMs: () => nowMs,
  random: () => 0.5,
  setTimer: (_, callback) => {
    timers.push(callback)
    return { cancel: silent }
  },
}

beforeEach(() => {
  happened = []
  nowMs = 1_000
  timers = []
})

/** Starts one record after the other, as an engine with one permit would, until `count` have ended. */
function handle(count: number, handler: RecordHandler): EndedAttempts {
  const owner = partitionFlow()
  let left = count
  let wanted: Entry<KafkaRecord> | null = null
  const attempts = new Attempts(new Map([[owner.topic, handler]]), log, () => queueMicrotask(ended.take))
  const next = (): void => {
    if (left-- > 0) wanted = Object.assign(entryOf(left), { owner, attempt: 1 }) as never
  }
  const perform = (): void => {
    const entry = wanted
    wanted = null
    if (entry !== null) attempts.start(entry)
  }
  const flow = {
    attemptEnded: () => {
      happened.push('record')
      next()
    },
    settle: silent,
  }
  const ended = new EndedAttempts({ clock, flow, attempts, effects: {} as never, perform })
  next()
  perform()
  return ended
}

/** Microtasks until there are none, then the timers that were due, again and again: what Node does. */
async function runEventLoop(): Promise<void> {
  await new Promise(setImmediate)
  while (timers.length > 0) {
    happened.push('turn')
    for (const timer of timers.splice(0)) {
      timer()
      await new Promise(setImmediate)
    }
  }
}

/** The longest row of records without a turn for others. */
function longestRow(): number {
  return Math.max(
    ...happened
      .join(' ')
      .split('turn')
      .map((row) => row.split('record').length - 1),
  )
}

describe.each([
  ['at once', (): unknown => void (nowMs += 1)],
  [
    'in a microtask',
    async (): Promise<void> => {
      await Promise.resolve()
      nowMs += 1
    },
  ],
])('handlers that end %s', (_, handler) => {
  test('let sockets and timers have a turn after ten milliseconds', async () => {
    handle(100, handler)
    await runEventLoop()
    expect(happened.filter((each) => each === 'record')).toHaveLength(100)
    expect(longestRow()).toBeLessThanOrEqual(12)
  })

  test('are not interrupted while they take no time', async () => {
    handle(100, () => handler === undefined)
    await runEventLoop()
    expect(longestRow()).toBe(100)
  })
})

test('after it was closed nothing is taken', async () => {
  const ended = handle(100, () => void (nowMs += 1))
  ended.close()
  await runEventLoop()
  expect(happened).not.toContain('record')
})
