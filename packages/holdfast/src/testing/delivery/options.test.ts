import { expect, test } from 'vitest'
import { SettingsError, topic } from '../../index.ts'
import { type DeliveryOptions, deliverySettings } from './options.ts'

type Anything = DeliveryOptions<unknown, unknown, unknown>

function issuesOf(build: unknown, options: object): readonly string[] {
  try {
    deliverySettings(build, options as Anything)
    return []
  } catch (error) {
    return error instanceof SettingsError ? error.issues.map(({ option, problem }) => `${option}: ${problem}`) : []
  }
}

const build = (): undefined => undefined
const orders = topic('orders')
const records = [{ value: Buffer.from('1') }]

test('the least that is needed is a topic and records', () => {
  expect(deliverySettings(build, { topic: orders, records })).toMatchObject({
    partitions: 3,
    runs: 50,
    seed: 1,
    limitMs: 900_000,
    allowsDeadLetters: false,
    faults: ['crash', 'rebalance', 'failingDownstream', 'hangingDownstream', 'network'],
    wanted: [],
  })
})

test('records are made one by one if a function makes them', () => {
  const { messages } = deliverySettings(build, {
    topic: orders,
    records: (index) => ({ value: Buffer.from(String(index)) }),
    count: 3,
  })

  expect(messages.map(({ value }) => String(value))).toEqual(['0', '1', '2'])
})

test('everything that is wrong is told at once', () => {
  const options = {
    records: [],
    runs: 0,
    seed: -1,
    partitions: 1.5,
    faults: ['crash', 'fire'],
    check: 'yes',
    deadLetters: 'maybe',
    limit: 'soon',
    speed: 9,
  }

  expect(issuesOf(7, options)).toEqual([
    'expectDelivery(app, …): expected a function that builds an app, got number',
    'expectDelivery.speed: no such option',
    'expectDelivery.topic: expected a topic',
    'expectDelivery.check: expected a function, got string',
    'expectDelivery.records: expected messages or a function that makes them, got an empty list',
    'expectDelivery.partitions: expected a whole number from 1 to 100, got 1.5',
    'expectDelivery.faults: expected faults, got fire',
    "expectDelivery.deadLetters: expected 'refused' or 'allowed', got maybe",
    'expectDelivery.runs: expected a whole number from 1 to 1000000, got 0',
    'expectDelivery.seed: expected a whole number from 0 to 4294967295, got -1',
    expect.stringMatching(/^expectDelivery\.limit: /),
  ])
  expect(issuesOf(build, { topic: orders, records, faults: 'crash' })).toEqual([
    'expectDelivery.faults: expected a list, got string',
  ])
  expect(issuesOf(build, undefined as never)).toEqual(['expectDelivery(…, options): expected an object, got undefined'])
})
