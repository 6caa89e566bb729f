import { describe, expect, test } from 'vitest'
import { SettingsError, type SettingsIssue } from '../model/errors.ts'
import type { AppOptions } from './options.ts'
import { resolveSettings, type ResolvedSettings, type Subscription } from './settings.ts'
import { topic } from './topic.ts'

const orders = topic('orders')
const handler = async (): Promise<void> => undefined
const nobody = {}

function consuming(options: unknown = {}, what: unknown = orders): Subscription {
  return { topic: what, options, handler }
}

function resolve(app: unknown, subscriptions: readonly Subscription[] = [], variables = nobody): ResolvedSettings {
  return resolveSettings(app as AppOptions, subscriptions, variables)
}

function issuesOf(app: unknown, subscriptions: readonly Subscription[] = [], variables = nobody): SettingsIssue[] {
  try {
    resolve(app, subscriptions, variables)
  } catch (error) {
    if (error instanceof SettingsError) return [...error.issues]
    throw error
  }
  return []
}

const billing = { kafka: 'localhost:9092', group: 'billing' }

test('whoever says nothing gets the defaults of the design', () => {
  const { settings, log, warnings } = resolve(billing, [consuming()])

  expect(settings).toEqual({
    clientId: 'holdfast',
    startTimeoutMs: 30_000,
    groups: [
      {
        group: 'billing',
        protocol: 'eager',
        ownTopics: 'create',
        subscriptions: [
          {
            topic: 'orders',
            order: 'key',
            concurrency: 64,
            attemptTimeoutMs: 30_000,
            abortGraceMs: 5_000,
            from: 'earliest',
            inPlaceDelaysMs: [100, 1_000, 5_000],
            delaysMs: [],
            delayTopics: [],
            whileRetrying: 'overtake',
            deadLetters: { topic: 'billing.orders.dlq', isRequired: false },
            bufferedRecordsMax: 256,
            parkedRecordsMax: 256,
          },
        ],
        sessionTimeoutMs: 45_000,
        heartbeatIntervalMs: 3_000,
        rebalanceTimeoutMs: 60_000,
        requestTimeoutMs: 10_000,
        commitIntervalMs: 1_000,
        commitRecords: 1_000,
        commitGapMs: 100,
        drainAtRevokeMs: 10_000,
        loopTimeoutMs: 30_000,
        fetch: {
          maxWaitMs: 500,
          pressedWaitMs: 20,
          requestBytesMax: 8_388_608,
          partitionBytesMax: 1_048_576,
          heldBytesMax: 67_108_864,
          isolationLevel: 'readCommitted',
        },
      },
    ],
    producer: {
      lingerMs: 5,
      batchBytesMax: 1_048_576,
      heldBytesMax: 33_554_432,
      requestTimeoutMs: 10_000,
      deliveryTimeoutMs: 30_000,
    },
    stop: { drainMs: 20_000, finalCommitMs: 3_000 },
  })
  expect(log).toEqual({ logger: null, level: 'info' })
  expect(warnings).toEqual([])
})

test('the test profile has the short timeouts of R31', () => {
  const { settings } = resolve({ ...billing, profile: 'test' }, [consuming()])

  expect(settings.groups[0]).toMatchObject({
    sessionTimeoutMs: 6_000,
    heartbeatIntervalMs: 2_000,
    rebalanceTimeoutMs: 6_000,
    requestTimeoutMs: 5_000,
    drainAtRevokeMs: 3_000,
  })
  expect(settings.stop.finalCommitMs).toBe(500)
})

test('an option wins over the environment, the environment over the profile, the profile over the default', () => {
  const variables = { KAFKA_SESSION_TIMEOUT_MS: '8000', KAFKA_HEARTBEAT_INTERVAL_MS: '1500', KAFKA_GROUP_ID: 'other' }

  const { settings } = resolve({ ...billing, profile: 'test', sessionTimeout: '9s' }, [consuming()], variables)

  expect(settings.groups[0]).toMatchObject({
    group: 'billing',
    sessionTimeoutMs: 9_000,
    heartbeatIntervalMs: 1_500,
    requestTimeoutMs: 5_000,
    loopTimeoutMs: 30_000,
  })
})

test('all that is needed can come from the environment', () => {
  const variables = { KAFKA_BROKERS: 'a:1, b:2', KAFKA_GROUP_ID: 'billing', KAFKA_CLIENT_ID: 'till' }

  const { settings, kafka } = resolve(undefined, [consuming()], variables)

  expect(settings.groups.map(({ group }) => group)).toEqual(['billing'])
  expect(kafka).toMatchObject({
    clientId: 'till',
    bootstrap: [
      { host: 'a', port: 1 },
      { host: 'b', port: 2 },
    ],
  })
})

test('subscriptions of one group form one member, another group forms another', () => {
  const { settings } = resolve(billing, [
    consuming({}, topic('a')),
    consuming({ group: 'audit' }, topic('a')),
    consuming({}, topic('b')),
  ])

  expect(settings.groups.map(({ group, subscriptions }) => [group, subscriptions.map((one) => one.topic)])).toEqual([
    ['billing', ['a', 'b']],
    ['audit', ['a']],
  ])
})

test('the groups of a process share the bytes that it may hold', () => {
  const { settings } = resolve({ ...billing, heldBytes: 2 ** 20, fetchBytes: 2 ** 20 }, [
    consuming(),
    consuming({ group: 'shipping' }),
  ])

  const held = settings.groups.map(({ fetch }) => [fetch.heldBytesMax, fetch.requestBytesMax])
  expect(held).toEqual([
    [2 ** 19, 2 ** 19],
    [2 ** 19, 2 ** 19],
  ])
})

test('settings cannot be changed, at any depth', () => {
  const { settings } = resolve(billing, [consuming({ from: { time: 0 } })])
  const walk = (value: unknown): void => {
    if (typeof value !== 'object' || value === null) return
    expect(Object.isFrozen(value)).toBe(true)
    Object.values(value).forEach(walk)
  }
  walk(settings)
})

test.each<[given: AppOptions, expected: Record<string, number>]>([
  [{ sessionTimeout: '6s' }, { heartbeatIntervalMs: 2_000, requestTimeoutMs: 5_999, rebalanceTimeoutMs: 60_000 }],
  [{ sessionTimeout: '2m' }, { heartbeatIntervalMs: 3_000, requestTimeoutMs: 10_000, rebalanceTimeoutMs: 120_000 }],
  [{ sessionTimeout: '6s', rebalanceTimeout: '7s' }, { drainAtRevokeMs: 3_500 }],
  [{ requestTimeout: '100ms' }, { maxWaitMs: 50 }],
  [{ requestTimeout: '40s' }, { deliveryTimeoutMs: 40_005 }],
  [{ heldBytes: 2 ** 20 }, { requestBytesMax: 2 ** 20, partitionBytesMax: 2 ** 20 }],
  [{ batchBytes: 2 ** 26 }, { heldBytesMax: 2 ** 26 }],
  [{ unsentBytes: 2 ** 10 }, { batchBytesMax: 2 ** 10 }],
])('a default gives way to what was given: %j', (given, expected) => {
  const { settings } = resolve({ ...billing, ...given }, [consuming()])

  const [group] = settings.groups
  expect({ ...group, ...group?.fetch, ...settings.producer }).toMatchObject(expected)
})

describe('every problem is told at once, with what was expected, what came, and what to do', () => {
  test('problems of all kinds', () => {
    const app = { kafka: 'localhost:99999', sessionTimeout: -5, heartbeetInterval: '1s', linger: Number.NaN }
    const options = { concurrency: 0, order: 'keys', retry: { inPlace: ['1 week'] } }

    const issues = issuesOf(app, [consuming(options)])

    expect(issues.map(({ option }) => option)).toEqual(
      [
        'heartbeetInterval',
        'kafka.brokers',
        'sessionTimeout',
        'linger',
        'consume(orders).concurrency',
        'consume(orders).order',
        'consume(orders).retry.inPlace[0]',
        'group',
      ].toSorted((a, b) => issues.findIndex((i) => i.option === a) - issues.findIndex((i) => i.option === b)),
    )
    for (const { problem, remedy } of issues) expect([problem, remedy]).not.toContain('')
  })

  const rows: [name: string, app: object, options: object, option: string, problem: string, remedy: string][] = [
    [
      'a misspelled option',
      { sesionTimeout: 1 },
      {},
      'sesionTimeout',
      'no such option',
      'Did you mean sessionTimeout?',
    ],
    ['a count as text', {}, { concurrency: '64' }, 'consume(orders).concurrency', `got '64'`, 'from 1 to 100,000'],
    ['null', {}, { attemptTimeout: null }, 'consume(orders).attemptTimeout', 'got null', '1ms'],
    ['a fraction', { commitRecords: 1.5 }, {}, 'commitRecords', 'got 1.5', 'from 1 to 1,000,000'],
    [
      'a long heartbeat',
      { heartbeatInterval: '16s' },
      {},
      'heartbeatInterval',
      'third of sessionTimeout (45s), got 16s',
      'sessionTimeout',
    ],
    [
      'a slow request',
      { requestTimeout: '45s' },
      {},
      'requestTimeout',
      'less than sessionTimeout (45s)',
      'sessionTimeout',
    ],
    [
      'a long drain',
      { drainAtRevoke: '31s' },
      {},
      'drainAtRevoke',
      'half of rebalanceTimeout (1m)',
      'rebalanceTimeout',
    ],
    [
      'a short rebalance',
      { rebalanceTimeout: '30s' },
      {},
      'rebalanceTimeout',
      'at least sessionTimeout (45s)',
      'sessionTimeout',
    ],
    [
      'a patient fetch',
      { fetchMaxWait: '10s' },
      {},
      'fetchMaxWait',
      'less than requestTimeout (10s)',
      'requestTimeout',
    ],
    [
      'a fetch as long as the session',
      { sessionTimeout: '6s', fetchMaxWait: '1s' },
      {},
      'fetchMaxWait',
      'at least 5s less than sessionTimeout (6s)',
      'sessionTimeout',
    ],
    [
      'a hasty delivery',
      { deliveryTimeout: '9s' },
      {},
      'deliveryTimeout',
      'at least linger + requestTimeout (10005ms)',
      'requestTimeout',
    ],
    [
      'a large fetch',
      { fetchBytes: 2 ** 27 },
      {},
      'fetchBytes',
      'at most heldBytes (64 MiB), got 128 MiB',
      'heldBytes',
    ],
    ['an odd start', {}, { from: 'earlyest' }, 'consume(orders).from', `got 'earlyest'`, 'Did you mean earliest?'],
    [
      'an odd time',
      {},
      { from: { time: 'yesterday' } },
      'consume(orders).from.time',
      `got 'yesterday'`,
      'ISO 8601|2026',
    ],
    ['a number as time', {}, { from: { time: '7' } }, 'consume(orders).from.time', `got '7'`, '2026'],
    ['an odd filter', {}, { filter: true }, 'consume(orders).filter', 'expected a function, got true', 'message'],
    ['an odd logger', { log: { info: 1 } }, {}, 'log', 'a logger with debug', 'pino'],
    ['a group with a line break', { group: 'a\nb' }, {}, 'group', String.raw`got 'a\u000ab'`, 'printable'],
    ['batches', {}, { batch: { size: 9 } }, 'consume(orders).batch', 'not built yet', 'one by one'],
    ['other ends of a zombie', {}, { onStuck: 'restart' }, 'consume(orders).onStuck', `expected 'hold'`, 'hold'],
    [
      'computed retries',
      {},
      { retry: { policy: () => 1 } },
      'consume(orders).retry.policy',
      'not built yet',
      'RetryAfterError',
    ],
    ['static membership', { groupInstanceId: 'a' }, {}, 'groupInstanceId', 'not built yet', 'Leave it out'],
    ['other protocols', { protocol: 'consumer' }, {}, 'protocol', `expected 'eager' or 'cooperative'`, 'cooperative'],
  ]
  test.each(rows)('%s', (_name, app, options, option, problem, remedy) => {
    const issues = issuesOf({ ...billing, ...app }, [consuming(options)])

    expect(issues).toEqual([
      {
        option,
        problem: expect.stringContaining(problem),
        remedy: expect.stringMatching(remedy.replaceAll('?', '\\?')),
      },
    ])
  })

  test('no group anywhere', () => {
    const issues = issuesOf({ kafka: 'localhost' }, [consuming(), consuming({}, topic('b'))])

    expect(issues).toEqual([expect.objectContaining({ option: 'group', problem: 'no consumer group is given' })])
  })

  test('an app that only sends needs no group', () => {
    expect(resolve({ kafka: 'localhost' }).settings.groups).toEqual([])
  })

  test('the same topic twice in a group', () => {
    const issues = issuesOf(billing, [consuming(), consuming()])

    expect(issues).toEqual([expect.objectContaining({ option: 'consume(orders).topic' })])
    expect(issuesOf(billing, [consuming(), consuming({ group: 'audit' })])).toEqual([])
  })

  test('a handler that is no function', () => {
    const issues = issuesOf(billing, [{ topic: orders, options: {}, handler: undefined }])

    expect(issues).toEqual([expect.objectContaining({ problem: 'expected a function, got undefined' })])
  })
})

test('a time to start from is a Date, milliseconds or an ISO text', () => {
  const timeMs = Date.UTC(2026, 0, 31, 12)
  for (const time of [new Date(timeMs), timeMs, '2026-01-31T12:00:00Z']) {
    const { settings } = resolve(billing, [consuming({ from: { time } })])
    expect(settings.groups[0]?.subscriptions[0]?.from).toEqual({ timeMs })
  }
})

test('no retry at all is a choice', () => {
  const { settings } = resolve(billing, [consuming({ retry: { inPlace: [] } })])

  expect(settings.groups[0]?.subscriptions[0]?.inPlaceDelaysMs).toEqual([])
})

test('an unknown variable of ours is a warning with the name that was probably meant', () => {
  const { warnings } = resolve(billing, [], { HOLDFAST_LOGLEVEL: 'debug', HOLDFAST_REQUIRE: 'kafka' })

  expect(warnings).toEqual([
    'the environment variable HOLDFAST_LOGLEVEL is not known; did you mean HOLDFAST_LOG_LEVEL?',
  ])
})

test('a variable that is wrong is named, unless an option wins over it', () => {
  const variables = { KAFKA_REQUEST_TIMEOUT_MS: '5s', HOLDFAST_LOG_LEVEL: 'loud' }

  expect(issuesOf(billing, [], variables).map(({ option }) => option)).toEqual([
    'HOLDFAST_LOG_LEVEL',
    'KAFKA_REQUEST_TIMEOUT_MS',
  ])
  expect(issuesOf({ ...billing, requestTimeout: '5s', log: 'debug' }, [], variables)).toEqual([])
})
