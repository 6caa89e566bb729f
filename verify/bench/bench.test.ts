/** The benchmarks as programs: that they end, with figures, in the form that was promised. What the figures are is no test's
 *  business. */
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { runProcess } from '../processes.ts'
import { measure } from './children.ts'

const main = join(import.meta.dirname, 'main.ts')
const timeoutMs = 180_000

async function bench(...args: readonly string[]): Promise<{ code: number | null; last: string }> {
  let last = ''
  const onLine = (line: string, stream: string): void => {
    if (stream === 'stdout') last = line
  }
  const { code } = await runProcess({ name: 'bench', args: [main, ...args], onLine, timeoutMs })
  return { code, last }
}

describe('the command line', () => {
  test('--json ends with one object on the last line', async () => {
    const { last } = await bench('map', '--rounds', '1', '--json')
    const result = JSON.parse(last) as { rows: object[]; machine: object }

    expect(result).toMatchObject({ bench: 'map', on: 'no broker', rounds: 1, command: 'npm run bench -- map' })
    expect(result.rows.length).toBeGreaterThan(0)
    expect(result.rows[0]).toHaveProperty('boundBytes')
  })

  test('a wrong call ends with 2', async () => {
    expect((await bench('tax', '--rounds', 'many')).code).toBe(2)
    expect((await bench('unheard-of')).code).toBe(2)
  })
})

describe('a measurement', { timeout: timeoutMs }, () => {
  test('that fails says what its process said', async () => {
    const given = { records: 10, keys: 1, exponent: 0, partitions: 1, concurrency: 0, order: 'key' } as const

    await expect(measure('skew', { seed: 1, ...given })).rejects.toThrow(
      /measuring skew ended with exit code 1, expected 0[^]*concurrency/,
    )
  })

  test.each(['bare', 'engine', 'app'] as const)('of the %s ends when every record was handled', async (subject) => {
    const found = await measure('engine', { subject, order: 'key', records: 3_072, passes: 2, bytes: 100 })

    expect(found.records).toBe(6_144)
    expect(found.nsPerRecord).toBeGreaterThan(0)
  })

  test('of slow messages in partition order finds what theory says, to the millisecond', async () => {
    const found = await measure('slow', { seed: 1, records: 1_000, load: 0.6, order: 'partition' })

    expect(found.p99Ms).toBeCloseTo(found.theoryP99Ms, 0)
    expect(found.p50Ms).toBeCloseTo(found.theoryP50Ms, 0)
  })

  test('of skewed keys never ends before its bound', async () => {
    const given = { records: 1_000, keys: 100, exponent: 1.2, partitions: 1, concurrency: 20, order: 'key' } as const
    const found = await measure('skew', { seed: 1, ...given })

    expect(found.toBound).toBeGreaterThanOrEqual(1)
  })

  test('of commits counts one for all partitions', async () => {
    const found = await measure('commits', { broker: null, partitions: 3, perSecond: 300, seconds: 5 })

    expect(found).toMatchObject({ requests: 5, partitionsPerRequest: 3 })
  })
})
