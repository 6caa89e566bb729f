/** What Kafka keeps with an offset, written by one process and read by another whose clock began elsewhere. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { encodeCommitMetadata } from '../engine/commit-metadata.ts'
import type { CommitMarks } from '../engine/commit-marks.ts'
import type { Clock } from './clock.ts'
import { commitText, hasStartMark, readCommitText, startMark, type WrittenMarks } from './commit-text.ts'

const topicId = '0a1b2c3d-0000-4000-8000-00000000beef'
const calendarMs = 1_893_456_000_000

/** A clock that stands still: `uptimeMs` after its start, at a moment of the calendar. */
function clockAt(uptimeMs: number, epochMs = calendarMs): Clock {
  return {
    monotonicMs: () => uptimeMs,
    epochMs: () => epochMs,
    setTimer: () => ({ cancel: () => {} }),
    random: () => 0,
  }
}

/** 100 failed once, 101 to 103 are finished, 104 runs, 105 is finished. */
const marks: CommitMarks = {
  topicId,
  leaderEpoch: 7,
  startMark: '',
  lengthMax: 4_096,
  unfinished: [100, 104],
  highestFinished: 105,
  failed: [{ offset: 100, attempts: 2, dueMs: 60_000 }],
}
const nothing: CommitMarks = { ...marks, unfinished: [], highestFinished: 99, failed: [] }

function read(text: string, clock: Clock): WrittenMarks {
  const written = readCommitText(text, clock)
  if (written === null || typeof written === 'string') throw new Error(`expected marks, got ${written}`)
  return written
}

test('what one process wrote another reads, whatever their clocks count from', () => {
  const text = commitText(100, marks, clockAt(50_000))
  const written = read(text, clockAt(3, calendarMs + 1_000))
  expect(written).toMatchObject({ topicId, committedOffset: 100, leaderEpoch: 7, highest: 105 })
  expect([99, 100, 101, 102, 103, 104, 105, 106].filter((offset) => written.inherited.isFinished(offset))).toEqual([
    101, 102, 103, 105,
  ])
  // Due 10 s after it was written, which is 9 s after it is read.
  expect(written.inherited.failedBefore(100)).toEqual({ attempts: 2, dueMs: 9_003 })
})

test('the highest offset that is spoken of may be that of a failed record', () => {
  const failed = [{ offset: 300, attempts: 1, dueMs: 60_000 }]
  expect(read(commitText(100, { ...marks, failed }, clockAt(0)), clockAt(0)).highest).toBe(300)
})

test('a record that was due long ago is due, and still one that has waited', () => {
  const text = commitText(100, { ...marks, failed: [{ offset: 100, attempts: 2, dueMs: 0 }] }, clockAt(50_000))
  const before = read(text, clockAt(5_000)).inherited.failedBefore(100)!
  expect(before.attempts).toBe(2)
  expect(before.dueMs).toBeGreaterThan(0)
  expect(before.dueMs).toBeLessThanOrEqual(5_000)
  expect(read(text, clockAt(0, calendarMs + 500)).inherited.failedBefore(100)?.dueMs).toBe(1)
})

test('a reader whose calendar is behind makes nobody wait longer than was left when it was written', () => {
  const text = commitText(100, marks, clockAt(50_000))
  expect(read(text, clockAt(3, calendarMs - 3_600_000)).inherited.failedBefore(100)?.dueMs).toBe(10_003)
})

/** Goal: an attempt is never early, and late by the tenth of a second to which due times are rounded. */
test('any due time comes back not earlier, and at most a tenth of a second later', () => {
  const uptime = fc.double({ min: 0, max: 1e9, noNaN: true })
  fc.assert(
    fc.property(uptime, uptime, fc.double({ min: -1e6, max: 1e8, noNaN: true }), (wroteAtMs, readAtMs, waitMs) => {
      const failed = [{ offset: 100, attempts: 1, dueMs: wroteAtMs + waitMs }]
      const text = commitText(100, { ...marks, failed }, clockAt(wroteAtMs))
      const dueMs = read(text, clockAt(readAtMs)).inherited.failedBefore(100)!.dueMs
      expect(dueMs).toBeGreaterThanOrEqual(Math.min(readAtMs, readAtMs + waitMs) - 100)
      if (waitMs > 0) expect(dueMs).toBeGreaterThanOrEqual(readAtMs + waitMs - 0.01)
      expect(dueMs).toBeLessThan(Math.max(1.001, readAtMs + Math.max(waitMs, 0) + 101.01))
    }),
  )
})

test('a start mark and marks share the text, and neither hides the other', () => {
  const text = commitText(100, { ...marks, startMark: startMark(12) }, clockAt(0))
  expect(text.startsWith('hf0:12 hf1')).toBe(true)
  expect([hasStartMark(text, 12), hasStartMark(text, 1), hasStartMark(text, 2)]).toEqual([true, false, false])
  expect(read(text, clockAt(0))).toMatchObject({ committedOffset: 100, highest: 105 })
})

test('with nothing to tell the text is the start mark alone, or empty', () => {
  expect(commitText(100, nothing, clockAt(0))).toBe('')
  const text = commitText(100, { ...nothing, startMark: startMark(3) }, clockAt(0))
  expect(text).toBe('hf0:3')
  expect([hasStartMark(text, 3), readCommitText(text, clockAt(0))]).toEqual([true, null])
})

test.each([null, '', 'hf0:1', 'somebody else’s', '{"v":1}', 'hf9abc'])(
  '%j tells nothing and is no reason to worry',
  (text) => {
    expect(readCommitText(text, clockAt(0))).toBe(null)
  },
)

test('a text of ours that was damaged is told apart from one of somebody else', () => {
  const text = commitText(100, { ...marks, startMark: startMark(1) }, clockAt(0))
  const at = text.length - 3
  const damaged = text.slice(0, at) + (text[at] === 'a' ? 'b' : 'a') + text.slice(at + 1)
  expect(readCommitText(damaged, clockAt(0))).toBe('its text is damaged')
  expect(readCommitText(text.slice(0, -2), clockAt(0))).toBe('its text is damaged')
})

test.each([4_096, 256, 128, 64, 40, 20, 8])(
  'with room for %i characters the lowest part is told, start mark included',
  (lengthMax) => {
    const unfinished = Array.from({ length: 1_500 }, (_, at) => 100 + at * 3 + (at % 2))
    const given = { ...marks, startMark: startMark(1), lengthMax, unfinished, highestFinished: 5_000 }
    const text = commitText(100, given, clockAt(0))
    expect(text.length).toBeLessThanOrEqual(lengthMax)
    expect(hasStartMark(text, 1)).toBe(true)
    const written = readCommitText(text, clockAt(0))
    if (written === null || typeof written === 'string') {
      expect([written, lengthMax < 64]).toEqual([null, true])
      return
    }
    const { inherited } = written
    const isOpen = new Set(unfinished)
    const spokenOf = Array.from({ length: inherited.highestFinished - 99 }, (_, at) => 100 + at)
    expect(spokenOf.filter((offset) => inherited.isFinished(offset) === isOpen.has(offset))).toEqual([])
  },
)

test('a text that calls an offset both finished and failed is not believed', () => {
  const text = commitText(100, { ...marks, failed: [{ offset: 102, attempts: 1, dueMs: 1 }] }, clockAt(0))
  expect(readCommitText(text, clockAt(0))).toBe('its text contradicts itself')
})

test('a text that leaves more records open than a member ever holds is not believed', () => {
  const unfinished = Array.from({ length: 200_001 }, (_, at) => 100 + at)
  const told = { ...marks, unfinished, highestFinished: 300_000, failed: [] }
  expect(readCommitText(commitText(100, told, clockAt(0)), clockAt(0))).toBe('its text contradicts itself')
})

test('whatever a text is, reading it throws nothing', () => {
  const anyText = fc.oneof(
    fc.string(),
    fc.string().map((rest) => `hf0:${rest}`),
    fc.string().map((rest) => `hf1u${rest}`),
  )
  fc.assert(
    fc.property(anyText, (text) => {
      readCommitText(text, clockAt(0))
    }),
  )
  expect(() =>
    readCommitText(encodeCommitMetadata({ ...marks, committedOffset: 100, parked: [], writtenAtMs: 0 }), clockAt(0)),
  ).not.toThrow()
})

test('a process that is held up between two looks at its clocks makes a retry late, never early', () => {
  /** Stands still for 20 ms after every look. */
  const slowClock = (uptimeMs: number): Clock => {
    let passedMs = 0
    const look = (fromMs: number): number => {
      const ms = fromMs + passedMs
      passedMs += 20
      return ms
    }
    return { ...clockAt(0), monotonicMs: () => look(uptimeMs), epochMs: () => look(calendarMs) }
  }
  const dueAtMs = calendarMs + 10_000

  const text = commitText(100, { ...marks, failed: [{ offset: 100, attempts: 1, dueMs: 60_000 }] }, slowClock(50_000))
  const { dueMs } = read(text, slowClock(3)).inherited.failedBefore(100)!

  expect(calendarMs - 3 + dueMs).toBeGreaterThanOrEqual(dueAtMs)
})
