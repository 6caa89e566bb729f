/** The parts of the demo that decide something by themselves: its data, its downstream, its totals and its screen. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { WriteStream } from 'node:tty'
import { stripVTControlCharacters } from 'node:util'
import type { ConsumerStatus } from 'holdfast'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { Blockages } from '../demo/blockages.ts'
import { callDownstream, delaysMs, foresee, inPlaceWaitsMs } from '../demo/downstream.ts'
import { composeFrame, type Heading } from '../demo/frame.ts'
import { paint } from '../demo/line.ts'
import { Moves } from '../demo/moves.ts'
import { parseOptions } from '../demo/options.ts'
import { announceOutage, Outage } from '../demo/outage.ts'
import { type Progress, RateMeter } from '../demo/progress.ts'
import { openScreen } from '../demo/screen.ts'
import { hasDocumentedDamage, readReports, type Strike, type StrikeReport, strikeSchema } from '../demo/strikes.ts'
import { Totals } from '../demo/totals.ts'
import { readTotals } from './judge/sources.ts'

describe('the strikes', () => {
  test('are the 10,000 rows of the file, with the figures that the demo tells', async () => {
    const reports = await readReports()
    expect(reports).toHaveLength(10_000)
    const airports = Map.groupBy(reports, ({ airport }) => airport)
    expect(airports.size).toBe(50)
    expect(Math.max(...[...airports.values()].map(({ length }) => length))).toBe(908)
    expect(reports.filter(({ damage }) => damage === 'C')).toHaveLength(14)
    expect(reports.filter(({ damage }) => damage === 'B')).toHaveLength(1)
    expect(reports.filter((report) => !('speedKnots' in report))).toHaveLength(2_836)
  })

  test('satisfy their schema, except for the fifteen whose damage code nobody documented', async () => {
    const refused = (await readReports()).filter((report) => !strikeSchema.safeParse(report).success)
    expect(refused).toHaveLength(15)
    expect(refused.some(hasDocumentedDamage)).toBe(false)
  })
})

describe('the options', () => {
  test('have the defaults of the README', () => {
    expect(parseOptions([])).toEqual({
      json: false,
      kafka: false,
      brokers: undefined,
      seed: 1,
      rows: 10_000,
      rate: 500,
      order: 'key',
      retrying: 'overtake',
      concurrency: 64,
      break: undefined,
    })
  })

  test('can all be set, and addresses mean a real Kafka', () => {
    const numbers = ['--seed', '0', '--rows', '3', '--rate', 'max', '--concurrency', '1']
    const others = ['--json', '--brokers', 'a:1, [::1]:2', '--order', 'none', '--retrying', 'block', '--break', 'loss']
    expect(parseOptions([...numbers, ...others])).toEqual({
      json: true,
      kafka: true,
      brokers: 'a:1,[::1]:2',
      seed: 0,
      rows: 3,
      rate: Infinity,
      order: 'none',
      retrying: 'block',
      concurrency: 1,
      break: 'loss',
    })
  })

  test.for([
    [['--rows', '0'], /--rows.*from 1 to 10000/],
    [['--rows', '1e3'], /--rows.*from 1 to 10000/],
    [['--rate', 'fast'], /--rate.*records per second/],
    [['--rate', '0'], /--rate.*above 0/],
    [['--seed', '-1'], /--seed.*from 0/],
    [['--order', 'random'], /--order.*partition, key, none/],
    [['--concurrency', '0'], /--concurrency.*from 1/],
    [['--brokers', 'nowhere'], /--brokers.*host:port/],
    [['--retrying', 'never'], /--retrying.*overtake, block/],
    [['--break', 'order', '--order', 'none'], /--break order needs --order key/],
    [['--break', 'retry', '--retrying', 'block'], /--break retry needs --retrying overtake/],
    [['--break', 'early', '--retrying', 'block'], /--break early needs --retrying overtake/],
    [['--colour'], /unknown option '--colour'/],
    [['now'], /too many arguments/],
  ] as const)('%j is refused with what was expected', ([args, sentence]) => {
    const printed = vi.spyOn(process.stderr, 'write').mockReturnValue(true)
    try {
      expect(() => parseOptions(args)).toThrow(sentence)
      expect(printed).toHaveBeenCalledOnce()
    } finally {
      printed.mockRestore()
    }
  })
})

describe('the downstream', () => {
  const calls = Array.from({ length: 10_000 }, (_, index) => foresee(1, index + 1, 1))

  test('answers with a median of 5 ms and a long tail', () => {
    const latencies = calls.map(({ latencyMs }) => latencyMs).toSorted((a, b) => a - b)
    expect(latencies[5_000]).toBeCloseTo(5, 0)
    expect(latencies[9_900]).toBeGreaterThan(12)
    expect(latencies[0]).toBeGreaterThan(0)
  })

  test('refuses three of a hundred first attempts, and fewer the second and the third time', () => {
    const refused = [1, 2, 3].map((attempt) => calls.filter((_, index) => foresee(1, index + 1, attempt).fails).length)
    expect(refused[0]).toBeGreaterThan(250)
    expect(refused[0]).toBeLessThan(350)
    expect(refused[1]).toBeGreaterThan(70)
    expect(refused[1]).toBeLessThan(130)
    expect(refused[2]).toBeGreaterThan(30)
    expect(refused[2]).toBeLessThan(70)
  })

  test('refuses no record so often that it would die, also if an outage takes one more attempt', () => {
    const attempts = 1 + inPlaceWaitsMs.length + delaysMs.length
    const refusals = calls.map(
      (_, index) => [1, 2, 3, 4].filter((attempt) => foresee(1, index + 1, attempt).fails).length,
    )
    expect(Math.max(...refusals)).toBe(inPlaceWaitsMs.length + 1)
    expect(Math.max(...refusals)).toBeLessThan(attempts - 1)
  })

  test('serves nobody whose call begins or ends in the outage', async () => {
    const call = { latencyMs: 1, fails: false }
    const { signal } = new AbortController()
    const outAt = (looks: boolean[]) => () => looks.shift() ?? false
    await callDownstream(call, outAt([false, false]), signal)
    await expect(callDownstream(call, outAt([true, false]), signal)).rejects.toThrow('503')
    await expect(callDownstream(call, outAt([false, true]), signal)).rejects.toThrow('503')
    await expect(callDownstream({ ...call, fails: true }, outAt([]), signal)).rejects.toThrow('503')
  })

  test('answers the same to the same question, and differently to another seed', () => {
    expect(foresee(3, 17, 1)).toEqual(foresee(3, 17, 1))
    expect(foresee(3, 17, 1)).not.toEqual(foresee(4, 17, 1))
    expect(foresee(3, 17, 1)).not.toEqual(foresee(3, 17, 2))
  })
})

describe('the totals', () => {
  let folder: string
  beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), 'holdfast-totals-'))))
  afterEach(() => rmSync(folder, { recursive: true, force: true }))

  test('count a strike once, however often it is handled', async () => {
    const [strike] = (await readReports()).filter(isCostly) as [Strike]
    const file = join(folder, 'totals.sqlite')
    const totals = new Totals(file)
    totals.add(strike)
    totals.add(strike)
    totals.add({ ...strike, id: strike.id + 1, damage: 'None', costTotalDollars: 0 })
    totals.close()
    const { byAirport, appliedIds } = readTotals(file)
    expect([...appliedIds]).toEqual([strike.id, strike.id + 1])
    expect([...byAirport]).toEqual([
      [strike.airport, { strikes: 2, damaging: 1, costDollars: strike.costTotalDollars }],
    ])
  })
})

function isCostly(report: StrikeReport): report is Strike {
  return hasDocumentedDamage(report) && report.damage !== 'None' && report.costTotalDollars > 0
}

describe('the outage', () => {
  let folder: string
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'holdfast-outage-'))
    vi.useFakeTimers()
  })
  afterEach(() => {
    vi.useRealTimers()
    rmSync(folder, { recursive: true, force: true })
  })

  test('is the same second for everybody who looks into the folder', () => {
    const [one, other] = [new Outage(folder), new Outage(folder)]
    expect(one.isOn()).toBe(false)
    announceOutage(folder)
    vi.advanceTimersByTime(99)
    expect([one, other].map((each) => each.isOn())).toEqual([false, false])
    vi.advanceTimersByTime(2)
    expect([one, other].map((each) => each.isOn())).toEqual([true, true])
    const late = new Outage(folder)
    vi.advanceTimersByTime(998)
    expect([one, other, late].map((each) => each.isOn())).toEqual([true, true, true])
    vi.advanceTimersByTime(2)
    expect([one, other, late].map((each) => each.isOn())).toEqual([false, false, false])
    for (const each of [one, other, late]) each.close()
    expect(vi.getTimerCount()).toBe(0)
  })
})

describe('what rebalances moved', () => {
  test('is told apart from what they interrupted', () => {
    const moves = new Moves()
    for (const partition of [0, 1]) moves.note('first', { type: 'assigned', partition })
    for (const generation of [1, 2]) moves.note('first', { type: 'joined', generation })
    moves.note('second', { type: 'joined', generation: 2 })
    moves.note('first', { type: 'revoked', partition: 1, unfinished: 3 })
    moves.note('second', { type: 'assigned', partition: 1 })
    moves.note('first', { type: 'assigned', partition: 0 })
    moves.note('first', { type: 'assigned', partition: 1 })
    expect(moves.counts).toEqual({ rebalances: 1, movedTo: { first: 1, second: 1 }, interrupted: 1, readAgain: 3 })
  })
})

describe('the longest blockage', () => {
  const waiting = (offset: number, forMs: number, why = 'it waits') => ({ offset, attempt: 1, forMs, why })

  function noted(...reports: readonly [nowMs: number, blockedBy: ReturnType<typeof waiting> | null][]): Blockages {
    const blockages = new Blockages()
    const { topic, partitions } = statusOf([0], 0)
    for (const [nowMs, blockedBy] of reports) {
      blockages.note({ topic, partitions: partitions.map((at) => ({ ...at, blockedBy })) }, nowMs)
    }
    return blockages
  }

  test('goes on while the same offset changes its state', () => {
    const blockages = noted([100, waiting(7, 50)], [200, waiting(7, 10, 'its handler is running')], [300, null])
    expect(blockages.longest).toEqual({ partition: 0, offset: 7, forMs: 150, why: 'its handler is running' })
  })

  test('begins when the offset before it is through, however long it had waited behind that', () => {
    const blockages = noted([100, waiting(7, 50)], [200, waiting(8, 190)], [260, waiting(8, 250)])
    expect(blockages.longest).toMatchObject({ offset: 8, forMs: 160 })
  })

  test('ends with its offset', () => {
    const blockages = noted([100, waiting(7, 50)], [500, waiting(8, 20)], [520, null], [600, waiting(7, 10)])
    expect(blockages.longest).toMatchObject({ offset: 7, forMs: 50 })
  })

  test('counts no offset of a delay topic', () => {
    const blockages = new Blockages()
    const { topic, partitions } = statusOf([0], 0)
    blockages.note({ topic, partitions: partitions.map((at) => ({ ...at, topic: 'totals.strikes.retry.2s' })) }, 1)
    expect(blockages.longest).toBe(null)
  })
})

test('a rate is that of the last two seconds', () => {
  const meter = new RateMeter()
  expect(meter.perSecond).toBe(0)
  for (let atMs = 0; atMs <= 5_000; atMs += 100) meter.note(atMs, atMs < 3_000 ? 0 : atMs - 3_000)
  expect(meter.perSecond).toBe(1_000)
})

/** A consumer that owns these partitions; offset 7 of each holds its commit. */
function statusOf(owned: readonly number[], done: number): ConsumerStatus {
  const partitions = owned.map((partition): ConsumerStatus['partitions'][number] => ({
    topic: 'strikes',
    partition,
    epoch: 1,
    position: 20,
    committable: 7,
    committed: 7,
    endOffset: 20,
    lag: 13,
    buffered: 5,
    inFlight: 1,
    parked: 1,
    waiting: 0,
    zombies: 0,
    heldBytes: 0,
    pausedFor: [],
    blockedBy: { offset: 7, attempt: 2, forMs: 300, why: 'it waits' },
  }))
  const none = { retried: 0, deadLettered: 0, filtered: 0, alreadyDone: 0, stale: 0, abandoned: 0 }
  const counts = { ...none, done, accepted: done + owned.length }
  const others = {
    concurrency: 64,
    inFlight: owned.length,
    maxInFlight: 4,
    parked: owned.length,
    waiting: 2,
    zombies: 0,
  }
  return { topic: 'strikes', ...others, retriedInPlace: 3, latenessMaxMs: 9, lostToRetention: 0, counts, partitions }
}

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
