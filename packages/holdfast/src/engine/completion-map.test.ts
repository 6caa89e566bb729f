import fc from 'fast-check'
import { expect, test } from 'vitest'
import { SeededRandom } from '../testing/seeded-random.ts'
import { CompletionMap, type LedgerWalk, planMap, readMap } from './completion-map.ts'
import { SevenBitReader, SevenBitWriter } from './seven-bit-text.ts'

const roomy = 10_000_000

/** From the lengths of runs in turn, an unfinished one first. */
function walkOf(committedOffset: number, runs: readonly number[]): LedgerWalk {
  const unfinished: number[] = []
  let next = committedOffset
  for (const [at, run] of runs.entries()) {
    for (let offset = next; at % 2 === 0 && offset < next + run; offset++) unfinished.push(offset)
    next += run
  }
  return { committedOffset, unfinished, highestFinished: next - 1 }
}

function bitsOf(walk: LedgerWalk): number {
  return planMap(walk, roomy)?.bits ?? 0
}

function roundTrip(walk: LedgerWalk, room = roomy): { map: CompletionMap; bits: number } {
  const plan = planMap(walk, room)
  if (plan === null) return { map: new CompletionMap([]), bits: 0 }
  expect(plan.bits).toBeLessThanOrEqual(room)
  const writer = new SevenBitWriter('', Math.ceil(plan.bits / 7) + 5)
  plan.write(writer)
  const text = writer.seal()
  expect(text).toHaveLength(Math.ceil(plan.bits / 7) + 5)
  const reader = SevenBitReader.open(text, 0)!
  const map = readMap(reader, plan.form, walk.committedOffset)
  expect(reader.isAtEnd).toBe(true)
  return { map, bits: plan.bits }
}

/** The naive model: an offset is finished if it lies above the line, not above the highest finished one, and is not listed. */
function expectExact(map: CompletionMap, walk: LedgerWalk, end: number): void {
  const unfinished = new Set(walk.unfinished)
  const probes = [walk.committedOffset, end, end + 1, ...walk.unfinished.flatMap((each) => [each - 1, each, each + 1])]
  for (const offset of probes) {
    const isFinished = offset > walk.committedOffset && offset <= end && !unfinished.has(offset)
    expect(map.has(offset), `offset ${offset}`).toBe(isFinished)
  }
}

const run = fc.oneof({ weight: 6, arbitrary: fc.integer({ min: 1, max: 6 }) }, fc.integer({ min: 1, max: 60 }))
const gap = fc.oneof({ weight: 8, arbitrary: run }, fc.integer({ min: 1, max: 2 ** 45 }))
const anyWalk = fc
  .tuple(fc.nat(2 ** 50), fc.array(fc.tuple(run, gap), { maxLength: 40 }))
  .map(([line, pairs]) => walkOf(line, pairs.flat()))

test('every finished offset above the line is read back, and no other', () => {
  fc.assert(
    fc.property(anyWalk, (walk) => {
      const { map } = roundTrip(walk)
      expect(map.highest).toBe(walk.highestFinished > walk.committedOffset ? walk.highestFinished : null)
      expectExact(map, walk, walk.highestFinished)
    }),
    { numRuns: 500 },
  )
})

test('what does not fit is cut at the top, and everything below the cut is exact', () => {
  fc.assert(
    fc.property(anyWalk, fc.double({ min: 0, max: 1, noNaN: true }), (walk, share) => {
      const { map } = roundTrip(walk, Math.floor(bitsOf(walk) * share))
      const end = map.highest ?? walk.committedOffset
      expect(end).toBeLessThanOrEqual(Math.max(walk.highestFinished, walk.committedOffset))
      expectExact(map, walk, end)
    }),
    { numRuns: 500 },
  )
})

test('a map that is cut fills its room', () => {
  const chance = new SeededRandom(7)
  for (const density of [0.02, 0.5, 0.98]) {
    const walk = randomWalk(100_000, density, chance)
    const { bits } = roundTrip(walk, 8_000)
    expect(bits, `${density} unfinished`).toBeGreaterThan(8_000 - 100)
  }
})

test('the units suit what fits, not what is cut off', () => {
  const dense = Array.from({ length: 2_000 }, (_, at) => (at % 2 === 0 ? 1 : 20 + (at % 41)))
  const sparse = Array.from({ length: 4_000 }, (_, at) => (at % 2 === 0 ? 1 : 1_200))
  const alone = roundTrip(walkOf(0, dense), 4_000).map.highest!
  expect(roundTrip(walkOf(0, [...dense, ...sparse]), 4_000).map.highest).toBeGreaterThan(0.9 * alone)
})

test('nothing finished above the line is no map', () => {
  expect(planMap({ committedOffset: 5, unfinished: [], highestFinished: 4 }, roomy)).toBe(null)
  expect(planMap({ committedOffset: 5, unfinished: [5, 6], highestFinished: -1 }, roomy)).toBe(null)
})

test('unfinished offsets above the highest finished one cost nothing', () => {
  const walk = walkOf(5, [1, 3, 2, 1])
  const queued = { ...walk, unfinished: [...walk.unfinished, ...walkOf(13, [500]).unfinished] }
  expect(bitsOf(queued)).toBe(bitsOf(walk))
  expectExact(roundTrip(queued).map, walk, walk.highestFinished)
})

test('a gap that compaction left counts as finished, though it is a billion offsets wide, and costs only bytes', () => {
  const many = walkOf(
    0,
    Array.from({ length: 400 }, (_, at) => 1 + (at % 3)),
  )
  const wide = walkOf(0, [...Array.from({ length: 400 }, (_, at) => 1 + (at % 3)), 1, 1_000_000_000])
  const { map, bits } = roundTrip(wide)
  expect(map.has(many.highestFinished + 500_000_000)).toBe(true)
  expect(bits - bitsOf(many)).toBeLessThan(100)
})

test('ranges are what is finished, in order', () => {
  const { map } = roundTrip(walkOf(100, [1, 2, 3, 4]))
  expect([...map.ranges()]).toEqual([
    { start: 101, end: 103 },
    { start: 106, end: 110 },
  ])
})

test('a walk that contradicts itself throws', () => {
  const walk = { committedOffset: 5, unfinished: [5, 7], highestFinished: 9 }
  expect(() => planMap({ ...walk, unfinished: [] }, roomy)).toThrow('expected the line 5 to be the first')
  expect(() => planMap({ ...walk, unfinished: [6, 7] }, roomy)).toThrow('got 6')
  expect(() => planMap({ ...walk, unfinished: [5, 7, 7] }, roomy)).toThrow('unfinished offset 7 is not above 7')
  expect(() => planMap({ ...walk, unfinished: [5, 9] }, roomy)).toThrow('offset 9 is both')
})

/** Offsets above the line are unfinished by chance, each for itself. */
function randomWalk(span: number, density: number, chance: SeededRandom): LedgerWalk {
  const unfinished = [0]
  for (let offset = 1; offset < span; offset++) if (chance.fraction() < density) unfinished.push(offset)
  return { committedOffset: 0, unfinished, highestFinished: span }
}

function entropy(share: number): number {
  return share <= 0 || share >= 1 ? 0 : -share * Math.log2(share) - (1 - share) * Math.log2(1 - share)
}

/** Goal: no way of writing such sets is shorter by more than a tenth, or by more than eight bytes if it is a small one. */
test('a map takes at most 1.10 times the information in it, or eight bytes more', () => {
  const chance = new SeededRandom(42)
  for (const span of [10, 100, 1_000, 10_000, 100_000]) {
    for (const density of [0, 0.0001, 0.001, 0.01, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.99, 0.999]) {
      const walk = randomWalk(span, density, chance)
      const bound = span * entropy((walk.unfinished.length - 1) / span)
      expect(bitsOf(walk), `${density} of ${span}`).toBeLessThanOrEqual(Math.max(bound * 1.1, bound + 64))
    }
  }
})

test('bursts take at most 1.10 times the information in them, or eight bytes more', () => {
  const chance = new SeededRandom(43)
  for (const [burst, density] of [
    [10, 0.01],
    [10, 0.1],
    [100, 0.01],
    [50, 0.5],
  ] as const) {
    const runs: number[] = []
    const [toEnd, toBegin] = [1 / burst, density / (burst * (1 - density))]
    for (let length = 0; length < 100_000; length = length + runs.at(-1)! + runs.at(-2)!) {
      runs.push(runLength(toEnd, chance), runLength(toBegin, chance))
    }
    const bound = (runs.length / 2) * (entropy(toEnd) / toEnd + entropy(toBegin) / toBegin)
    const bits = bitsOf(walkOf(0, runs))
    expect(bits, `bursts of ${burst}, ${density}`).toBeLessThanOrEqual(Math.max(bound * 1.1, bound + 64))
  }
})

function runLength(toEnd: number, chance: SeededRandom): number {
  return 1 + Math.floor(Math.log1p(-chance.fraction()) / Math.log1p(-toEnd))
}
