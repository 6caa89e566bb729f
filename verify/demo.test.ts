/** The demo as a newcomer runs it, with fewer rows: it must end well when all is well, and must not when it is not. */
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type ProcessOptions, runProcess, startProcess } from './processes.ts'
import { describeOnKafka } from './real-kafka.ts'

const program = join(import.meta.dirname, '..', 'demo', 'main.ts')
const demoTimeoutMs = 60_000

/** Everything that a run leaves behind lies in here. */
let scratch: string
beforeEach(() => void (scratch = mkdtempSync(join(tmpdir(), 'holdfast-demo-test-'))))
afterEach(() => rmSync(scratch, { recursive: true, force: true }))

function demo(...args: string[]): ProcessOptions {
  return { name: 'the demo', args: [program, ...args], env: { TMPDIR: scratch, NO_COLOR: '1', FORCE_COLOR: undefined } }
}

type Result = Readonly<Record<string, number | string | boolean>>

async function resultOf(...args: string[]): Promise<{ code: number | null; result: Result }> {
  const stdout: string[] = []
  const onLine = (line: string, stream: 'stdout' | 'stderr'): void => void (stream === 'stdout' && stdout.push(line))
  const { code } = await runProcess({ ...demo('--json', ...args), onLine })
  return { code, result: JSON.parse(stdout.at(-1) ?? 'null') as Result }
}

/** Row 300 is the first one with an undocumented damage code. */
const flawless = {
  rows: 400,
  produced: 400,
  done: 399,
  filtered: 1,
  retriedByTopic: 0,
  deadLettered: 0,
  duplicates: 0,
  lost: 0,
  orderViolations: 0,
  earlyRetries: 0,
  commitsPastUnfinished: 0,
  commitsBackwards: 0,
  uncommitted: 0,
  totalsMatch: true,
  rebalances: 0,
  agrees: true,
} as const

describe('a run without a defect', () => {
  test.for(['partition', 'key', 'none'])(
    'has the agreement of the judge with order %s',
    { timeout: demoTimeoutMs },
    async (order) => {
      const { code, result } = await resultOf('--rows', '400', '--rate', 'max', '--order', order)
      expect(result).toMatchObject({ broker: 'embedded', ...flawless })
      expect(code).toBe(0)
    },
  )

  test('retries what the downstream refused, the same for the same seed', { timeout: demoTimeoutMs }, async () => {
    const runs = [await resultOf('--rows', '400', '--seed', '7'), await resultOf('--rows', '400', '--seed', '7')]
    const [first, second] = runs.map(({ result }) => result['retriedInPlace'])
    expect(first).toBeGreaterThan(0)
    expect(second).toBe(first)
  })

  test('never runs more attempts at once than it may', { timeout: demoTimeoutMs }, async () => {
    const { result } = await resultOf('--rows', '400', '--rate', 'max', '--concurrency', '3')
    expect(result).toMatchObject({ ...flawless, maxInFlight: 3 })
  })

  test(
    'tells how it goes line by line without a terminal, and ends with a table',
    { timeout: demoTimeoutMs },
    async () => {
      const { code, output } = await runProcess(demo('--rows', '400', '--rate', '200'))
      expect(code).toBe(0)
      expect(output.filter((line) => /^ +\d+ s {2}running {2}produced \d+ of 400/.test(line)).length).toBeGreaterThan(0)
      expect(output).toContainEqual(expect.stringContaining('✔ The judge agrees: nothing was lost.'))
      expect(output).toContainEqual(expect.stringMatching(/^ {2}lost +0 {3}each row was looked for in the topic/))
      expect(output.join('\n')).not.toContain('\x1b')
    },
  )
})

describe('a run with a planted defect', () => {
  // Few attempts at once and all records at once: a commit that is due then has much to pass.
  test.for([
    ['commit', 'commitsPastUnfinished', '4'],
    ['order', 'orderViolations', '64'],
    ['loss', 'lost', '64'],
  ] as const)('%s is reported as %s', { timeout: demoTimeoutMs }, async ([defect, figure, concurrency]) => {
    const settings = ['--rows', '1500', '--rate', 'max', '--concurrency', concurrency]
    const { code, result } = await resultOf('--break', defect, ...settings)
    expect(result[figure]).toBeGreaterThan(0)
    expect(result['agrees']).toBe(false)
    expect(code).toBe(1)
  })
})

describe('a call that cannot work', () => {
  test.for([
    [['--rows', '10001'], /--rows.*from 1 to 10000/],
    [['--rate', 'fast'], /--rate.*records per second/],
    [['--order', 'random'], /--order.*partition, key, none/],
    [['--concurrency', '0'], /--concurrency.*from 1/],
    [['--brokers', 'nowhere'], /--brokers.*host:port/],
    [['--break', 'order', '--order', 'none'], /--break order needs --order key/],
    [['--colour'], /unknown option '--colour'/],
  ] as const)('%j is refused in one line with exit code 2', async ([args, line]) => {
    const { code, output } = await runProcess(demo(...args))
    expect(output).toEqual([expect.stringMatching(line)])
    expect(code).toBe(2)
  })

  test('brokers that do not answer are named, with exit code 4', { timeout: demoTimeoutMs }, async () => {
    const { code, output } = await runProcess(demo('--brokers', '127.0.0.1:1'))
    expect(output.join('\n')).toContain('127.0.0.1:1')
    expect(code).toBe(4)
    expect(readdirSync(scratch)).toEqual([])
  })
})

test('an interrupted run stops cleanly and leaves nothing behind', { timeout: demoTimeoutMs }, async () => {
  const running = await startProcess({ ...demo('--rate', '50'), readyLine: /running/ })
  running.kill('SIGINT')
  expect(await running.exited).toEqual({ code: 130, signal: null })
  expect(readdirSync(scratch)).toEqual([])
})

describeOnKafka('on a real Kafka', (bootstrap) => {
  test('a run has the agreement of the judge', { timeout: demoTimeoutMs }, async () => {
    const { code, result } = await resultOf('--brokers', bootstrap, '--rows', '400', '--rate', 'max')
    expect(result).toMatchObject({ broker: 'kafka', ...flawless })
    expect(code).toBe(0)
  })
})
