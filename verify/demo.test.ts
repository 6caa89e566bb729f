/** The demo as a newcomer runs it, with fewer rows: it must end well when all is well, and must not when it is not. */
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { foresee } from '../demo/downstream.ts'
import { readReports } from '../demo/strikes.ts'
import { type ProcessOptions, runProcess, startProcess } from './processes.ts'
import { describeOnKafka } from './real-kafka.ts'

const program = join(import.meta.dirname, '..', 'demo', 'main.ts')
/** A ceiling for a machine that is busy with everything else; a run takes ten seconds on a calm one. */
const slow = { timeout: 180_000 }

/** Everything that a run leaves behind lies in here. */
let scratch: string
beforeEach(() => void (scratch = mkdtempSync(join(tmpdir(), 'holdfast-demo-test-'))))
afterEach(() => rmSync(scratch, { recursive: true, force: true }))

function demo(...args: string[]): ProcessOptions {
  return { name: 'the demo', args: [program, ...args], env: { TMPDIR: scratch, NO_COLOR: '1', FORCE_COLOR: undefined } }
}

type Result = Readonly<Record<string, unknown>>

async function resultOf(...args: string[]): Promise<{ code: number | null; result: Result }> {
  const stdout: string[] = []
  const onLine = (line: string, stream: 'stdout' | 'stderr'): void => void (stream === 'stdout' && stdout.push(line))
  const { code } = await runProcess({ ...demo('--json', ...args), onLine })
  return { code, result: JSON.parse(stdout.at(-1) ?? '{}') as Result }
}

/** Row 300 is the first one with an undocumented damage code. */
const rows = 400
const flawless = {
  rows,
  produced: rows,
  done: rows - 1,
  filtered: 0,
  deadLettered: 1,
  duplicates: 0,
  lost: 0,
  orderViolations: 0,
  earlyRetries: 0,
  commitsPastUnfinished: 0,
  commitsBackwards: 0,
  uncommitted: 0,
  totalsMatch: true,
  stoppedCleanly: true,
  agrees: true,
} as const
const settings = ['--rows', String(rows), '--rate', 'max', '--seed', '7', '--concurrency', '3']

/** What the downstream refuses with this seed: the judge has to find as many retries, and those of the outage. */
async function countRefused(attempt: number): Promise<number> {
  const reports = (await readReports()).slice(0, rows)
  return reports.filter(({ id }) => foresee(7, id, attempt).fails).length
}

describe('a run without a defect', () => {
  test.for([
    ['partition', 'overtake'],
    ['key', 'overtake'],
    ['none', 'overtake'],
    ['key', 'block'],
  ] as const)('is as foreseen, figure by figure, with order %s and %s', slow, async ([order, retrying]) => {
    const { code, result } = await resultOf(...settings, '--order', order, '--retrying', retrying)
    const [inPlace, byTopic] = [(await countRefused(1)) + (await countRefused(2)), await countRefused(3)]
    expect(Math.min(inPlace, byTopic)).toBeGreaterThan(0)
    expect(result).toMatchObject({ broker: 'embedded', ...flawless })
    expect(result['retriedInPlace']).toBeGreaterThanOrEqual(retrying === 'block' ? inPlace + byTopic : inPlace)
    if (retrying === 'block') expect(result['retriedByTopic']).toBe(0)
    else expect(result['retriedByTopic']).toBeGreaterThanOrEqual(byTopic)
    expect(result['rebalances']).toBeGreaterThanOrEqual(2)
    expect(result['movedToSecond']).toBe(3)
    expect(result['movedBack']).toBe(3)
    expect(result['maxInFlight']).toBeLessThanOrEqual(2 * 3)
    expect(code).toBe(0)
  })

  test('tells how it goes line by line without a terminal, and ends with a table', slow, async () => {
    const { code, output } = await runProcess(demo('--rows', '400', '--rate', '200'))
    expect(code).toBe(0)
    expect(output).toContainEqual(expect.stringMatching(/^ +\d+ s {2}running {2}consumers \d {2}produced \d+ of 400/))
    expect(output).toContainEqual(expect.stringContaining('✔ The judge agrees: nothing was lost.'))
    expect(output).toContainEqual(expect.stringMatching(/^ {2}lost +0 {3}rows looked for in all topics/))
    expect(output).toContainEqual(expect.stringMatching(/^ +1 × HoldfastError MESSAGE_INVALID: .*damage/))
    expect(output).toContainEqual(expect.stringMatching(/^ {2}blocked longest +\S+ m?s {3}partition \d, offset \d+: /))
    for (const news of ['a second consumer joins', 'the downstream is out', 'the second consumer leaves']) {
      expect(output).toContainEqual(expect.stringContaining(news))
    }
    expect(output.join('\n')).not.toContain('\x1b')
  })
})

describe('a run with a planted defect', () => {
  // Many records and few attempts at once: a commit that falls due has much to pass.
  test.for([
    ['commit', 'commitsPastUnfinished', ['--rows', '1500', '--concurrency', '4']],
    ['order', 'orderViolations', ['--rows', '400']],
    ['loss', 'lost', ['--rows', '400']],
    ['retry', 'lost', ['--rows', '400', '--seed', '7']],
    ['early', 'earlyRetries', ['--rows', '400', '--seed', '7']],
  ] as const)('%s is reported as %s', slow, async ([defect, figure, others]) => {
    const { code, result } = await resultOf('--break', defect, '--rate', 'max', ...others)
    expect(result[figure]).toBeGreaterThan(0)
    expect(result['agrees']).toBe(false)
    expect(code).toBe(1)
  })
})

describe('a call that cannot work', () => {
  test('wrong flags are refused in one line with exit code 2', slow, async () => {
    const { code, output } = await runProcess(demo('--rows', '10001'))
    expect(output).toEqual([expect.stringMatching(/^error: option '--rows.*from 1 to 10000/)])
    expect(code).toBe(2)
  })

  test('brokers that do not answer are named, with exit code 4', slow, async () => {
    const { code, output } = await runProcess(demo('--brokers', '127.0.0.1:1'))
    expect(output.join('\n')).toContain('127.0.0.1:1')
    expect(code).toBe(4)
    expect(readdirSync(scratch)).toEqual([])
  })
})

test('an interrupted run stops cleanly and leaves nothing behind', slow, async () => {
  const running = await startProcess({ ...demo('--rate', '50'), readyLine: /running/ })
  running.kill('SIGINT')
  expect(await running.exited).toEqual({ code: 130, signal: null })
  expect(readdirSync(scratch)).toEqual([])
})

describeOnKafka('on a real Kafka', (bootstrap) => {
  test('a run has the agreement of the judge', slow, async () => {
    const { code, result } = await resultOf('--brokers', bootstrap, ...settings)
    expect(result).toMatchObject({ broker: 'kafka', ...flawless })
    expect(code).toBe(0)
  })
})
