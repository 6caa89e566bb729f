/** What the demo shows: the live screen, the lines instead of it where there is no terminal, and the closing table. */
import { PassThrough } from 'node:stream'
import { WriteStream } from 'node:tty'
import { stripVTControlCharacters } from 'node:util'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { composeClosing, type RunFacts } from '../demo/closing.ts'
import { composeFrame, type Heading } from '../demo/frame.ts'
import { paint } from '../demo/line.ts'
import { type Progress } from '../demo/progress.ts'
import { openScreen } from '../demo/screen.ts'
import { statusOf } from './demo-status.fixture.ts'
import { type Verdict } from './judge/verdict.ts'

const heading: Heading = {
  broker: 'embedded',
  order: 'key',
  retrying: 'overtake',
  concurrency: 64,
  rate: 500,
  rows: 10_000,
}
const progress: Progress = {
  phase: 'running',
  elapsedMs: 12_345,
  rows: 10_000,
  produced: 6_130,
  producedPerSecond: 500,
  finishedPerSecond: 499,
  consumers: [
    { name: 'first', phase: 'running', status: statusOf([0, 1], 4_000) },
    { name: 'second', phase: 'leaving', status: statusOf([2], 2_000) },
  ],
  news: [
    { kind: 'note', text: 'a second consumer joins' },
    { kind: 'trouble', text: 'the coordinator moved' },
  ],
}

const { getColorDepth } = WriteStream.prototype

/** A terminal that keeps what is written to it. */
function terminal(
  size: { columns: number; rows: number },
  isTTY = true,
): { stream: NodeJS.WriteStream; seen(): string } {
  const through = new PassThrough({ encoding: 'utf8' })
  const stream = Object.assign(through, { isTTY, ...size, getColorDepth }) as unknown as NodeJS.WriteStream
  return { stream, seen: () => String(through.read() ?? '') }
}

describe('the screen', () => {
  beforeEach(() => void vi.useFakeTimers())
  afterEach(() => {
    vi.useRealTimers()
    vi.unstubAllEnvs()
  })

  test.for([20, 40, 80, 200])('no line is wider than a terminal of %d columns', (columns) => {
    const { stream } = terminal({ columns, rows: 24 })
    const lines = composeFrame(heading, progress, columns).map((line) => paint(line, columns, stream))
    expect(Math.max(...lines.map((line) => stripVTControlCharacters(line).length))).toBeLessThanOrEqual(columns)
  })

  test('shows both consumers and who owns which partition', () => {
    const { stream } = terminal({ columns: 100, rows: 30 })
    const lines = composeFrame(heading, progress, 100).map((line) => stripVTControlCharacters(paint(line, 100, stream)))
    expect(lines).toContainEqual(expect.stringMatching(/first consumer +running +2 partitions.*done +4,000/))
    expect(lines).toContainEqual(expect.stringMatching(/second consumer +leaving +1 partitions.*done +2,000/))
    expect(lines).toContainEqual(expect.stringMatching(/^ +2 {2}second .*offset 7 attempt 2, it waits/))
    const left = { ...progress, consumers: progress.consumers.map((one) => ({ ...one, phase: 'left' as const })) }
    const after = composeFrame(heading, left, 100).map((line) => stripVTControlCharacters(paint(line, 100, stream)))
    expect(after).toContainEqual(expect.stringMatching(/first consumer +left +0 partitions.*done +4,000/))
    expect(after.some((line) => line.includes('offset 7'))).toBe(false)
  })

  test('is redrawn at most ten times a second, over what it drew before', () => {
    const { stream, seen } = terminal({ columns: 80, rows: 24 })
    const screen = openScreen(stream, heading, () => progress)
    const height = composeFrame(heading, progress, 80).length
    expect(seen()).toContain('\x1b[?25l')
    vi.advanceTimersByTime(1_000)
    expect(seen().split(`\x1b[${height}A`)).toHaveLength(11)
    screen.close()
  })

  test('gives the cursor back when it closes, and when the process ends before', () => {
    const { stream, seen } = terminal({ columns: 80, rows: 24 })
    const listeners = process.listenerCount('exit')
    const screen = openScreen(stream, heading, () => progress)
    expect(process.listenerCount('exit')).toBe(listeners + 1)
    seen()
    screen.close()
    screen.close()
    expect(seen().split('\x1b[?25h')).toHaveLength(2)
    expect(process.listenerCount('exit')).toBe(listeners)
  })

  test('fits a terminal with few rows, where it could not be drawn over', () => {
    const { stream, seen } = terminal({ columns: 80, rows: 6 })
    const screen = openScreen(stream, heading, () => progress)
    expect(seen().trim().split('\n')).toHaveLength(6)
    screen.close()
  })

  test('shows no colours when NO_COLOR is set', () => {
    const { stream, seen } = terminal({ columns: 80, rows: 24 })
    vi.stubEnv('FORCE_COLOR', undefined)
    vi.stubEnv('NO_COLOR', '1')
    openScreen(stream, heading, () => progress).close()
    const written = seen()
    expect(written.match(/\[\d*m/)).toBe(null)
  })

  test('is a line a second without a terminal, and tells each piece of news once', () => {
    const { stream, seen } = terminal({ columns: 80, rows: 24 }, false)
    const screen = openScreen(stream, heading, () => progress)
    vi.advanceTimersByTime(2_000)
    screen.close()
    const lines = seen().trimEnd().split('\n')
    expect(lines.filter((line) => line.includes('produced 6,130 of 10,000'))).toHaveLength(2)
    expect(lines.filter((line) => line.includes('finished 6,000'))).toHaveLength(2)
    expect(lines.filter((line) => line.includes('the coordinator moved'))).toHaveLength(1)
  })
})

describe('the closing table', () => {
  const verdict: Verdict = {
    rows: 10_000,
    produced: 10_000,
    done: 9_985,
    filtered: 0,
    retriedInPlace: 705,
    retriedByTopic: 181,
    deadLettered: 15,
    deathReasons: [{ reason: 'MESSAGE_INVALID: expected one of "None", "Minor", "Medium", "Substantial"', count: 15 }],
    duplicates: 0,
    lost: 0,
    orderViolations: 0,
    earlyRetries: 0,
    commitsPastUnfinished: 0,
    commitsBackwards: 0,
    uncommitted: 0,
    totalsMatch: true,
    maxInFlight: 36,
    elapsedMs: 22_000,
    samples: 361,
    doneByProcess: {},
    agrees: true,
    problems: [],
  }
  const facts: RunFacts = {
    broker: 'embedded',
    moves: { rebalances: 3, movedTo: { first: 3, second: 3 }, interrupted: 0, readAgain: 17 },
    longestBlockage: { partition: 2, offset: 54, forMs: 538, why: 'it waits 12 ms for attempt 3 after an error' },
    latenessMaxMs: 80.4,
    doneBySecond: 925,
    stoppedCleanly: true,
    totalMs: 24_000,
  }

  function closing(columns: number, change: Partial<Verdict> = {}): string[] {
    const { stream } = terminal({ columns, rows: 40 })
    const lines = composeClosing(
      { order: 'key', retrying: 'overtake', rows: 10_000 },
      { ...verdict, ...change },
      facts,
      columns,
    )
    return lines.map((line) => stripVTControlCharacters(paint(line, columns, stream)))
  }

  test.for([80, 100, Infinity])('tells everything in %d columns', (columns) => {
    const lines = closing(columns)
    const words = lines.join(' ').replaceAll(/\s+/g, ' ')
    expect(words).toContain('15 × MESSAGE_INVALID: expected one of "None", "Minor", "Medium", "Substantial"')
    expect(words).toContain('partition 2, offset 54: it waits 12 ms for attempt 3 after an error')
    expect(words).toContain('3 partitions moved to the second consumer, 3 back')
    expect(words).toContain('925 in the second consumer')
    expect(words).toContain('latest retry 81 ms')
    expect(words).not.toContain('…')
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(columns)
  })

  test('says first what is wrong', () => {
    expect(closing(100)[1]).toContain('✔ The judge agrees: nothing was lost.')
    expect(closing(100, { agrees: false, lost: 2 })[1]).toContain('✖ The judge does not agree: 2 records were lost.')
    expect(closing(100, { agrees: false })[1]).toContain('✖ The judge does not agree: a promise was broken.')
  })
})
