/** Counts what a consumer commits while messages come at a steady rate (R9): how many requests, for how many partitions, with
 *  how much metadata. On virtual time, or, with a bootstrap address, on a real broker. */
import { type AppOptions, createHoldfast, type Environment, type Holdfast, topic as topicNamed } from 'holdfast'
import { testKit } from 'holdfast/testing'
import { type KafkaApi, type KafkaPort, type RequestOf } from '../../packages/holdfast/src/kafka/port.ts'
import { createSocketPort } from '../../packages/holdfast/src/kafka/socket-port.ts'
import { systemClock } from '../../packages/holdfast/src/runtime/clock.ts'
import { quantile, rounded, sum } from './statistics.ts'
import { newGroup } from './tally.ts'

export type CommitsGiven = {
  /** Null: on virtual time. */
  readonly broker: { readonly bootstrap: string; readonly topic: string } | null
  readonly partitions: number
  readonly perSecond: number
  readonly seconds: number
  /** The default of Holdfast if it is not given. */
  readonly commitRecords?: number | undefined
}

export type CommitFigures = {
  readonly requests: number
  readonly perSecond: number
  /** At most one is answered at a time, whatever the number of partitions. */
  readonly partitionsPerRequest: number
  readonly metadataPerPartition: number
}

/** How often messages are written. */
const stepMs = 50
const wantedApi = 'OffsetCommit' satisfies KafkaApi

type World = {
  readonly kafka: NonNullable<AppOptions['kafka']>
  readonly topic: string
  write(count: number): Promise<void>
  pause(ms: number): Promise<void>
  nowMs(): number
}

/** Every OffsetCommit that goes through a port. */
class Commits {
  readonly #seen: RequestOf<'OffsetCommit'>[] = []

  watch(environment: Environment): Environment {
    const { clock, bootstrap } = environment
    return {
      clock,
      bootstrap,
      openPort: async (options) => {
        const port = await environment.openPort(options)
        const call: KafkaPort['call'] = (node, api, request, options_) => {
          if (api === wantedApi) this.#seen.push(request as RequestOf<'OffsetCommit'>)
          return port.call(node, api, request, options_)
        }
        return { codec: port.codec, close: () => port.close(), call }
      },
    }
  }

  forget(): void {
    this.#seen.length = 0
  }

  figures(seconds: number): CommitFigures {
    const partitions = this.#seen.map(({ topics }) => topics.flatMap((each) => each.partitions))
    const metadata = partitions.flat().map(({ committedMetadata }) => committedMetadata?.length ?? 0)
    const requests = partitions.length
    return {
      requests,
      perSecond: rounded(requests / seconds),
      partitionsPerRequest:
        requests === 0
          ? 0
          : quantile(
              partitions.map(({ length }) => length),
              0.5,
            ),
      metadataPerPartition: metadata.length === 0 ? 0 : rounded(sum(metadata) / metadata.length, 3),
    }
  }
}

export async function measureCommits(given: CommitsGiven): Promise<CommitFigures> {
  const commits = new Commits()
  if (given.broker !== null) return count(await realWorld(given.broker, given.partitions, commits), commits, given)
  await using kit = await testKit({ topics: { orders: given.partitions } })
  const world: World = {
    kafka: { environment: commits.watch((kit.kafka as { environment: Environment }).environment) },
    topic: 'orders',
    write: (messages) => {
      for (let partition = 0; partition < given.partitions; partition++) {
        const share = Math.ceil((messages - partition) / given.partitions)
        kit.broker.append(
          'orders',
          partition,
          Array.from({ length: share }, () => ({ value: 'x' })),
        )
      }
      return Promise.resolve()
    },
    pause: (ms) => new Promise<void>((resolve) => void kit.time.setTimer(ms, resolve)),
    nowMs: () => kit.time.monotonicMs(),
  }
  return await count(world, commits, given)
}

async function realWorld(
  broker: NonNullable<CommitsGiven['broker']>,
  partitions: number,
  commits: Commits,
): Promise<World> {
  const [host = '', port = ''] = (broker.bootstrap.split(',')[0] ?? '').split(':')
  const environment: Environment = {
    clock: systemClock,
    bootstrap: [{ host, port: Number(port) }],
    openPort: ({ clientId }) => createSocketPort({ clientId }),
  }
  const writer: Holdfast = createHoldfast({ kafka: broker.bootstrap, log: false })
  await writer.start()
  const messages = topicNamed(broker.topic)
  const value = Buffer.from('x')
  return {
    kafka: { environment: commits.watch(environment) },
    topic: broker.topic,
    write: async (count_) => {
      await writer.sendAll(
        messages,
        Array.from({ length: count_ }, (_, index) => ({ value, partition: index % partitions })),
      )
    },
    pause: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
    nowMs: () => performance.now(),
  }
}

async function count(world: World, commits: Commits, given: CommitsGiven): Promise<CommitFigures> {
  const { perSecond, seconds, commitRecords, partitions } = given
  const app = createHoldfast({ kafka: world.kafka, group: newGroup(), log: false, topics: 'ignore', commitRecords })
  const assigned = Promise.withResolvers<void>()
  let owned = 0
  app.on('partition.assigned', () => {
    owned += 1
    if (owned === partitions) assigned.resolve()
  })
  app.consume(topicNamed(world.topic), { deadLetters: false }, async () => undefined)
  await app.start()
  await assigned.promise
  // A commit of where to start is none of those that are counted.
  await world.pause(2_000)
  commits.forget()
  const beganMs = world.nowMs()
  for (let step = 0; step < (seconds * 1_000) / stepMs; step++) {
    await world.write(Math.round((perSecond * stepMs) / 1_000))
    await world.pause(stepMs)
  }
  // A busy machine takes longer for it, and commits meanwhile.
  const figures = commits.figures((world.nowMs() - beganMs) / 1_000)
  await app.stop()
  return figures
}
