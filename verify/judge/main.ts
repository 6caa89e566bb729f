/** The judge: says whether a run kept its promises, without a line of Holdfast in it.
 *
 *    node verify/judge/main.ts watch   --brokers … --topic … --group … --samples FILE
 *    node verify/judge/main.ts verdict --brokers … --topic … --group … --samples FILE --run FOLDER --rows N --order key
 *                                      --retrying overtake [--least-waits 0,0,2000]
 *
 *  `watch` stands beside a run from its beginning and writes down what the group has committed and handed off, until it is
 *  told to end (SIGTERM). `verdict` comes when the run is over, looks once more, and prints its figures as one line of JSON. Exit
 *  code 0: the run kept its promises; 1: it did not; 2: wrong call; 3: the evidence cannot be read. */
import { closeSync, openSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { Command, InvalidArgumentError, Option } from 'commander'
import { type Evidence, type Order, type WhileRetrying } from './evidence.ts'
import { connectTo, readEndOffsets, readHandedOff, readTopic, sampleOffsets } from './kafka.ts'
import { readAttemptRows, readSamples, readSourceRows, readTotals } from './sources.ts'
import { judge, type Verdict } from './verdict.ts'

/** Twenty looks between two commits that are a second apart. */
const sampleEveryMs = 50
/** A broker that is down for a moment must not end the watch. */
const failuresInRowMax = 100

type Place = { readonly brokers: string; readonly topic: string; readonly group: string; readonly samples: string }
type Run = Place & {
  readonly run: string
  readonly rows: number
  readonly order: Order
  readonly retrying: WhileRetrying
  readonly leastWaits: readonly number[]
}

const program = new Command('judge').exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : 2))
placed(program.command('watch')).action(watch)
placed(program.command('verdict'))
  .requiredOption('--run <folder>', 'holds attempts-*.ndjson and totals.sqlite')
  .requiredOption('--rows <count>', 'rows of the CSV file that were to be produced', parseCount)
  .addOption(new Option('--order <order>').choices(['partition', 'key', 'none']).makeOptionMandatory())
  .addOption(new Option('--retrying <mode>').choices(['overtake', 'block']).makeOptionMandatory())
  .option('--least-waits <list>', 'ms that have to pass before the second attempt, the third …', parseWaits, [])
  .action(async (run: Run) => {
    const verdict = await reachVerdict(run)
    console.log(JSON.stringify(verdict))
    process.exitCode = verdict.agrees ? 0 : 1
  })

try {
  await program.parseAsync()
} catch (error) {
  console.error(`the judge cannot judge: ${error instanceof Error ? error.message : String(error)}`)
  process.exitCode = 3
}

function placed(command: Command): Command {
  return command
    .requiredOption('--brokers <list>')
    .requiredOption('--topic <name>')
    .requiredOption('--group <name>')
    .requiredOption('--samples <file>')
}

async function watch({ brokers, topic, group, samples }: Place): Promise<void> {
  const stop = new AbortController()
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => stop.abort())
  const file = openSync(samples, 'a')
  const admin = connectTo(brokers).admin()
  await admin.connect()
  let isWatching = false
  let failuresInRow = 0
  while (!stop.signal.aborted) {
    try {
      writeSync(file, `${JSON.stringify(await sampleOffsets(admin, group, topic))}\n`)
      if (!isWatching) console.log('watching')
      isWatching = true
      failuresInRow = 0
    } catch (error) {
      failuresInRow += 1
      if (failuresInRow === failuresInRowMax) throw error
    }
    await delay(sampleEveryMs, undefined, { signal: stop.signal }).catch(() => undefined)
  }
  closeSync(file)
  await admin.disconnect()
}

async function reachVerdict(run: Run): Promise<Verdict> {
  const kafka = connectTo(run.brokers)
  const admin = kafka.admin()
  await admin.connect()
  try {
    const last = await sampleOffsets(admin, run.group, run.topic)
    const endOffsets = await readEndOffsets(admin, run.topic)
    // Files first: what is missing there is known at once, and nothing else is under way then.
    const [rows, attemptRows, samples] = [
      await readSourceRows(run.rows),
      await readAttemptRows(run.run),
      await readSamples(run.samples),
    ]
    const [records, handedOff] = await Promise.all([
      readTopic(kafka, run.topic, endOffsets),
      readHandedOff(kafka, admin, run.group, run.topic),
    ])
    const evidence: Evidence = {
      topic: run.topic,
      group: run.group,
      order: run.order,
      retrying: run.retrying,
      leastWaitsMs: run.leastWaits,
      rows,
      records,
      endOffsets,
      attemptRows,
      samples: [...samples, last],
      totals: readTotals(join(run.run, 'totals.sqlite')),
      handedOff,
    }
    return judge(evidence)
  } finally {
    await admin.disconnect()
  }
}

function parseWaits(value: string): number[] {
  return value.split(',').map((text) => {
    const ms = Number(text)
    if (text !== '' && Number.isFinite(ms) && ms >= 0) return ms
    throw new InvalidArgumentError('expected milliseconds, split by commas.')
  })
}

function parseCount(value: string): number {
  const count = Number(value)
  if (!Number.isSafeInteger(count) || count < 1) throw new InvalidArgumentError('expected a whole number from 1.')
  return count
}
