/** The parts of the demo that decide something by themselves: its data, its downstream, its totals and its screen. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { WriteStream } from 'node:tty'
import { stripVTControlCharacters } from 'node:util'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { foresee } from '../demo/downstream.ts'
import { composeFrame, type Heading } from '../demo/frame.ts'
import { paint } from '../demo/line.ts'
import { parseOptions } from '../demo/options.ts'
import { type Progress, RateMeter } from '../demo/progress.ts'
import { openScreen } from '../demo/screen.ts'
import { hasDocumentedDamage, readStrikes, type Strike } from '../demo/strikes.ts'
import { Totals } from '../demo/totals.ts'
import { readTotals } from './judge/sources.ts'

describe('the strikes', () => {
  test('are the 10,000 rows of the file, with the figures that the demo tells', async () => {
    const strikes = await readStrikes()
    expect(strikes).toHaveLength(10_000)
    const airports = Map.groupBy(strikes, ({ airport }) => airport)
    expect(airports.size).toBe(50)
    expect(Math.max(...[...airports.values()].map(({ length }) => length))).toBe(908)
    expect(strikes.filter(({ damage }) => damage === 'C')).toHaveLength(14)
    expect(strikes.filter(({ damage }) => damage === 'B')).toHaveLength(1)
    expect(strikes.filter((strike) => !hasDocumentedDamage(strike))).toHaveLength(15)
    expect(strikes.filter(({ speedKnots }) => speedKnots === null)).toHaveLength(2_836)
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
      concurrency: 64,
      break: undefined,
    })
  })

  test('can all be set, and addresses mean a real Kafka', () => {
    const numbers = ['--seed', '0', '--rows', '3', '--rate', 'max', '--concurrency', '1']
    const others = ['--json', '--brokers', 'a:1, [::1]:2', '--order', 'none', '--break', 'loss']
    expect(parseOptions([...numbers, ...others])).toEqual({
      json: true,
      kafka: true,
      brokers: 'a:1,[::1]:2',
      seed: 0,
      rows: 3,
      rate: Infinity,
      order: 'none',
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
    [['--break', 'order', '--order', 'none'], /--break order needs --order key/],
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

  test('refuses three of a hundred first attempts, and no second one', () => {
    const refused = calls.filter(({ fails }) => fails).length
    expect(refused).toBeGreaterThan(250)
    expect(refused).toBeLessThan(350)
    expect(calls.some((_, index) => foresee(1, index + 1, 2).fails)).toBe(false)
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
    const [strike] = (await readStrikes()).filter(isCostly) as [Strike]
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

function isCostly({ damage, costTotalDollars }: Strike): boolean {
  return damage !== 'None' && costTotalDollars > 0
}

test('a rate is that of the last two seconds', () => {
  const meter = new RateMeter()
  expect(meter.perSecond).toBe(0)
  for (let atMs = 0; atMs <= 5_000; atMs += 100) meter.note(atMs, atMs < 3_000 ? 0 : atMs - 3_000)
  expect(meter.perSecond).toBe(1_000)
})

const heading: Heading = { broker: 'embedded', order: 'key', concurrency: 64, rate: 500, rows: 10_000 }
const progress: Progress = {
  phase: 'running',
  elapsedMs: 12_345,
  rows: 10_000,
  produced: 6_130,
  producedPerSecond: 500,
  donePerSecond: 499,
  consumer: null,
  troubles: ['the coordinator moved'],
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

  test('is a line a second without a terminal, and tells each trouble once', () => {
    const { stream, seen } = terminal({ columns: 80, rows: 24 }, false)
    const screen = openScreen(stream, heading, () => progress)
    vi.advanceTimersByTime(2_000)
    screen.close()
    const lines = seen().trimEnd().split('\n')
    expect(lines.filter((line) => line.includes('produced 6,130 of 10,000'))).toHaveLength(2)
    expect(lines.filter((line) => line.includes('the coordinator moved'))).toHaveLength(1)
  })
})
