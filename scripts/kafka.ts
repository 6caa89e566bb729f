/** `npm run kafka -- fetch | start | stop | status`: a real Apache Kafka on this machine, without Docker.
 *
 *  Only the command line is here. Every command prints for people; with `--json` its last line is one flat object. What
 *  is missing on the machine is one line with the remedy and exit code 1. */

import { Command, InvalidArgumentError } from 'commander'
import { startCluster, stopCluster } from './kafka/cluster.ts'
import { fetchJars, findJars, MissingError } from './kafka/jars.ts'
import { forgetCluster, newClusterFolder, recallCluster, rememberCluster } from './kafka/state.ts'

type Report = {
  readonly running: boolean
  readonly bootstrap: string | null
  readonly brokers: number
  readonly version: string | null
}
const notRunning: Report = { running: false, bootstrap: null, brokers: 0, version: null }

const program = new Command('npm run kafka --')
program.description('Runs a real Apache Kafka for development and tests.')
program
  .command('fetch')
  .description('brings the jars into the cache, by Maven')
  .action(async () => console.log((await fetchJars()).folder))
program
  .command('start')
  .description('starts brokers that go on running; an empty cluster each time')
  .option('--brokers <count>', '1 or 3', parseBrokers, 1)
  .option('--json', 'ends with one JSON line')
  .action(async (options: { brokers: 1 | 3; json?: true }) => print(await start(options.brokers), options.json))
program
  .command('stop')
  .description('stops them and removes their data')
  .option('--json', 'ends with one JSON line')
  .action(async (options: { json?: true }) => print(await stop(), options.json))
program
  .command('status')
  .description('tells where they listen')
  .option('--json', 'ends with one JSON line')
  .action(async (options: { json?: true }) => print(await status(), options.json))

try {
  await program.parseAsync()
} catch (error) {
  console.error(error instanceof MissingError ? error.message : error)
  process.exitCode = 1
}

async function start(brokers: 1 | 3): Promise<Report> {
  const before = await status()
  if (before.running) {
    if (before.brokers === brokers) return before
    throw new MissingError(`Kafka runs here with ${before.brokers} broker(s), not ${brokers}: npm run kafka -- stop`)
  }
  // What is left of a cluster that did not end by `stop`.
  await stop()
  if ((await findJars()) === undefined) console.error('fetching the Kafka jars, once')
  const jars = await fetchJars()
  const cluster = await startCluster({ jars, brokers, folder: newClusterFolder(), lifetime: 'detached' })
  // Another start was faster: its cluster is the one of this checkout.
  if (!(await rememberCluster(cluster))) await stopCluster(cluster)
  return status()
}

async function stop(): Promise<Report> {
  const known = await recallCluster()
  if (known !== undefined) await stopCluster(known.cluster)
  await forgetCluster()
  return notRunning
}

async function status(): Promise<Report> {
  const known = await recallCluster()
  if (known === undefined || known.alive === 0) return notRunning
  const { bootstrap, version } = known.cluster
  return { running: true, bootstrap, brokers: known.alive, version }
}

function print(report: Report, asJson: true | undefined): void {
  if (asJson) console.log(JSON.stringify(report))
  else if (report.running) console.log(`Kafka ${report.version} is running: KAFKA_BROKERS=${report.bootstrap}`)
  else console.log('Kafka is not running')
}

function parseBrokers(value: string): 1 | 3 {
  if (value === '1') return 1
  if (value === '3') return 3
  throw new InvalidArgumentError('expected 1 or 3.')
}
