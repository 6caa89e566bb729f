/** What earlier owners said about the records above the committed offset, and how it is looked up. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { startAt } from '../model/next-offset.ts'
import { CompletionMap } from './completion-map.ts'
import { InheritedMarks } from './inherited-marks.ts'

/** 12 to 14 and 20 are finished; 10 and 17 failed. */
const marks = new InheritedMarks(
  new CompletionMap([12, 15, 20, 21]),
  new Map([
    [10, { attempts: 1, dueMs: 500 }],
    [17, { attempts: 3, dueMs: 900 }],
  ]),
  4,
)

test('only what is said to be finished is finished', () => {
  const all = Array.from({ length: 30 }, (_, offset) => offset)
  expect(all.filter((offset) => marks.isFinished(offset))).toEqual([12, 13, 14, 20])
  expect(marks.highestFinished).toBe(20)
})

test('marks without a finished record have no highest one', () => {
  expect(new InheritedMarks(new CompletionMap([]), new Map(), 0).highestFinished).toBe(-1)
})

test('what is spoken of ends with the highest finished or failed offset', () => {
  expect(marks.highest).toBe(20)
  expect(new InheritedMarks(new CompletionMap([12, 15]), new Map([[17, { attempts: 1, dueMs: 1 }]]), 0).highest).toBe(
    17,
  )
  expect(new InheritedMarks(new CompletionMap([]), new Map(), 0).highest).toBe(-1)
  expect(marks.failures()).toEqual(
    new Map([
      [10, 1],
      [17, 3],
    ]),
  )
})

test.each([
  [0, 0],
  [11, 11],
  [12, 15],
  [14, 15],
  [15, 15],
  [20, 21],
  [21, 21],
  [99, 99],
])('reading that stands at %i may go on at %i', (position, next) => {
  expect(marks.skipFinished(startAt(position))).toBe(next)
})

test('the unfinished end with the highest finished one: nothing is known about what is above', () => {
  expect([...marks.unfinishedFrom(10)]).toEqual([10, 11, 15, 16, 17, 18, 19])
  expect([...marks.unfinishedFrom(13)]).toEqual([15, 16, 17, 18, 19])
  expect([...marks.unfinishedFrom(21)]).toEqual([])
})

test('attempts are known of each failed record, and told from a position up', () => {
  expect(marks.failedBefore(17)).toEqual({ attempts: 3, dueMs: 900 })
  expect(marks.failedBefore(12)).toBe(undefined)
  expect([...marks.failedFrom(11)]).toEqual([{ offset: 17, attempts: 3, dueMs: 900 }])
})

test('any marks agree with a set', () => {
  fc.assert(
    fc.property(fc.uniqueArray(fc.integer({ min: 1, max: 60 })), fc.nat(70), (lengths, position) => {
      const edges = lengths.toSorted((a, b) => a - b).slice(0, lengths.length - (lengths.length % 2))
      const given = new InheritedMarks(new CompletionMap(edges), new Map(), 0)
      const all = Array.from({ length: 70 }, (_, offset) => offset)
      const finished = all.filter((offset) => edges.filter((edge) => edge <= offset).length % 2 === 1)
      expect(all.filter((offset) => given.isFinished(offset))).toEqual(finished)
      const unfinished = all.filter((offset) => offset >= position && !finished.includes(offset))
      expect([...given.unfinishedFrom(position)]).toEqual(
        unfinished.filter((offset) => offset < (finished.at(-1) ?? 0)),
      )
      expect(given.skipFinished(startAt(position))).toBe(unfinished[0] ?? position)
    }),
  )
})
