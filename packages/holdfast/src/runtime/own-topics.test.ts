import { describe, expect, test } from 'vitest'
import { type KafkaApi, PortError } from '../kafka/port.ts'
import { kafkaErrors as code } from '../model/kafka-errors.ts'
import type { GroupSettings, OwnTopicPolicy } from '../model/settings.ts'
import { type OwnTopics, prepareOwnTopics } from './own-topics.ts'
import { ManualClock, ScriptedPort, type Scripted, silence } from './scripted-port.fixture.ts'

const dead = 'billing.orders.dlq'
const delay = 'billing.orders.retry.30s'
const controller = { host: 'controller', port: 9092 }
const other = { host: 'other', port: 9092 }

/** Two brokers, the first of them no controller, that keep topics and make trouble when a test asks for it. */
class World {
  readonly clock = new ManualClock()
  readonly port: ScriptedPort = new ScriptedPort(this.clock, ({ api, request, node }) => {
    const trouble = this.trouble(api, node)
    return trouble ?? this.#answer(api, request as never)
  })
  readonly topics = new Map<string, Record<string, string>>([['orders', { 'max.message.bytes': '1000000' }]])
  readonly stop = new AbortController()
  readonly drained = new AbortController()
  /** Instead of an answer. */
  trouble: (api: KafkaApi, node: { readonly host: string }) => Scripted | typeof silence | undefined = () => undefined
  creating: (name: string) => number = () => 0
  leaderOf: (name: string) => number = () => 1
  describing: (name: string) => number = (name) => (this.topics.has(name) ? 0 : code.UNKNOWN_TOPIC_OR_PARTITION)
  finding: (name: string) => number = (name) => (this.topics.has(name) ? 0 : code.UNKNOWN_TOPIC_OR_PARTITION)

  prepare(policy: OwnTopicPolicy, isRequired = true): Promise<OwnTopics> {
    const subscription = {
      topic: 'orders',
      delaysMs: [30_000],
      delayTopics: [{ topic: delay, delayMs: 30_000 }],
      deadLetters: { topic: dead, isRequired },
    }
    const settings = { group: 'billing', ownTopics: policy, subscriptions: [subscription] } as unknown as GroupSettings
    return prepareOwnTopics(
      {
        port: this.port,
        cluster: { nodes: [other, controller] },
        clock: this.clock,
        requestTimeoutMs: 1_000,
        timeoutMs: 5_000,
        signal: this.stop.signal,
        drainedSignal: this.drained.signal,
      },
      settings,
    )
  }

  /** Lets a minute pass and tells how it ended. */
  async ended<T>(promise: Promise<T>): Promise<T | { readonly failed: unknown }> {
    const settled = promise.catch((failed: unknown) => ({ failed }))
    await this.clock.advance(60_000)
    return settled
  }

  #answer(api: KafkaApi, request: { topics: readonly unknown[]; resources: readonly unknown[] }): Scripted {
    if (api === 'Metadata') {
      const brokers = [
        { nodeId: 1, ...other, rack: null },
        { nodeId: 2, ...controller, rack: null },
      ]
      const topics = (request.topics as string[]).map((name) => {
        const errorCode = this.finding(name)
        const leaderId = this.leaderOf(name)
        const partitions = [0, 1, 2].map((partitionIndex) => ({
          partitionIndex,
          errorCode: 0,
          leaderId,
          leaderEpoch: 0,
        }))
        return { name, errorCode, topicId: '', isInternal: false, partitions: errorCode === 0 ? partitions : [] }
      })
      return { brokers, clusterId: null, controllerId: 2, topics }
    }
    if (api === 'CreateTopics') {
      type New = { name: string; configs: { name: string; value: string }[] }
      const topics = (request.topics as New[]).map(({ name, configs }) => {
        const errorCode = this.creating(name)
        if (errorCode === 0) this.topics.set(name, Object.fromEntries(configs.map((one) => [one.name, one.value])))
        return { name, topicId: '', errorCode, errorMessage: errorCode === 0 ? null : 'because' }
      })
      return { topics }
    }
    const results = (request.resources as { resourceName: string }[]).map(({ resourceName }) => {
      const configs = Object.entries(this.topics.get(resourceName) ?? {}).map(([name, value]) => ({ name, value }))
      return { resourceName, resourceType: 2, errorCode: this.describing(resourceName), errorMessage: null, configs }
    })
    return { results }
  }
}

/** Once for each code, then none. */
function inTurn(...codes: readonly number[]): () => number {
  const left = [...codes]
  return () => left.shift() ?? 0
}

describe('creating', () => {
  test('asks the controller, with the partitions of the source and the replication of the cluster', async () => {
    const world = new World()
    expect(await world.ended(world.prepare('create'))).toMatchObject({ warnings: [] })

    const [call, ...more] = world.port.of('CreateTopics')
    expect([call!.node.host, more.length]).toEqual(['controller', 0])
    const { topics } = call!.request as { topics: { name: string; numPartitions: number; replicationFactor: number }[] }
    expect(topics.map((one) => [one.name, one.numPartitions, one.replicationFactor])).toEqual([
      [delay, 3, -1],
      [dead, 3, -1],
    ])
  })

  test('one that somebody else made meanwhile is looked at like any other', async () => {
    const world = new World()
    world.creating = (name) => {
      world.topics.set(name, { 'cleanup.policy': 'compact' })
      return code.TOPIC_ALREADY_EXISTS
    }
    const { failed } = (await world.ended(world.prepare('create'))) as { failed: Error }
    expect(failed).toMatchObject({ code: 'OWN_TOPIC_INVALID' })
    expect(failed.message).toContain(`${dead}: cleanup.policy must be delete, got compact`)
  })

  test.each([code.NOT_CONTROLLER, code.REQUEST_TIMED_OUT, code.THROTTLING_QUOTA_EXCEEDED])(
    'goes on after error %d',
    async (passing) => {
      const world = new World()
      world.creating = inTurn(passing, passing, passing, passing)
      expect(await world.ended(world.prepare('create'))).toMatchObject({ warnings: [] })
    },
  )

  test('goes on at another broker when one does not answer', async () => {
    const world = new World()
    world.trouble = (api, node) => {
      if (node.host !== 'other') return undefined
      return api === 'Metadata' ? silence : new PortError('closed', other, 'gone')
    }
    expect(await world.ended(world.prepare('create'))).toMatchObject({ warnings: [] })
  })

  test('waits until what was made is known and has its configuration', async () => {
    const world = new World()
    const lag = inTurn(3, 3, 3)
    world.finding = (name) => (name === 'orders' ? 0 : world.topics.has(name) ? lag() : code.UNKNOWN_TOPIC_OR_PARTITION)
    const configLag = inTurn(3, 3)
    world.describing = (name) => (name === 'orders' ? 0 : configLag())
    expect(await world.ended(world.prepare('create'))).toMatchObject({ warnings: [] })
  })

  test('waits for leaders, and fails when there are none in time', async () => {
    const world = new World()
    const leaders = inTurn(-1, -1, -1, -1)
    world.leaderOf = (name) => (name === 'orders' ? 1 : leaders())
    expect(await world.ended(world.prepare('create'))).toMatchObject({ warnings: [] })

    const leaderless = new World()
    leaderless.leaderOf = (name) => (name === 'orders' ? 1 : -1)
    expect(await leaderless.ended(leaderless.prepare('create'))).toMatchObject({
      failed: { code: 'TOPIC_MISSING', retriable: true },
    })
  })

  test.each([
    [code.TOPIC_AUTHORIZATION_FAILED, 'AUTHORIZATION_FAILED', 'Allow CREATE on topic'],
    [code.CLUSTER_AUTHORIZATION_FAILED, 'AUTHORIZATION_FAILED', 'Allow CREATE on topic'],
    [code.POLICY_VIOLATION, 'KAFKA_ERROR', `set topics: 'verify'`],
    [code.INVALID_REPLICATION_FACTOR, 'KAFKA_ERROR', `set topics: 'verify'`],
  ])('that is refused with %d is told with what to do', async (refused, expected, remedy) => {
    const world = new World()
    world.creating = () => refused
    const { failed } = (await world.ended(world.prepare('create'))) as { failed: { code: string; remedy: string } }
    expect(failed.code).toBe(expected)
    expect(failed.remedy).toContain(remedy)
  })
})

describe('asking', () => {
  test('ends in an error when nobody answers in time', async () => {
    const world = new World()
    world.trouble = () => silence
    const { failed } = (await world.ended(world.prepare('verify'))) as { failed: unknown }
    expect(failed).toMatchObject({ code: 'BROKER_UNREACHABLE', retriable: true })
    expect(world.clock.timersPending).toBe(0)
  })

  test('ends at once when the app stops', async () => {
    const world = new World()
    world.trouble = () => silence
    const preparing = world.prepare('verify').catch((failed: unknown) => failed)
    await world.clock.settle()
    world.stop.abort()
    expect(await preparing).toMatchObject({ code: 'STOPPED' })
  })

  test.each([
    ['finding', 'DESCRIBE'],
    ['describing', 'DESCRIBE_CONFIGS'],
  ] as const)('without the right to it names the right (%s)', async (question, right) => {
    const world = new World()
    world.topics.set(delay, {}).set(dead, {})
    world[question] = (name) => (name === dead ? code.TOPIC_AUTHORIZATION_FAILED : 0)
    const { failed } = (await world.ended(world.prepare('verify'))) as { failed: { code: string; remedy: string } }
    expect(failed.code).toBe('AUTHORIZATION_FAILED')
    expect(failed.remedy).toContain(`Allow ${right} on topic ${dead}`)
  })

  test('tells of a source that does not exist', async () => {
    const world = new World()
    world.topics.delete('orders')
    const { failed } = (await world.ended(world.prepare('create'))) as { failed: unknown }
    expect(failed).toMatchObject({ code: 'TOPIC_MISSING' })
    expect(world.port.of('CreateTopics')).toEqual([])
  })

  test('tells all that is missing, and makes nothing', async () => {
    const world = new World()
    const { failed } = (await world.ended(world.prepare('verify'))) as { failed: Error }
    expect(failed).toMatchObject({ code: 'TOPIC_MISSING' })
    for (const topic of [delay, dead]) expect(failed.message).toContain(`${topic} does not exist`)
    expect(world.port.of('CreateTopics')).toEqual([])
  })

  test('gives a topic that is missing a moment to become known', async () => {
    const world = new World()
    const preparing = world.ended(world.prepare('verify'))
    world.topics.set(delay, {}).set(dead, {})
    expect(await preparing).toMatchObject({ warnings: [] })
  })

  test('happens not at all under ignore', async () => {
    const world = new World()
    await world.prepare('ignore')
    expect(world.port.calls).toEqual([])
  })
})

describe('dead letters that nobody asked for', () => {
  test('are not used where they are missing and may not be made', async () => {
    const world = new World()
    world.topics.set(delay, {})
    const own = (await world.ended(world.prepare('verify', false))) as OwnTopics
    expect(own.deadLetterTopics.get('orders')).toBe(null)
  })

  test('are made once for all who need them, and again after a failure', async () => {
    const world = new World()
    const own = (await world.ended(world.prepare('create', false))) as OwnTopics
    expect([own.deadLetterTopics.get('orders'), world.topics.has(dead)]).toEqual([dead, false])

    world.creating = inTurn(code.POLICY_VIOLATION)
    const failures = Promise.allSettled([own.ensure(dead), own.ensure(dead)])
    await world.clock.advance(1_000)
    expect((await failures).map(({ status }) => status)).toEqual(['rejected', 'rejected'])

    const before = world.port.of('CreateTopics').length
    await world.ended(Promise.all([own.ensure(dead), own.ensure(dead)]))
    await own.ensure(dead)
    await own.ensure(delay)
    expect([world.topics.has(dead), world.port.of('CreateTopics').length - before]).toEqual([true, 1])
  })

  test('are still made while a stop drains, and no longer', async () => {
    const world = new World()
    const own = (await world.ended(world.prepare('create', false))) as OwnTopics
    world.stop.abort()
    world.drained.abort()
    await expect(own.ensure(dead)).rejects.toMatchObject({ code: 'STOPPED' })

    const draining = new World()
    const stillThere = (await draining.ended(draining.prepare('create', false))) as OwnTopics
    draining.stop.abort()
    await draining.ended(stillThere.ensure(dead))
    expect(draining.topics.has(dead)).toBe(true)
  })

  test('are used where they exist, and checked like any other', async () => {
    const world = new World()
    world.topics.set(delay, {}).set(dead, {})
    const own = (await world.ended(world.prepare('verify', false))) as OwnTopics
    expect(own.deadLetterTopics.get('orders')).toBe(dead)

    world.topics.set(dead, { 'cleanup.policy': 'compact' })
    expect(await world.ended(world.prepare('verify', false))).toMatchObject({ failed: { code: 'OWN_TOPIC_INVALID' } })
  })
})
