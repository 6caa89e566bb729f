import { describe, expect, test } from 'vitest'
import { SettingsError, type SettingsIssue } from '../model/errors.ts'
import type { GroupSettings, SubscriptionSettings } from '../model/settings.ts'
import { deadLetters } from './dead-letters.ts'
import type { AppOptions } from './options.ts'
import { resolveSettings, type ResolvedSettings, type Subscription } from './settings.ts'
import { topic } from './topic.ts'

const orders = topic('orders')
const billing = { kafka: 'localhost:9092', group: 'billing' }

function consuming(options: unknown = {}, what: unknown = orders): Subscription {
  return { topic: what, options, handler: () => undefined }
}

function resolve(app: unknown, subscriptions: readonly Subscription[], variables = {}): ResolvedSettings {
  return resolveSettings(app as AppOptions, subscriptions, variables)
}

function settingsOf(options: unknown, app: object = {}): SubscriptionSettings {
  const [settings] = resolve({ ...billing, ...app }, [consuming(options)]).subscriptionOf
  if (settings === undefined) throw new Error('expected a subscription')
  return settings
}

function groupOf(app: object, variables: object = {}): GroupSettings | undefined {
  return resolve({ ...billing, ...app }, [consuming()], variables).settings.groups[0]
}

function issuesOf(app: object, ...subscriptions: readonly Subscription[]): SettingsIssue[] {
  try {
    resolve({ ...billing, ...app }, subscriptions)
  } catch (error) {
    if (error instanceof SettingsError) return [...error.issues]
    throw error
  }
  return []
}

const second = 1_000
const minute = 60 * second
const standardTopics = [
  { topic: 'billing.orders.retry.30s', delayMs: 30 * second },
  { topic: 'billing.orders.retry.5m', delayMs: 5 * minute },
  { topic: 'billing.orders.retry.30m', delayMs: 30 * minute },
]

describe('what waits where (R18)', () => {
  test('the standard adds three delay topics to the waits in place', () => {
    expect(settingsOf({ retry: 'standard' })).toMatchObject({
      inPlaceDelaysMs: [100, second, 5 * second],
      delaysMs: [30 * second, 5 * minute, 30 * minute],
      delayTopics: standardTopics,
      whileRetrying: 'overtake',
    })
  })

  test('delays without waits in place mean none in place', () => {
    expect(settingsOf({ retry: { delays: ['2s'] } })).toMatchObject({ inPlaceDelaysMs: [], delaysMs: [2 * second] })
    const both = settingsOf({ retry: { inPlace: ['1ms'], delays: ['2s'] } })
    expect(both).toMatchObject({ inPlaceDelaysMs: [1], delaysMs: [2 * second] })
  })

  test('an empty list of delays is none, and leaves the waits in place as they are', () => {
    expect(settingsOf({ retry: { delays: [] } }).inPlaceDelaysMs).toEqual([100, second, 5 * second])
  })

  test('each length has one topic, the shortest first, whatever the order of the waits', () => {
    const settings = settingsOf({ retry: { delays: ['5m', '30s', '30s', 300_000], buckets: ['1h', '30s'] } })

    expect(settings.delaysMs).toEqual([5 * minute, 30 * second, 30 * second, 5 * minute])
    expect(settings.delayTopics.map((one) => one.topic)).toEqual([
      'billing.orders.retry.30s',
      'billing.orders.retry.5m',
      'billing.orders.retry.1h',
    ])
  })

  test('while a lane is blocked nothing leaves it: the delays are waited in place', () => {
    const settings = settingsOf({ retry: 'standard', whileRetrying: 'block' })

    expect(settings).toMatchObject({ delaysMs: [30 * second, 5 * minute, 30 * minute], delayTopics: [] })
    expect(settings.whileRetrying).toBe('block')
  })

  test('buckets alone leave the waits in place as they are', () => {
    const settings = settingsOf({ retry: { buckets: ['1h'] } })

    expect(settings).toMatchObject({ inPlaceDelaysMs: [100, second, 5 * second], delaysMs: [] })
    expect(settings.delayTopics).toEqual([{ topic: 'billing.orders.retry.1h', delayMs: 3_600_000 }])
  })
})

describe('dead letters (R18)', () => {
  test.each([
    [undefined, { topic: 'billing.orders.dlq', isRequired: false }],
    [true, { topic: 'billing.orders.dlq', isRequired: true }],
    [false, null],
  ])('deadLetters: %s', (given, expected) => {
    expect(settingsOf({ deadLetters: given }).deadLetters).toEqual(expected)
  })

  test('are required when somebody in the app reads them', () => {
    const { subscriptionOf } = resolve(billing, [consuming(), consuming({}, deadLetters(orders))])

    expect(subscriptionOf.map((one) => [one.topic, one.deadLetters])).toEqual([
      ['orders', { topic: 'billing.orders.dlq', isRequired: true }],
      ['billing.orders.dlq', null],
    ])
  })

  test('are required of the group that they are read of, not of the one that reads them', () => {
    const { subscriptionOf } = resolve(billing, [
      consuming(),
      consuming({ group: 'audit' }),
      consuming({ group: 'audit' }, deadLetters(orders, { group: 'billing' })),
    ])

    expect(subscriptionOf.map((one) => one.deadLetters?.isRequired)).toEqual([true, false, undefined])
  })

  test('are those of the group that consumes them, unless another one is named', () => {
    const topics = resolve(billing, [
      consuming({}, deadLetters(orders)),
      consuming({ group: 'audit' }, deadLetters(orders)),
      consuming({}, deadLetters(topic('refunds'), { group: 'audit' })),
    ]).subscriptionOf.map((one) => one.topic)

    expect(topics).toEqual(['billing.orders.dlq', 'audit.orders.dlq', 'audit.refunds.dlq'])
  })

  test('are tried again in place only', () => {
    const [settings] = resolve(billing, [consuming({}, deadLetters(orders))]).subscriptionOf

    expect(settings).toMatchObject({ inPlaceDelaysMs: [100, second, 5 * second], delaysMs: [], delayTopics: [] })
    expect(issuesOf({}, consuming({ retry: 'standard', deadLetters: true }, deadLetters(orders)))).toMatchObject([
      { option: 'consume(deadLetters(orders)).retry', problem: 'dead letters cannot wait in delay topics' },
      { option: 'consume(deadLetters(orders)).deadLetters', problem: 'dead letters have no dead letters' },
    ])
  })

  test('a topic of nothing, an option of nothing and dead letters of dead letters are issues', () => {
    const issues = issuesOf(
      {},
      consuming({}, deadLetters('orders' as never)),
      consuming({}, deadLetters(orders, { gruop: 'x' } as never)),
      consuming({ group: 'c' }, deadLetters(deadLetters(orders))),
    )

    expect(issues.map(({ problem }) => problem)).toEqual([
      `expected a topic, got 'orders'`,
      'there is no such option',
      'dead letters have no dead letters',
    ])
  })
})

describe('topics of ours are created, checked or left alone', () => {
  test.each([
    ['in production they are only checked', {}, { NODE_ENV: 'production' }, 'verify'],
    ['elsewhere they are created', {}, { NODE_ENV: 'development' }, 'create'],
    ['and where nothing is said', {}, {}, 'create'],
    ['an option wins', { topics: 'ignore' }, { NODE_ENV: 'production' }, 'ignore'],
  ])('%s', (_name, app, variables, expected) => {
    expect(groupOf(app, variables)?.ownTopics).toBe(expected)
  })
})

describe('a naming function', () => {
  test('is told group, topic and delay, and names them all', () => {
    const asked: unknown[] = []
    const naming = {
      delay: (of: { topic: string; delay: string }) => (asked.push(of), `${of.topic}-retry-${of.delay}`),
      deadLetters: (of: { topic: string }) => (asked.push(of), `dlq.${of.topic}`),
    }

    const settings = settingsOf({ retry: { delays: ['90s'] } }, { naming })

    expect(settings.delayTopics).toEqual([{ topic: 'orders-retry-90s', delayMs: 90 * second }])
    expect(settings.deadLetters?.topic).toBe('dlq.orders')
    expect(asked).toEqual([
      { group: 'billing', topic: 'orders', delay: '90s' },
      { group: 'billing', topic: 'orders' },
    ])
  })

  test('names one kind and leaves the other as usual', () => {
    const settings = settingsOf({ retry: { delays: ['2s'] } }, { naming: { deadLetters: () => 'graveyard' } })

    expect([settings.delayTopics[0]?.topic, settings.deadLetters?.topic]).toEqual([
      'billing.orders.retry.2s',
      'graveyard',
    ])
  })

  const broken: [name: string, naming: unknown, option: string, problem: string][] = [
    ['that is none', { delay: 'retry' }, 'naming.delay', `expected a function, got 'retry'`],
    ['in a bag that is none', 'spring', 'naming', `expected an object with options, got 'spring'`],
    ['for nothing known', { dlq: () => 'x' }, 'naming.dlq', 'no such option'],
    ['that throws', { deadLetters: () => thrown() }, 'naming.deadLetters', `throws 'Error: no name'`],
    ['that returns nothing', { delay: () => undefined }, 'naming.delay', 'expected a name, got undefined'],
    ['that returns a promise', { delay: async () => 'x' }, 'naming.delay', 'expected a name, got an object'],
    ['that returns what Kafka refuses', { delay: () => 'a b' }, 'naming.delay', `all characters of 'a b'`],
    ['that returns too much', { delay: () => 'x'.repeat(250) }, 'naming.delay', 'at most 249 characters, got 250'],
  ]
  test.each(broken)('%s is one issue, however often it is asked', (_name, naming, option, problem) => {
    const issues = issuesOf({ naming }, consuming({ retry: 'standard' }), consuming({}, topic('refunds')))

    expect(issues).toEqual([{ option, problem: expect.stringContaining(problem), remedy: expect.any(String) }])
  })

  test('that gives two delays one name would mix what waits 30 s with what waits 5 min', () => {
    const issues = issuesOf({ naming: { delay: () => 'waiting' } }, consuming({ retry: { delays: ['30s', '5m'] } }))

    expect(issues).toMatchObject([
      {
        option: 'consume(orders).retry.delays',
        problem: `'waiting' would be the delay topic 5m of billing for orders and the delay topic 30s of billing for orders`,
      },
    ])
  })

  test('may answer differently every time: it is asked once', () => {
    let asked = 0
    const naming = { deadLetters: () => `dead-${(asked += 1)}` }

    const { subscriptionOf } = resolve({ ...billing, naming }, [consuming(), consuming({}, deadLetters(orders))])

    expect(subscriptionOf.map((one) => one.deadLetters?.topic ?? one.topic)).toEqual(['dead-1', 'dead-1'])
  })
})

function thrown(): never {
  throw new Error('no name')
}

describe('one name stands for one thing (R23)', () => {
  test('the topic `a` + `b.c` is not `a.b` + `c`', () => {
    const issues = issuesOf({}, consuming({ group: 'a' }, topic('b.c')), consuming({ group: 'a.b' }, topic('c')))

    expect(issues).toMatchObject([
      {
        option: 'consume(c).deadLetters',
        problem: `'a.b.c.dlq' would be the dead-letter topic of a.b for c and the dead-letter topic of a for b.c`,
      },
    ])
  })

  test.each([
    ['a delay topic', 'billing.orders.retry.2s', 'this is the delay topic 2s of billing for orders', 'its source'],
    ['a dead-letter topic', 'billing.orders.dlq', 'this is the dead-letter topic of billing for orders', 'deadLetters'],
  ])('%s of ours is no source of anybody in the app', (_name, name, problem, remedy) => {
    const options = { retry: { delays: ['2s'] } }

    const issues = issuesOf({}, consuming({ group: 'audit' }, topic(name)), consuming(options))

    expect(issues).toEqual([{ option: `consume(${name}).topic`, problem, remedy: expect.stringContaining(remedy) }])
  })

  test('names that Kafka takes for each other are a warning', () => {
    const { warnings } = resolve({ ...billing, group: 'a' }, [consuming({}, topic('b_c')), consuming({}, topic('b.c'))])

    expect(warnings).toEqual([expect.stringContaining('both a.b_c.dlq and a.b.c.dlq')])
  })

  test('two groups may read one topic', () => {
    expect(issuesOf({}, consuming({ retry: 'standard' }), consuming({ group: 'audit', retry: 'standard' }))).toEqual([])
  })
})

describe('a group whose name no topic can bear', () => {
  test.each(['bills & more', 'x'.repeat(240)])('is warned when nobody asked for dead letters: %s', (group) => {
    const { settings, warnings } = resolve({ ...billing, group }, [consuming()])

    expect(settings.groups[0]?.subscriptions[0]?.deadLetters).toBe(null)
    expect(warnings).toEqual([expect.stringContaining('a record that is out of attempts stops its partition instead')])
  })

  test('is refused when somebody asked for topics', () => {
    const options = { deadLetters: true, retry: { delays: ['2s'] } }

    expect(issuesOf({ group: 'bills & more' }, consuming(options)).map(({ option }) => option)).toEqual([
      'consume(orders).retry.delays',
      'consume(orders).deadLetters',
    ])
  })
})

describe('what makes no sense is told with expected and got', () => {
  const rows: [options: object, option: string, problem: string][] = [
    [{ retry: 'standrad' }, 'retry', `expected 'standard' or waits of your own, got 'standrad'`],
    [{ retry: { delays: '30s' } }, 'retry.delays', `expected a list of durations, got '30s'`],
    [{ retry: { delays: ['5ms'] } }, 'retry.delays[0]', `from 10ms to 7d, got '5ms'`],
    [{ retry: { delays: ['8d'] } }, 'retry.delays[0]', `from 10ms to 7d, got '8d'`],
    [{ retry: { delays: [, '1s'] } }, 'retry.delays[0]', 'got undefined'], // eslint-disable-line no-sparse-arrays
    [{ retry: { buckets: ['1 week'] } }, 'retry.buckets[0]', `got '1 week'`],
    [{ retry: { delays: Array(21).fill('1s') } }, 'retry.delays', 'expected at most 20 waits, got 21'],
    [{ retry: { delays: seconds(9), buckets: seconds(17) } }, 'retry.delays', 'at most 16 different delays'],
    [{ retry: { buckets: ['1h'] }, whileRetrying: 'block' }, 'retry.buckets', `got whileRetrying: 'block'`],
    [{ whileRetrying: 'wait' }, 'whileRetrying', `expected 'overtake' or 'block', got 'wait'`],
    [{ deadLetters: 'orders.dlq' }, 'deadLetters', `expected true or false, got 'orders.dlq'`],
  ]
  test.each(rows)('%j', (options, option, problem) => {
    expect(issuesOf({}, consuming(options))).toEqual([
      { option: `consume(orders).${option}`, problem: expect.stringContaining(problem), remedy: expect.any(String) },
    ])
  })

  test('a broken topic is one issue, not one for each topic of ours', () => {
    expect(issuesOf({}, consuming({ retry: 'standard', deadLetters: true }, topic('my orders')))).toHaveLength(1)
  })

  test('without a group the waits are checked all the same', () => {
    const issues = issuesOf({ group: undefined }, consuming({ retry: { delays: ['5ms'] } }))

    expect(issues.map(({ option }) => option)).toEqual(['consume(orders).retry.delays[0]', 'group'])
  })
})

function seconds(count: number): string[] {
  return Array.from({ length: count }, (_, index) => `${index + 1}s`)
}
