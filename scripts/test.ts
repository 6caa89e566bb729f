/** `npm test`: all tests once, on the embedded broker and, if there is one, on a real Kafka. Arguments go to vitest.
 *
 *  The real Kafka is the first of: KAFKA_BROKERS · the one that `npm run kafka -- start` left running · one broker started
 *  for this run, if its jars were fetched before. Its address reaches the tests as HOLDFAST_TEST_KAFKA. Where Kafka is
 *  required and that one has fewer than three nodes, one of three is started too, as HOLDFAST_TEST_KAFKA_3. How tests
 *  read both is `verify/real-kafka.ts`. The last line is `N passed, N failed`. */

import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { runProcess } from '../verify/processes.ts'
import { startCluster, stopCluster } from './kafka/cluster.ts'
import { fetchJars, findJars, type KafkaJars, MissingError, requireJava } from './kafka/jars.ts'
import { isKafkaRequired } from './kafka/required.ts'
import { recallCluster } from './kafka/state.ts'

/** The executable by its path: children are started without a shell. */
const vitest = join(dirname(fileURLToPath(import.meta.resolve('vitest/package.json'))), 'vitest.mjs')
const repository = join(import.meta.dirname, '..')
/** How to get a real Kafka, for those who have none. */
const remedy = 'npm run kafka -- fetch (needs Java ≥ 17 and Maven), or set KAFKA_BROKERS'

type KafkaForTests = { readonly bootstrap: string; release(): Promise<void> }
/** The part of vitest's JSON report that is read here. */
type VitestReport = {
  readonly numPassedTests: number
  readonly numFailedTests: number
  readonly testResults: readonly { readonly status: string; readonly assertionResults: readonly unknown[] }[]
}

process.exitCode = await main()

async function main(): Promise<number> {
  const found = await findKafka()
  if (typeof found === 'string' && isKafkaRequired()) {
    console.error(`HOLDFAST_REQUIRE asks for a real Kafka: ${found}; ${remedy}`)
    return 1
  }
  if (typeof found === 'string') console.log(`The real-Kafka suites do not run: ${found}; to run them: ${remedy}`)
  else console.log(`Real Kafka: ${found.bootstrap}`)
  const scratch = await mkdtemp(join(tmpdir(), 'holdfast-test-'))
  let threeNodes: KafkaForTests | undefined
  try {
    if (typeof found !== 'string' && isKafkaRequired()) threeNodes = await findThreeNodes(found)
    return await runVitest(
      {
        HOLDFAST_TEST_KAFKA: typeof found === 'string' ? undefined : found.bootstrap,
        HOLDFAST_TEST_KAFKA_3: threeNodes?.bootstrap,
      },
      join(scratch, 'report.json'),
    )
  } finally {
    await rm(scratch, { recursive: true, force: true })
    await threeNodes?.release()
    if (typeof found !== 'string') await found.release()
  }
}

/** A real Kafka, or the reason why there is none. A Kafka that is there but does not start is an error. */
async function findKafka(): Promise<KafkaForTests | string> {
  const stays = async (): Promise<void> => undefined
  const given = process.env['KAFKA_BROKERS']
  if (given) return { bootstrap: given, release: stays }

  const left = await recallCluster()
  if (left !== undefined && left.alive === left.cluster.brokers.length) {
    return { bootstrap: left.cluster.bootstrap, release: stays }
  }

  const jars = await findJars()
  if (jars === undefined) return 'its jars were not fetched'
  try {
    await requireJava()
  } catch (error) {
    if (error instanceof MissingError) return error.message
    throw error
  }
  return startForTests(jars, 1)
}

/** A cluster of three nodes: the one that was found if it has them, or one that is started for this run. */
async function findThreeNodes(found: KafkaForTests): Promise<KafkaForTests> {
  if (found.bootstrap.split(',').length >= 3) return { bootstrap: found.bootstrap, release: async () => undefined }
  return startForTests(await fetchJars(), 3)
}

async function startForTests(jars: KafkaJars, brokers: 1 | 3): Promise<KafkaForTests> {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-kafka-'))
  const cluster = await startCluster({ jars, brokers, folder, lifetime: 'ours' })
  return { bootstrap: cluster.bootstrap, release: () => stopCluster(cluster) }
}

async function runVitest(env: Record<string, string | undefined>, reportFile: string): Promise<number> {
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${reportFile}`]
  const end = await runProcess({
    name: 'vitest',
    args: [vitest, 'run', ...reporters, ...process.argv.slice(2)],
    cwd: repository,
    env: { ...env, KAFKA_BROKERS: undefined },
    terminal: 'inherit',
  })
  const counts = await readCounts(reportFile)
  const code = end.code ?? 1
  if (code !== 0 && counts.failed === 0) console.log(`vitest itself failed (exit code ${code}): see above`)
  console.log(`${counts.passed} passed, ${counts.failed} failed`)
  return counts.failed > 0 ? 1 : code
}

/** A file that could not be loaded has no tests; it counts as one that failed. */
async function readCounts(reportFile: string): Promise<{ readonly passed: number; readonly failed: number }> {
  const text = await readFile(reportFile, 'utf8').catch(() => undefined)
  if (text === undefined) return { passed: 0, failed: 0 }
  const report = JSON.parse(text) as VitestReport
  const unloaded = report.testResults.filter((file) => file.status === 'failed' && file.assertionResults.length === 0)
  return { passed: report.numPassedTests, failed: report.numFailedTests + unloaded.length }
}
