import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Entry } from './entry.ts'
import { entryOf } from './engine-parts.fixture.ts'
import { LaneTails } from './lane-tails.ts'

// Few lowest bits, so that lanes want the same slot; negative numbers, because hashes are.
const laneId = fc.oneof(
  fc.integer({ min: 0, max: 70 }),
  fc.constantFrom(0, 1, 63, 64).chain((low) => fc.nat(40).map((high) => (high << 6) | low)),
  fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }),
)
const act = fc.record({ does: fc.constantFrom('replace' as const, 'replace' as const, 'remove' as const), laneId })

test('every lane in use has the entry that replaced the others last, whatever else came and went', () => {
  fc.assert(
    fc.property(fc.array(act, { maxLength: 400 }), (acts) => {
      const tails = new LaneTails<number>()
      const model = new Map<number, Entry<number>>()
      for (const [offset, { does, laneId: lane }] of acts.entries()) {
        if (does === 'replace') {
          const entry = entryOf(offset, lane)
          expect(tails.replace(entry)).toBe(model.get(lane) ?? null)
          model.set(lane, entry)
        } else {
          tails.remove(lane)
          model.delete(lane)
        }
        expect(tails.size).toBe(model.size)
      }
      for (const [lane, tail] of model) expect(tails.replace(tail)).toBe(model.get(lane))
    }),
  )
})

test('lanes are found again however many are in use', () => {
  const tails = new LaneTails<number>()
  const entries = Array.from({ length: 1_000 }, (_, lane) => entryOf(lane, lane * 7))
  for (const entry of entries) expect(tails.replace(entry)).toBeNull()
  expect(tails.size).toBe(1_000)
  for (const entry of entries) expect(tails.replace(entry)).toBe(entry)
  for (const entry of entries) tails.remove(entry.laneId)
  expect(tails.size).toBe(0)
})

/** Goal: with a dozen lanes that all want the same few slots, at the end of the table and at its start, whoever goes leaves the
 *  others where they are found. */
test('lanes that crowd around the same slots are found whoever of them goes', () => {
  const crowded = [62, 63, 0, 1].flatMap((slot) => [slot, slot + 64, slot + 128])
  const goes = fc.uniqueArray(fc.constantFrom(...crowded), { minLength: 1 })
  fc.assert(
    fc.property(fc.shuffledSubarray(crowded, { minLength: 2 }), goes, (come, gone) => {
      const tails = new LaneTails<number>()
      const entries = new Map(come.map((lane) => [lane, entryOf(lane, lane)]))
      for (const entry of entries.values()) tails.replace(entry)
      for (const lane of gone) {
        tails.remove(lane)
        entries.delete(lane)
      }
      expect(tails.size).toBe(entries.size)
      for (const entry of entries.values()) expect(tails.replace(entry)).toBe(entry)
      for (const lane of gone) expect(tails.replace(entryOf(0, lane))).toBeNull()
    }),
    { numRuns: 300 },
  )
})

test('a lane that was never in use can be removed', () => {
  const tails = new LaneTails<number>()
  tails.remove(7)
  expect(tails.size).toBe(0)
  expect(tails.replace(entryOf(0, 7))).toBeNull()
})
