import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Deadlines } from './deadlines.ts'
import { entryOf } from './engine-parts.fixture.ts'
import type { Entry } from './entry.ts'

function timedFrom(timedFromMs: number): Entry<number> {
  return Object.assign(entryOf(timedFromMs), { timedFromMs })
}

test('an entry that left the list keeps no neighbour alive', () => {
  const deadlines = new Deadlines<number>(100)
  const entries = [1, 2, 3].map(timedFrom)
  for (const entry of entries) deadlines.add(entry)
  deadlines.remove(entries[1]!)
  expect(entries[1]).toMatchObject({ sooner: null, later: null })
  deadlines.takeExpired(1_000)
  expect(entries[0]).toMatchObject({ sooner: null, later: null })
})

test('a list that ran empty takes entries again', () => {
  const deadlines = new Deadlines<number>(100)
  deadlines.add(timedFrom(1))
  deadlines.takeExpired(101)
  const next = timedFrom(2)
  deadlines.add(next)
  expect(deadlines.nextMs).toBe(102)
  expect(deadlines.takeExpired(102)).toBe(next)
})

/** Goal: entries come, leave and expire in any order, the same ones again and again; the list is an array at all times. */
test('deadlines agree with an array', () => {
  const act = fc.oneof(
    fc.record({ kind: fc.constant('add' as const), pick: fc.nat() }),
    fc.record({ kind: fc.constant('remove' as const), pick: fc.nat() }),
    fc.record({ kind: fc.constant('time' as const), pick: fc.integer({ min: 1, max: 80 }) }),
  )
  fc.assert(
    fc.property(fc.array(act, { maxLength: 60 }), (acts) => {
      const deadlines = new Deadlines<number>(100)
      const idle = Array.from({ length: 5 }, (_, offset) => entryOf(offset))
      const model: Entry<number>[] = []
      let nowMs = 0
      for (const { kind, pick } of acts) {
        const from = kind === 'add' ? idle : model
        const [entry] = kind === 'time' ? [] : from.splice(pick % Math.max(1, from.length), 1)
        if (kind === 'add' && entry !== undefined) {
          deadlines.add(Object.assign(entry, { timedFromMs: nowMs }))
          model.push(entry)
        }
        if (kind === 'remove' && entry !== undefined) {
          deadlines.remove(entry)
          idle.push(entry)
        }
        if (kind === 'time') nowMs += pick
        while (model[0] !== undefined && model[0].timedFromMs + 100 <= nowMs) {
          const expired = model.shift()!
          expect(deadlines.takeExpired(nowMs)).toBe(expired)
          idle.push(expired)
        }
        expect(deadlines.takeExpired(nowMs)).toBe(null)
        expect(deadlines.nextMs).toBe(model[0] === undefined ? Infinity : model[0].timedFromMs + 100)
      }
    }),
    { numRuns: 200 },
  )
})
