import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { parseDuration } from '../model/duration.ts'
import { environmentVariables } from './environment-variables.ts'
import { quantity } from './option-reader.ts'
import { appOptions, appRules, consumeOptions, consumeRules, type NumberRule } from './option-rules.ts'
import { appDefaults, consumeDefaults, testProfile } from './options.ts'

/** The formatter pads the cells of tables. */
const page = readFileSync(join(import.meta.dirname, '../../../../docs/reference/settings.md'), 'utf8').replace(
  / +/g,
  ' ',
)
const source = readFileSync(join(import.meta.dirname, 'options.ts'), 'utf8')

const rules: Readonly<Record<string, NumberRule>> = { ...appRules, ...consumeRules }
const defaults: Readonly<Record<string, number>> = { ...appDefaults, ...consumeDefaults }
const inTests: Readonly<Record<string, number>> = { ...testProfile, ...consumeDefaults }

describe('the page of settings', () => {
  test.each(Object.entries(rules))('tells default and range of %s', (name, { unit, min, max }) => {
    const short = inTests[name] === defaults[name] ? '' : ` (test: ${quantity(inTests[name] as number, unit)})`
    const expected = `| \`${name}\` | ${quantity(defaults[name] as number, unit)}${short} | ${quantity(min, unit)} to ${quantity(max, unit)} |`

    expect(page).toContain(expected)
  })

  test('has a row for every option and every variable, and for nothing else', () => {
    const rows = [...page.matchAll(/^\| `([\w.]+)` \|/gm)].map(([, name]) => name?.split('.')[0])
    const kafka = ['brokers', 'clientId', 'tls', 'sasl']
    const names = [...appOptions, ...consumeOptions, ...kafka, ...Object.keys(environmentVariables)]

    expect(new Set(rows)).toEqual(new Set(names))
  })
})

test('the default in the docstring of an option is the default', () => {
  const documented = [...source.matchAll(/@default (\S+) \*\/\s+readonly (\w+)\?:/g)].filter(
    ([, , name = '']) => name in rules,
  )

  expect(new Set(documented.map(([, , name]) => name))).toEqual(new Set(Object.keys(rules)))
  for (const [, written = '', name = ''] of documented) {
    const value = written.startsWith(`'`) ? parseDuration(written.slice(1, -1)) : Number(written.replaceAll('_', ''))
    expect([name, value]).toEqual([name, defaults[name]])
  }
})
