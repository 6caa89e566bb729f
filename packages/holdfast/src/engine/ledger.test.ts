import fc from 'fast-check'
import { expect, test } from 'vitest'
import { startAt } from '../model/next-offset.ts'
import { Entry } from './entry.ts'
import { Ledger } from './ledger.ts'

function entryAt(offset: number, arrival = 0): Entry<number> {
  const holding = { bytes: 0, leaderEpoch: 0, unfinished: 0, isTaken: false }
  return new Entry(offset, offset, 0, false, arrival, holding, null as never)
}

/** A ledger with these offsets, and their entries. */
function ledgerOf(...offsets: number[]): { ledger: Ledger<number>; at: Map<number, Entry<number>> } {
  const ledger = new Ledger<number>(startAt(0))
  const at = new Map(offsets.map((offset, arrival) => [offset, entryAt(offset, arrival)]))
  for (const entry of at.values()) ledger.add(entry)
  return { ledger, at }
}

test('the line is the lowest unfinished offset', () => {
  const { ledger, at } = ledgerOf(10, 11, 12)
  ledger.finish(at.get(11)!)
  expect(ledger.committable()).toBe(10)
  ledger.finish(at.get(10)!)
  expect(ledger.committable()).toBe(12)
})

test('a gap in the offsets never holds back the line', () => {
  const { ledger, at } = ledgerOf(10, 1_000_000_014)
  ledger.finish(at.get(10)!)
  expect(ledger.committable()).toBe(1_000_000_014)
})

test('with nothing unfinished the line is the position, past markers and compacted ranges', () => {
  const { ledger, at } = ledgerOf(10)
  ledger.finish(at.get(10)!)
  ledger.skipTo(startAt(25))
  expect(ledger.committable()).toBe(25)
  ledger.skipTo(startAt(20))
  expect(ledger.committable()).toBe(25)
})

test('the span reaches from the line to the position, markers included', () => {
  const { ledger, at } = ledgerOf(10, 15)
  ledger.skipTo(startAt(25))
  expect(ledger.span).toBe(15)
  ledger.finish(at.get(10)!)
  expect(ledger.span).toBe(10)
  ledger.finish(at.get(15)!)
  expect(ledger.span).toBe(0)
})

test('a record is accepted once', () => {
  const { ledger } = ledgerOf(10)
  expect(() => ledger.add(entryAt(10))).toThrow('offset 10 is below 11')
})

test('a record is finished once', () => {
  const { ledger, at } = ledgerOf(10, 11)
  ledger.finish(at.get(10)!)
  expect(() => ledger.finish(at.get(10)!)).toThrow('offset 10 is not unfinished')
})

test('a finished entry keeps no neighbour alive', () => {
  const { ledger, at } = ledgerOf(1, 2, 3)
  ledger.finish(at.get(2)!)
  expect(at.get(2)).toMatchObject({ older: null, newer: null })
})

test('a record that was finished before is passed once, and counts as accepted but not as finished here', () => {
  const { ledger, at } = ledgerOf(10)
  ledger.pass(11)
  expect(() => ledger.pass(11)).toThrow('offset 11 is below 12')
  expect([ledger.accepted, ledger.finished, ledger.size, ledger.position]).toEqual([2, 0, 1, 12])
  ledger.finish(at.get(10)!)
  expect([ledger.finished, ledger.committable()]).toEqual([1, 12])
})

test('the highest finished offset never falls, and before the first there is none', () => {
  const { ledger, at } = ledgerOf(0, 1, 2)
  expect(ledger.highestFinished).toBe(-1)
  ledger.finish(at.get(1)!)
  ledger.finish(at.get(0)!)
  expect(ledger.highestFinished).toBe(1)
  ledger.pass(7)
  expect(ledger.highestFinished).toBe(7)
  ledger.finish(at.get(2)!)
  expect(ledger.highestFinished).toBe(7)
})

test('what waits above the line is counted from the line, wherever it is', () => {
  const { ledger, at } = ledgerOf(10, 11, 12, 13, 14)
  for (const offset of [10, 11, 13, 14]) ledger.finish(at.get(offset)!)
  expect(ledger.finishedAbove).toBe(2)
})

/** Goal: whatever order records end in, the line is what a naive set of unfinished offsets says, and never goes back. */
test('the line agrees with a set of offsets in any order of completion', () => {
  const history = fc.record({
    gaps: fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1, maxLength: 60 }),
    picks: fc.array(fc.nat(), { maxLength: 80 }),
  })
  fc.assert(
    fc.property(history, ({ gaps, picks }) => {
      const ledger = new Ledger<number>(startAt(0))
      const entries: Entry<number>[] = []
      const model = new Set<number>()
      const finished: number[] = []
      let offset = -1
      for (const [arrival, gap] of gaps.entries()) {
        offset += gap
        const entry = entryAt(offset, arrival)
        entries.push(entry)
        ledger.add(entry)
        model.add(offset)
      }
      let line = ledger.committable() as number
      for (const pick of picks) {
        const [entry] = entries.splice(pick % Math.max(1, entries.length), 1)
        if (entry === undefined) break
        ledger.finish(entry)
        model.delete(entry.offset)
        const lowest = model.size === 0 ? offset + 1 : Math.min(...model)
        expect(ledger.committable()).toBe(lowest)
        expect(ledger.committable()).toBeGreaterThanOrEqual(line)
        expect(ledger.size).toBe(model.size)
        finished.push(entry.offset)
        const above = model.size === 0 ? [] : finished.filter((each) => each > lowest)
        expect(ledger.finishedAbove).toBe(above.length)
        line = ledger.committable()
      }
    }),
    { numRuns: 1_000 },
  )
})
