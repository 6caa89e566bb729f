import { describe, expect, test } from 'vitest'
import { isAttemptRow, isOffsetSample, parseLines, readSourceRows } from './sources.ts'

describe('the CSV file', () => {
  test('has the figures on which the demo rests', async () => {
    const rows = await readSourceRows(10_000)
    const airports = Map.groupBy(rows, ({ airport }) => airport)
    expect(airports.size).toBe(50)
    expect(Math.max(...[...airports.values()].map((strikes) => strikes.length))).toBe(908)
    expect(rows.filter(({ isDocumented }) => !isDocumented)).toHaveLength(15)
    expect(rows.every(({ costDollars }) => Number.isSafeInteger(costDollars))).toBe(true)
  })

  test('is read from its beginning', async () => {
    const rows = await readSourceRows(2)
    expect(rows.map(({ id }) => id)).toEqual([1, 2])
    expect(rows[0]?.airport).toBe('BARKSDALE AIR FORCE BASE ARPT')
  })

  test('with fewer rows than expected is an error', async () => {
    await expect(readSourceRows(10_001)).rejects.toThrow('has 10000 rows, expected at least 10001')
  })
})

describe('lines', () => {
  const row = '{"time":1.5,"process":7,"topic":"t","partition":0,"offset":3,"key":null,"attempt":1,"outcome":"done"}'

  test('a last line that was cut off by a kill is left out', () => {
    expect(parseLines(`${row}\n${row.slice(0, 40)}`, 'attempts-7.ndjson', isAttemptRow)).toHaveLength(1)
  })

  test('any other line that cannot be understood is an error that names it', () => {
    expect(() => parseLines(`${row}\n${row.slice(0, 40)}\n`, 'attempts-7.ndjson', isAttemptRow)).toThrow(
      'attempts-7.ndjson:2 cannot be understood',
    )
  })

  test('a row with an unknown outcome or without an offset is not a row', () => {
    const value = JSON.parse(row) as object
    expect(isAttemptRow(value)).toBe(true)
    expect(isAttemptRow({ ...value, outcome: 'perhaps' })).toBe(false)
    expect(isAttemptRow({ ...value, offset: '3' })).toBe(false)
    expect(isAttemptRow({ ...value, key: 4 })).toBe(false)
  })

  test('a sample whose offsets are not whole numbers is not a sample', () => {
    const sample = { askedMs: 1, answeredMs: 2, committed: { 0: 5 }, ownCommitted: {}, ownEnds: { 'own/0': 7 } }
    expect(isOffsetSample(sample)).toBe(true)
    expect(isOffsetSample({ ...sample, committed: { 0: '5' } })).toBe(false)
    expect(isOffsetSample({ ...sample, committed: null })).toBe(false)
    expect(isOffsetSample({ ...sample, ownCommitted: { 'own/0': 0.5 } })).toBe(false)
    expect(isOffsetSample({ ...sample, ownEnds: undefined })).toBe(false)
  })
})
