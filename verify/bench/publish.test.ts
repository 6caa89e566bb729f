import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { benches } from './benches.ts'
import { type SavedResult, withResult } from './publish.ts'
import { check } from './result.ts'

const result: SavedResult = {
  bench: 'tax',
  on: 'embedded broker',
  rounds: 5,
  rows: [{ subject: 'raw', msgPerSec: 150_000 }],
  more: { engine: [{ order: 'key', overBareUs: 0.25 }] },
  checks: [check('engine', 0.25, { atMost: 0.3 })],
  command: 'npm run bench -- tax',
  machine: { cpu: 'A CPU', cores: 2, node: 'v26', platform: 'linux x64', load: 0.1 },
}
const text = 'before\n<!-- figures: tax -->\nold figures\n<!-- end of tax -->\nafter\n'

test('a saved result replaces what stood between its markers, and nothing else', () => {
  const written = withResult(text, 'tax', result)

  expect(written).toMatch(/^before\n<!-- figures: tax -->\n/)
  expect(written).toMatch(/<!-- end of tax -->\nafter\n$/)
  expect(written).not.toContain('old figures')
  expect(written).toContain('| raw | 150,000 |')
  expect(written).toContain('| key | 0.25 |')
  expect(written).toContain('✓ engine: 0.25 (target ≤ 0.3)')
  expect(written).toContain('`npm run bench -- tax`: embedded broker, medians of 5 rounds')
})

test('writing it again changes nothing', () => {
  const once = withResult(text, 'tax', result)

  expect(withResult(once, 'tax', result)).toBe(once)
})

test('a result without a place in the document is an error', () => {
  expect(() => withResult(text, 'io', result)).toThrow("expected the markers '<!-- figures: io -->'")
})

test('the document has a place for every benchmark, on a real Kafka too', () => {
  const document = readFileSync(join(import.meta.dirname, '../../docs/benchmarks.md'), 'utf8')
  const names = benches
    .filter(({ name }) => name !== 'guard')
    .flatMap(({ name, usesBroker }) => (usesBroker ? [name, `${name}-kafka`] : [name]))

  for (const name of names) expect(() => withResult(document, name, result)).not.toThrow()
})
