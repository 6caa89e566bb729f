import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { describeThrown, errorCodes, SettingsError } from './errors.ts'

const page = readFileSync(join(import.meta.dirname, '../../../../docs/reference/errors.md'), 'utf8')

test('the page of errors has a row for every code, with its meaning, and no row for any other', () => {
  const rows = [...page.matchAll(/^\| `([A-Z_]+)` +\| ([^|]+?) +\| [^|]+ \|$/gm)]

  expect(rows.map(([, code, meaning]) => [code, meaning])).toEqual(Object.entries(errorCodes))
})

test('one error tells all problems, each with its remedy', () => {
  const error = new SettingsError([
    { option: 'group', problem: 'no consumer group is given', remedy: 'Set KAFKA_GROUP_ID.' },
    { option: 'linger', problem: 'got NaN', remedy: 'Choose a value.' },
  ])

  expect(error).toMatchObject({ code: 'SETTINGS_INVALID', name: 'SettingsError', retriable: false })
  expect(error.message.split('\n')).toEqual([
    '2 settings are wrong:',
    '  group: no consumer group is given → Set KAFKA_GROUP_ID.',
    '  linger: got NaN → Choose a value.',
  ])
})

test('anything that is thrown has a name of bounded length', () => {
  const unprintable = {
    toString: () => {
      throw new Error('no')
    },
  }
  const thrown = [new TypeError('a'), 'text', undefined, null, Object.create(null), unprintable, 'x'.repeat(10_000)]

  for (const one of thrown) expect(describeThrown(one, 100).length).toBeLessThanOrEqual(100)
  expect(describeThrown(new TypeError('no total'))).toBe('TypeError: no total')
})
