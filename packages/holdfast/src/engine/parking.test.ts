import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Deadlines } from './deadlines.ts'
import { Entry } from './entry.ts'
import { Parking } from './parking.ts'
import { ReadyQueue } from './ready-queue.ts'

function entryAt(offset: number): Entry<number> {
  const holding = { bytes: 0, leaderEpoch: 0, unfinished: 0, isTaken: false }
  return new Entry(offset, offset, 0, false, offset, holding, null as never)
}

test('parked entries come out soonest due first, in order of acceptance when due together, and never before', () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 0, max: 20 }), { maxLength: 50 }),
      fc.integer({ min: 0, max: 25 }),
      (dues, now) => {
        const parking = new Parking<number>()
        const entries = dues.map((dueMs, turn) => Object.assign(entryAt(turn), { dueMs, turn }))
        for (const entry of entries) parking.add(entry)
        const out: Entry<number>[] = []
        for (let entry = parking.takeDue(now); entry !== null; entry = parking.takeDue(now)) out.push(entry)
        // Sorting is stable: what is due together stays in its order.
        expect(out).toEqual(entries.filter(({ dueMs }) => dueMs <= now).sort((a, b) => a.dueMs - b.dueMs))
        expect(parking.nextDueMs).toBe(Math.min(...dues.filter((due) => due > now)))
      },
    ),
  )
})

test('when an ownership ends, what waits for others goes on waiting', () => {
  const parking = new Parking<number>()
  const owners = [{ isOver: false }, { isOver: false }]
  const entries = [5, 3, 4, 1, 2, 0].map((dueMs, turn) =>
    Object.assign(entryAt(turn), { dueMs, turn, owner: owners[turn % 2] as never }),
  )
  for (const entry of entries) parking.add(entry)
  owners[0]!.isOver = true
  parking.sweep()
  const out: number[] = []
  for (let entry = parking.takeDue(9); entry !== null; entry = parking.takeDue(9)) out.push(entry.dueMs)
  expect(out).toEqual([0, 1, 3])
  expect(parking.nextDueMs).toBe(Infinity)
})

test('deadlines expire in the order in which they began, and a removed one never', () => {
  const deadlines = new Deadlines<number>(100)
  const entries = [1, 2, 3].map((offset) => Object.assign(entryAt(offset), { timedFromMs: offset * 10 }))
  for (const entry of entries) deadlines.add(entry)
  deadlines.remove(entries[1]!)
  expect(deadlines.nextMs).toBe(110)
  expect(deadlines.takeExpired(109)).toBe(null)
  expect(deadlines.takeExpired(130)).toBe(entries[0])
  expect(deadlines.takeExpired(130)).toBe(entries[2])
  expect(deadlines.nextMs).toBe(Infinity)
})

test('the ready queue is first in, first out, however it grows', () => {
  fc.assert(
    fc.property(
      fc.array(fc.oneof(fc.constant('push' as const), fc.constant('shift' as const)), { maxLength: 600 }),
      (script) => {
        const queue = new ReadyQueue<number>()
        const model: number[] = []
        let next = 0
        for (const act of script) {
          if (act === 'push') {
            queue.push(next)
            model.push(next++)
          } else expect(queue.shift()).toBe(model.shift())
          expect(queue.size).toBe(model.length)
        }
      },
    ),
  )
})
