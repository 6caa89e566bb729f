/** The commands of `npm run bench`. Progress goes to stderr, figures to stdout; with --json the last line of stdout is one
 *  object. Exit code 0: no limit was broken; 1: one was, or something failed; 2: wrong call. */
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Command, InvalidArgumentError } from 'commander'
import { BrokersMissing } from '../../demo/brokers.ts'
import { PortError } from '../../packages/holdfast/src/kafka/port.ts'
import { type Bench } from './bench.ts'
import { benches } from './benches.ts'
import { publish, resultsFolder, type SavedResult } from './publish.ts'
import { type BenchResult, describeCheck, machine, table } from './result.ts'

const roundsDefault = 5
const exitCodes = { broken: 1, badInput: 2 } as const

type Options = {
  readonly rounds: number
  readonly records?: number
  readonly kafka?: true
  readonly json?: true
  readonly save?: true
}

export async function runCommand(argv: readonly string[]): Promise<number> {
  let exitCode = 0
  const program = new Command('bench')
    .description('What one record costs, and how near the limits we are.')
    .exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : exitCodes.badInput))
  for (const bench of benches) {
    const command = program
      .command(bench.name)
      .description(bench.summary)
      .option('--rounds <count>', 'how often everything is measured', parseCount, roundsDefault)
      .option('--records <count>', 'how many records, for a quick look', parseCount)
      .option('--json', 'end with one JSON line')
      .option('--save', 'keep the result for `bench -- publish`')
      .action(async (options: Options) => {
        exitCode = await runBench(bench, options)
      })
    if (bench.usesBroker) command.option('--kafka', 'on a real Kafka instead of the embedded broker')
  }
  program.command('publish').description('writes the saved results into docs/benchmarks.md').action(publish)
  await program.parseAsync([...argv])
  return exitCode
}

async function runBench(bench: Bench, { rounds, records, kafka, json, save }: Options): Promise<number> {
  const before = machine()
  let result: BenchResult
  try {
    result = await bench.run({ kafka: kafka === true, rounds, records: records ?? null })
  } catch (error) {
    const isBroker = error instanceof BrokersMissing || error instanceof PortError
    console.error(isBroker ? `there is no broker to measure on: ${error.message}` : error)
    return exitCodes.broken
  }
  // The load before: during the run it is ours.
  const saved: SavedResult = { ...result, machine: before, command: commandOf(bench, kafka === true) }
  if (save) await keep(saved, kafka === true)
  console.log(`${bench.name} on ${result.on}, medians of ${rounds} rounds\n\n${table(result.rows)}\n`)
  for (const [name, rows] of Object.entries(result.more ?? {})) console.log(`${name}\n\n${table(rows)}\n`)
  for (const each of result.checks) console.log(describeCheck(each))
  const { more, ...flat } = saved
  if (json) console.log(JSON.stringify({ ...flat, ...more }))
  return result.checks.some(({ hasFailed }) => hasFailed) ? exitCodes.broken : 0
}

function commandOf({ name }: Bench, kafka: boolean): string {
  return `npm run bench -- ${name}${kafka ? ' --kafka' : ''}`
}

async function keep(result: SavedResult, kafka: boolean): Promise<void> {
  await mkdir(resultsFolder, { recursive: true })
  const file = join(resultsFolder, `${result.bench}${kafka ? '-kafka' : ''}.json`)
  await writeFile(file, `${JSON.stringify(result, undefined, 2)}\n`)
  console.error(`kept in ${file}`)
}

function parseCount(text: string): number {
  const count = Number(text)
  if (!/^\d+$/.test(text) || count < 1) throw new InvalidArgumentError('expected a whole number from 1 up.')
  return count
}
