import fc from 'fast-check'
import { expect, test } from 'vitest'
import { SettingsError, type SettingsIssue } from '../model/errors.ts'
import { appOptions, appRules, consumeOptions } from './option-rules.ts'
import { appDefaults, type AppNumber, type AppOptions } from './options.ts'
import { resolveSettings, type Subscription } from './settings.ts'
import { topic } from './topic.ts'

const orders = topic('orders')
const handler = async (): Promise<void> => undefined
const billing = { kafka: 'localhost:9092', group: 'billing' }

function consuming(options: unknown = {}, what: unknown = orders): Subscription {
  return { topic: what, options, handler }
}

function issuesOf(app: unknown, subscriptions: readonly Subscription[] = [], variables = {}): readonly SettingsIssue[] {
  try {
    resolveSettings(app as AppOptions, subscriptions, variables)
  } catch (error) {
    if (error instanceof SettingsError) return error.issues
    throw error
  }
  return []
}

const garbage = fc.oneof(
  fc.anything({ withDate: true, withNullPrototype: true, withBigInt: true, withMap: true }),
  fc.constantFrom(
    Number.NaN,
    -1,
    0,
    Number.POSITIVE_INFINITY,
    null,
    '',
    ' ',
    '5s',
    'earliest',
    Symbol('s'),
    /a/,
    () => 1,
  ),
)
const app = fc.dictionary(fc.oneof(fc.constantFrom(...appOptions), fc.string()), garbage)
const options = fc.dictionary(fc.oneof(fc.constantFrom(...consumeOptions), fc.string()), garbage)
const subscription = fc.record({
  topic: fc.oneof(
    garbage,
    fc.constant(orders),
    fc.string().map((name) => topic(name)),
  ),
  options: fc.oneof(garbage, options),
  handler: fc.oneof(garbage, fc.constant(handler)),
})
const variables = fc.dictionary(
  fc.constantFrom('KAFKA_BROKERS', 'KAFKA_SSL', 'KAFKA_SSL_CA', 'KAFKA_SASL_USERNAME', 'KAFKA_SESSION_TIMEOUT_MS'),
  fc.oneof(fc.string(), fc.constantFrom('true', 'a:1', '7000')),
)

test('there are settings or one SettingsError whose issues are complete sentences, and nothing else', () => {
  fc.assert(
    fc.property(fc.oneof(garbage, app), fc.array(subscription, { maxLength: 3 }), variables, (bag, list, env) => {
      for (const issue of issuesOf(bag, list, env)) {
        for (const text of Object.values(issue)) expect(text).toMatch(/^(?!.*reading the options)[^\n]+$/)
      }
    }),
    { numRuns: 500 },
  )
})

test('a Proxy that throws and a getter that throws are refused like anything else', () => {
  const { proxy, revoke } = Proxy.revocable({}, {})
  revoke()
  const hostile = {
    get group(): string {
      throw new Error('no')
    },
  }

  expect(issuesOf(proxy)).not.toEqual([])
  expect(issuesOf({ ...billing, kafka: proxy, log: proxy }, [consuming(proxy, proxy)])).not.toEqual([])
  expect(issuesOf(hostile)).toContainEqual(expect.objectContaining({ option: 'group', problem: 'reading it throws' }))
})

test('an issue never names an option that nobody gave', () => {
  const numbers = Object.fromEntries(
    Object.entries(appRules).map(([name, { min, max }]) => [name, fc.integer({ min, max })]),
  )
  fc.assert(
    fc.property(fc.record(numbers, { requiredKeys: [] }), (given) => {
      const complained = issuesOf({ ...billing, ...given }).map(({ option }) => option)
      for (const option of complained) expect(Object.keys(given)).toContain(option)
    }),
    { numRuns: 500 },
  )
})

test('accepted numbers keep every bound that semantics and broker ask for', () => {
  const numbers = Object.fromEntries(
    Object.entries(appRules).map(([name, { min }]) => {
      const usual = appDefaults[name as AppNumber]
      return [name, fc.integer({ min, max: Math.max(min, usual * 2) })]
    }),
  )
  fc.assert(
    fc.property(fc.record(numbers, { requiredKeys: [] }), (given) => {
      fc.pre(issuesOf({ ...billing, ...given }).length === 0)
      const { settings } = resolveSettings({ ...billing, ...given }, [consuming()], {})
      const [group] = settings.groups
      if (group === undefined) throw new Error('expected a group')
      expect(group.heartbeatIntervalMs * 3).toBeLessThanOrEqual(group.sessionTimeoutMs)
      expect(group.requestTimeoutMs).toBeLessThan(group.sessionTimeoutMs)
      expect(group.fetch.maxWaitMs + 5_000).toBeLessThan(group.sessionTimeoutMs)
      expect(group.fetch.maxWaitMs).toBeLessThan(group.requestTimeoutMs)
      expect(group.drainAtRevokeMs * 2).toBeLessThanOrEqual(group.rebalanceTimeoutMs)
      expect(group.rebalanceTimeoutMs).toBeGreaterThanOrEqual(group.sessionTimeoutMs)
      expect(group.fetch.partitionBytesMax).toBeLessThanOrEqual(group.fetch.requestBytesMax)
      expect(group.fetch.requestBytesMax).toBeLessThanOrEqual(group.fetch.heldBytesMax)
      expect(settings.producer.batchBytesMax).toBeLessThanOrEqual(settings.producer.heldBytesMax)
      expect(settings.producer.deliveryTimeoutMs).toBeGreaterThanOrEqual(
        settings.producer.lingerMs + settings.producer.requestTimeoutMs,
      )
    }),
  )
})
