import fc from 'fast-check'
import { describe, expect, test } from 'vitest'

import { type ConfigDefinition, listOf, parseConfig } from './config-definition.ts'

function parse(value: string, definition: ConfigDefinition): string | undefined {
  const parsed = parseConfig('setting', value, definition)
  return 'value' in parsed ? parsed.value : undefined
}

const int: ConfigDefinition = { type: 'int', value: '1' }
const long: ConfigDefinition = { type: 'long', value: '1' }
const double: ConfigDefinition = { type: 'double', value: '1' }

describe('a number', () => {
  test.each([
    [' 5 ', int, '5'],
    ['+5', int, '5'],
    ['-0', int, '0'],
    ['007', int, '7'],
    ['2147483647', int, '2147483647'],
    ['2147483648', int, undefined],
    ['9223372036854775807', long, '9223372036854775807'],
    ['9223372036854775808', long, undefined],
    ['5.0', long, undefined],
    ['0x5', long, undefined],
    ['', long, undefined],
    ['1', double, '1.0'],
    ['.5', double, '0.5'],
    ['1e1', double, '10.0'],
    ['1d', double, '1.0'],
    ['0x1', double, undefined],
  ])('%j is read as Java reads it', (given, definition, expected) => {
    expect(parse(given, definition)).toBe(expected)
  })

  test('is legal inside its bounds, the bounds included, and where an exception says so', () => {
    const legal = (definition: ConfigDefinition): string[] =>
      ['-1', '0', '1', '2', '3'].filter((value) => parse(value, definition) !== undefined)
    expect(legal({ ...int, min: 1, max: 2 })).toEqual(['1', '2'])
    expect(legal({ ...int, min: 1, max: 2, except: -1 })).toEqual(['-1', '1', '2'])
    expect(legal(int)).toEqual(['-1', '0', '1', '2', '3'])
  })

  test('that was read is read the same again', () => {
    const law = fc.property(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), (number) => {
      expect(parse(String(number), long)).toBe(String(number))
    })
    fc.assert(law)
  })
})

describe('a list', () => {
  const policies: ConfigDefinition = { type: 'list', value: '', allowed: ['delete', 'compact'] }
  const replicas: ConfigDefinition = { type: 'list', value: '', isReplicaList: true }

  test.each([
    [' compact , delete ', policies, 'compact,delete'],
    ['', policies, ''],
    [',', policies, undefined],
    ['delete,', policies, undefined],
    ['burn', policies, undefined],
    ['*', replicas, '*'],
    ['0:1, 1:2,', replicas, '0:1,1:2'],
    ['*,0:1', replicas, undefined],
    ['0:1,,1:2', replicas, undefined],
  ])('%j is legal element by element', (given, definition, expected) => {
    expect(parse(given, definition)).toBe(expected)
  })

  test('that has an element of nothing is told so', () => {
    const problem = "Configuration 'setting' values must not be empty."
    expect(parseConfig('setting', 'delete,', policies)).toEqual({ problem })
  })

  test('of nothing has no elements', () => {
    expect(listOf(' ')).toEqual([])
    expect(listOf('a, b')).toEqual(['a', 'b'])
  })
})

test('a refusal names the setting, the value and what was expected', () => {
  const parsed = parseConfig('retention.ms', '-2', { ...long, min: -1 })
  expect(parsed).toEqual({ problem: 'Invalid value -2 for configuration retention.ms: Value must be at least -1' })
})
