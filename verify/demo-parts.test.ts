/** The parts of the demo that decide something by themselves: its data, its downstream, its totals and what it remembers of a
 *  run. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { Blockages } from '../demo/blockages.ts'
import { callDownstream, delaysMs, foresee, inPlaceWaitsMs } from '../demo/downstream.ts'
import { Moves } from '../demo/moves.ts'
import { parseOptions } from '../demo/options.ts'
import { announceOutage, Outage } from '../demo/outage.ts'
import { RateMeter } from '../demo/progress.ts'
import { hasDocumentedDamage, readReports, type Strike, type StrikeReport, strikeSchema } from '../demo/strikes.ts'
import { Totals } from '../demo/totals.ts'
import { statusOf } from './demo-status.fixture.ts'
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
