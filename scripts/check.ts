/** `npm run check`: everything that can be known in seconds, without a broker. Decides which steps there are and in which
 *  order; what a step accepts is in its own configuration. Prints a line per step and the output of those that failed. */
import { join } from 'node:path'
import { availableParallelism } from 'node:os'
import { runProcess } from '../verify/processes.ts'

type Step = { readonly name: string; readonly args: readonly string[] }
type Result = Step & { readonly hasPassed: boolean; readonly seconds: number; readonly output: readonly string[] }

const root = join(import.meta.dirname, '..')
const budgetSeconds = 20
/** A step that hangs must not hang the check. */
const stepTimeoutMs = 120_000

/** The longest first, so that none of them is left over for the end. */
const steps: readonly Step[] = [
  // In one process, because the other steps want the other cores.
  { name: 'simulation', args: ['verify/simulation/main.ts', '--runs', '200', '--workers', '1', '--json'] },
  { name: 'unit tests', args: ['node_modules/vitest/vitest.mjs', 'run', '--project', 'unit'] },
  { name: 'types', args: ['node_modules/typescript/bin/tsc', '--noEmit'] },
  { name: 'types of broker', args: ['node_modules/typescript/bin/tsc', '--noEmit', '-p', 'packages/broker'] },
  { name: 'types of holdfast', args: ['node_modules/typescript/bin/tsc', '--noEmit', '-p', 'packages/holdfast'] },
  { name: 'dead code', args: ['node_modules/knip/bin/knip.js', '--no-progress'] },
  { name: 'lint', args: ['node_modules/oxlint/bin/oxlint'] },
  { name: 'tidy', args: ['scripts/tidy.ts'] },
  { name: 'format', args: ['node_modules/oxfmt/bin/oxfmt', '--check'] },
]

async function run(step: Step): Promise<Result> {
  const startedAt = performance.now()
  const ended = await runProcess({
    name: step.name,
    args: step.args,
    cwd: root,
    env: { FORCE_COLOR: undefined, NO_COLOR: '1' },
    timeoutMs: stepTimeoutMs,
  }).catch((error: unknown) => ({ code: null, output: [String(error)] }))
  const seconds = (performance.now() - startedAt) / 1000
  return { ...step, hasPassed: ended.code === 0, seconds, output: ended.output }
}

/** As many steps at once as there are cores: more would only make each of them slower. */
async function runAll(): Promise<Result[]> {
  const waiting = [...steps]
  const results: Result[] = []
  const work = async (): Promise<void> => {
    for (let step = waiting.shift(); step !== undefined; step = waiting.shift()) {
      const result = await run(step)
      results.push(result)
      console.log(
        `${result.hasPassed ? '✓' : '✗'} ${result.name.padEnd(18)} ${result.seconds.toFixed(1).padStart(5)} s`,
      )
    }
  }
  await Promise.all(Array.from({ length: Math.max(1, availableParallelism()) }, work))
  return results
}

const startedAt = performance.now()
const results = await runAll()
const failed = results.filter(({ hasPassed }) => !hasPassed)
for (const { name, args, output } of failed) console.log(`\n── ${name}: node ${args.join(' ')}\n${output.join('\n')}`)

const warnings = results
  .flatMap(({ name, output }) => (name === 'tidy' ? output : []))
  .filter((line) => line.startsWith('warning'))
if (failed.every(({ name }) => name !== 'tidy')) for (const warning of warnings) console.log(warning)

const seconds = (performance.now() - startedAt) / 1000
console.log(`\n${results.length - failed.length} of ${results.length} steps passed in ${seconds.toFixed(1)} s`)
if (seconds > budgetSeconds)
  console.log(`slower than the ${budgetSeconds} s that a check may take; see the steps above`)
if (failed.length > 0) process.exitCode = 1
