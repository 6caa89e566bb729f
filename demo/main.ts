/** `npm run demo`: the whole way from a CSV file to totals in SQLite, through a concurrent consumer, with a judge beside it.
 *
 *  Only flags, output and exit codes are decided here. Exit code 0: the judge agrees; 1: it does not, or the run failed;
 *  2: wrong flags; 4: no broker could be reached; 130: interrupted. With `--json` the last line of standard output is the
 *  result, and everything for people goes to standard error. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { CommanderError } from 'commander'
import { HoldfastError } from 'holdfast'
import { copyWithDefect } from '../verify/copies.ts'
import { type Verdict } from '../verify/judge/verdict.ts'
import { planted } from '../verify/planted/defects.ts'
import { runProcess } from '../verify/processes.ts'
import { type Brokers, BrokersMissing, findKafka, openBrokers } from './brokers.ts'
import { composeClosing, composeProblems, type RunFacts } from './closing.ts'
import { paint } from './line.ts'
import { type DemoOptions, parseOptions } from './options.ts'
import { DemoRun } from './run.ts'
import { openScreen } from './screen.ts'

const exitCodes = { agreed: 0, failed: 1, wrongFlags: 2, unreachable: 4, interrupted: 130 } as const

process.exitCode = await main(process.argv.slice(2))

async function main(args: readonly string[]): Promise<number> {
  const interruption = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      // A second Ctrl-C does not wait for anybody.
      if (interruption.signal.aborted) process.exit(exitCodes.interrupted)
      interruption.abort()
    })
  }
  try {
    const options = parseOptions(args)
    return options.break === undefined
      ? await demonstrate(options, interruption.signal)
      : await demonstrateDefect(options, options.break, interruption.signal)
  } catch (error) {
    if (interruption.signal.aborted) return exitCodes.interrupted
    return explain(error)
  }
}

async function demonstrate(options: DemoOptions, signal: AbortSignal): Promise<number> {
  const out = options.json ? process.stderr : process.stdout
  const brokers = await openBrokers(options)
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-demo-'))
  let leftovers: 'remove' | 'keep' = 'remove'
  try {
    const run = new DemoRun(options, brokers, folder, signal)
    const verdict = await watched(run, options, brokers, out)
    const facts: RunFacts = {
      broker: brokers.kind,
      moves: run.moves,
      longestBlockage: run.longestBlockage,
      latenessMaxMs: run.latenessMaxMs,
      doneBySecond: verdict.doneByProcess[String(run.secondPid)] ?? 0,
      stoppedCleanly: run.haveStoppedCleanly,
      totalMs: run.elapsedMs,
    }
    const width = out.columns || Infinity
    for (const line of composeClosing(options, verdict, facts, width)) out.write(`${paint(line, width, out)}\n`)
    if (!verdict.agrees) {
      leftovers = 'keep'
      for (const line of composeProblems(verdict)) out.write(`${paint(line, Infinity, out)}\n`)
      out.write(`\n  The evidence is kept in ${folder}\n`)
    }
    if (options.json) console.log(JSON.stringify(resultLine(verdict, facts)))
    return verdict.agrees ? exitCodes.agreed : exitCodes.failed
  } finally {
    await brokers.release(leftovers)
    if (leftovers === 'remove') await rm(folder, { recursive: true, force: true })
  }
}

/** Completes the run while a screen shows its progress. */
async function watched(
  run: DemoRun,
  options: DemoOptions,
  { kind: broker }: Brokers,
  out: NodeJS.WriteStream,
): Promise<Verdict> {
  const screen = openScreen(out, { ...options, broker }, () => run.progress())
  try {
    return await run.complete()
  } finally {
    screen.close()
  }
}

/** The same demo, run by a copy of the sources that has a defect. */
async function demonstrateDefect(
  options: DemoOptions,
  id: NonNullable<DemoOptions['break']>,
  signal: AbortSignal,
): Promise<number> {
  const defect = planted.find((one) => one.id === id)
  if (defect === undefined) throw new Error(`verify/planted has no defect ${id}`)
  // A copy does not know of the Kafka that runs in this checkout, so it is told the address.
  const kafka = options.kafka ? await findKafka(options.brokers) : undefined
  try {
    const copy = await copyWithDefect(defect)
    try {
      signal.throwIfAborted()
      const { code } = await runProcess({
        name: 'the demo with a defect',
        args: [join(copy.folder, 'demo', 'main.ts'), ...argsForCopy(options, kafka?.bootstrap)],
        terminal: 'inherit',
      })
      return code ?? exitCodes.failed
    } finally {
      await copy.remove()
    }
  } finally {
    await kafka?.end()
  }
}

function argsForCopy(
  { json, seed, rows, rate, order, retrying, concurrency }: DemoOptions,
  brokers: string | undefined,
): string[] {
  return [
    ...(json ? ['--json'] : []),
    ...(brokers === undefined ? [] : ['--brokers', brokers]),
    ...['--seed', String(seed), '--rows', String(rows), '--rate', rate === Infinity ? 'max' : String(rate)],
    ...['--order', order, '--retrying', retrying, '--concurrency', String(concurrency)],
  ]
}

/** What `--json` prints. All figures are the judge's, except for what `RunFacts` says. */
function resultLine(verdict: Verdict, facts: RunFacts): object {
  const { broker, moves, longestBlockage, latenessMaxMs, doneBySecond, stoppedCleanly, totalMs } = facts
  return {
    broker,
    rows: verdict.rows,
    produced: verdict.produced,
    done: verdict.done,
    filtered: verdict.filtered,
    retriedInPlace: verdict.retriedInPlace,
    retriedByTopic: verdict.retriedByTopic,
    deadLettered: verdict.deadLettered,
    duplicates: verdict.duplicates,
    lost: verdict.lost,
    orderViolations: verdict.orderViolations,
    earlyRetries: verdict.earlyRetries,
    commitsPastUnfinished: verdict.commitsPastUnfinished,
    totalsMatch: verdict.totalsMatch,
    rebalances: moves.rebalances,
    maxInFlight: verdict.maxInFlight,
    elapsedMs: verdict.elapsedMs,
    commitsBackwards: verdict.commitsBackwards,
    uncommitted: verdict.uncommitted,
    samples: verdict.samples,
    doneBySecond,
    movedToSecond: moves.movedTo.second,
    movedBack: moves.movedTo.first,
    interrupted: moves.interrupted,
    readAgain: moves.readAgain,
    deathReasons: verdict.deathReasons,
    longestBlockage,
    latenessMaxMs: Math.ceil(latenessMaxMs),
    stoppedCleanly,
    totalMs: Math.round(totalMs),
    agrees: verdict.agrees,
  }
}

/** Prints why there was no verdict, and returns the exit code. */
function explain(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.agreed : exitCodes.wrongFlags
  if (error instanceof BrokersMissing) {
    console.error(`error: ${error.message}`)
    return exitCodes.unreachable
  }
  if (error instanceof HoldfastError) {
    console.error(`error: ${error.message}${error.remedy === undefined ? '' : `\n${error.remedy}`}`)
    return error.code === 'BROKER_UNREACHABLE' ? exitCodes.unreachable : exitCodes.failed
  }
  console.error(error instanceof Error ? `error: ${error.message}` : error)
  return exitCodes.failed
}
