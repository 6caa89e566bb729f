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

test('a lane that was never in use can be removed', () => {
  const tails = new LaneTails<number>()
  tails.remove(7)
  expect(tails.size).toBe(0)
  expect(tails.replace(entryOf(0, 7))).toBeNull()
})
