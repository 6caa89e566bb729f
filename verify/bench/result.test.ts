import { expect, test } from 'vitest'
import { check, describeCheck, shown, table } from './result.ts'

test('a target that is missed is told and fails nothing, a broken limit fails', () => {
  expect(check('speed', 0.95, { atLeast: 0.9 })).toMatchObject({ isMet: true, hasFailed: false })
  expect(check('speed', 0.85, { atLeast: 0.9 })).toMatchObject({ isMet: false, hasFailed: false })
  expect(check('cost', 0.5, { atMost: 0.3, limit: 0.7 })).toMatchObject({ isMet: false, hasFailed: false })
  expect(check('cost', 0.8, { atMost: 0.3, limit: 0.7 })).toMatchObject({ isMet: false, hasFailed: true })
})

test('what is not a number meets nothing', () => {
  expect(check('cost', NaN, { atMost: 0.3, limit: 0.7 })).toMatchObject({ isMet: false, hasFailed: true })
})

test('a check says what was asked and whether it came true', () => {
  expect(describeCheck(check('cost', 0.5, { atMost: 0.3, limit: 0.7 }))).toBe('· cost: 0.5 (target ≤ 0.3, limit ≤ 0.7)')
})

test('a table has its numbers to the right and a dash for what was not measured', () => {
  const rows = [
    { subject: 'raw', msgPerSec: 1_234_567, order: null },
    { subject: 'holdfast', msgPerSec: 9, order: 'key' },
  ]

  expect(table(rows).split('\n')).toEqual([
    'subject   msgPerSec  order',
    'raw       1,234,567  –',
    'holdfast          9  key',
  ])
  expect(shown(0.25)).toBe('0.25')
})
