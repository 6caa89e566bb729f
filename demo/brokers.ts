/** Where the demo runs: an embedded broker of its own, or a real Kafka, with a topic and a group that nobody used before. */
import { randomBytes } from 'node:crypto'
import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { EmbeddedKafka } from '@holdfast/broker'
import { Kafka, logLevel } from 'kafkajs'
import { startCluster, stopCluster } from '../scripts/kafka/cluster.ts'
import { findJars, MissingError } from '../scripts/kafka/jars.ts'
import { recallCluster } from '../scripts/kafka/state.ts'
import { type DemoOptions } from './options.ts'
import { partitionCount } from './strikes.ts'

export type Brokers = {
  readonly kind: 'embedded' | 'kafka'
  /** `host:port`, split by commas. */
  readonly bootstrap: string
  readonly topic: string
  readonly group: string
  /** Creates the topic. Rejects if a real Kafka does not answer. */
  createTopic(): Promise<void>
  /** Ends what was started for the demo; on a Kafka that stays, `remove` deletes the topic, the group and the topics that
   *  the group has made for it, `keep` does not. */
  release(leftovers: 'remove' | 'keep'): Promise<void>
}

/** There is no broker to run on; the message says what to do about it. */
export class BrokersMissing extends Error {
  override readonly name = 'BrokersMissing'
}

export async function openBrokers(options: Pick<DemoOptions, 'kafka' | 'brokers'>): Promise<Brokers> {
  return options.kafka ? openRealKafka(options.brokers) : openEmbedded()
}

async function openEmbedded(): Promise<Brokers> {
  const kafka = await EmbeddedKafka.start({ topics: { strikes: partitionCount } })
  return {
    kind: 'embedded',
    bootstrap: kafka.bootstrap,
    topic: 'strikes',
    group: 'totals',
    createTopic: async () => undefined,
    release: () => kafka.stop(),
  }
}

async function openRealKafka(given: string | undefined): Promise<Brokers> {
  const { bootstrap, end } = await findKafka(given)
  const suffix = randomBytes(4).toString('hex')
  const topic = `strikes-${suffix}`
  const group = `totals-${suffix}`
  const kafka = new Kafka({ clientId: 'demo', brokers: bootstrap.split(','), logLevel: logLevel.NOTHING })
  const withAdmin = async (use: (admin: ReturnType<Kafka['admin']>) => Promise<unknown>): Promise<void> => {
    const admin = kafka.admin()
    await admin.connect()
    try {
      await use(admin)
    } finally {
      await admin.disconnect()
    }
  }
  let isCreated = false
  return {
    kind: 'kafka',
    bootstrap,
    topic,
    group,
    createTopic: async () => {
      await withAdmin((admin) =>
        admin.createTopics({ topics: [{ topic, numPartitions: partitionCount }], waitForLeaders: true }),
      )
      isCreated = true
    },
    release: async (leftovers) => {
      try {
        if (!isCreated || leftovers === 'keep') return
        await withAdmin(async (admin) => {
          const own = (await admin.listTopics()).filter((name) => name.startsWith(`${group}.${topic}.`))
          await Promise.allSettled([admin.deleteTopics({ topics: [topic, ...own] }), admin.deleteGroups([group])])
        })
      } catch {
        // A Kafka that went away keeps the topics; the run has its result all the same.
      } finally {
        await end()
      }
    },
  }
}

/** `end` stops what was started for this run and nothing else. */
export type FoundKafka = { readonly bootstrap: string; end(): Promise<void> }

/** The addresses that were given, else KAFKA_BROKERS, else the Kafka that runs in this checkout, else one that is started
 *  for this run, if its jars were fetched before. */
export async function findKafka(given: string | undefined): Promise<FoundKafka> {
  const stays = async (): Promise<void> => undefined
  const known = given ?? process.env['KAFKA_BROKERS']
  if (known) return { bootstrap: known, end: stays }

  const left = await recallCluster()
  if (left !== undefined && left.alive === left.cluster.brokers.length) {
    return { bootstrap: left.cluster.bootstrap, end: stays }
  }

  const jars = await findJars()
  if (jars === undefined) {
    throw new BrokersMissing(
      'there is no real Kafka here: run `npm run kafka -- fetch` (needs Java ≥ 17 and Maven), or set KAFKA_BROKERS',
    )
  }
  try {
    const folder = await mkdtemp(join(tmpdir(), 'holdfast-kafka-'))
    const cluster = await startCluster({ jars, brokers: 1, folder, lifetime: 'ours' })
    return { bootstrap: cluster.bootstrap, end: () => stopCluster(cluster) }
  } catch (error) {
    if (error instanceof MissingError) throw new BrokersMissing(error.message, { cause: error })
    throw error
  }
}
