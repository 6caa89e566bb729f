/** `expectDelivery` as its users meet it: what it lets pass, what it refuses, and what it says about a handler that
 *  is wrong. */

import { createHoldfast, type Holdfast, NonRetriableError, text, topic } from 'holdfast'
import { DeliveryError, type DeliveryOptions, type DeliveryStage, expectDelivery } from 'holdfast/testing'
import { describe, expect, test } from 'vitest'

const orders = topic('orders', { value: text() })
const bills = topic('bills', { value: text() })
const records = Array.from({ length: 12 }, (_, index) => ({ key: `k${index % 3}`, value: `order ${index}` }))

type Handle = Parameters<typeof consuming>[1]
type Options = DeliveryOptions<string, string, Set<string>>

function consuming(
  { kafka }: Pick<DeliveryStage<unknown>, 'kafka'>,
  handle: Parameters<typeof Holdfast.prototype.consume<string, string>>[2],
  options: Parameters<typeof Holdfast.prototype.consume<string, string>>[1] = {},
): Holdfast {
  const app = createHoldfast({ kafka, group: 'billing', log: false })
  app.consume(orders, options, handle)
  return app
}

/** Each message leaves a mark downstream, which may be left twice. */
const marking: Options = {
  topic: orders,
  records,
  runs: 10,
  downstream: () => new Set(),
  check: ({ downstream, sent }) => {
    const missing = sent.filter(({ value }) => !downstream.has(value))
    if (missing.length > 0) throw new Error(`${missing.length} messages left no mark`)
  },
}

async function failureOf(
  build: (stage: DeliveryStage<Set<string>>) => Holdfast | Promise<Holdfast>,
  options: Partial<Options> = {},
): Promise<DeliveryError> {
  const error: unknown = await expectDelivery(build, { ...marking, ...options }).catch((reason: unknown) => reason)
  if (error instanceof DeliveryError) return error
  throw new Error('expected a delivery that breaks something', { cause: error })
}

const mark =
  ({ downstream }: DeliveryStage<Set<string>>): Handle =>
  ({ value }) =>
    void downstream.add(value)

describe('what is right passes', () => {
  test.each(['partition', 'key', 'none'] as const)('with order %s, delay topics and every fault', async (order) => {
    const report = await expectDelivery(
      (stage) => {
        const { downstream, faulty } = stage
        const add = faulty((value: string) => void downstream.add(value), 'add')
        return consuming(stage, ({ value }) => add(value), {
          order,
          attemptTimeout: '2s',
          retry: { inPlace: ['100ms'], delays: ['5s', '1m'] },
        })
      },
      { ...marking, runs: 15, records: (index) => ({ key: `k${index % 4}`, value: `order ${index}` }) },
    )

    expect(report).toMatchObject({ runs: 15, messages: 600 })
    expect(report.repeated).toBeGreaterThan(0)
  })

  test('what handlers send elsewhere can be checked too', async () => {
    const report = await expectDelivery(
      (stage) => {
        const app: Holdfast = consuming(stage, async ({ key, value }) => {
          await app.send(bills, { key, value: `bill for ${value}` })
        })
        return app
      },
      {
        topic: orders,
        records,
        runs: 10,
        topics: { bills: 2 },
        check: ({ sent, valuesIn }) => {
          const written = new Set(valuesIn('bills').map(String))
          expect([...written].toSorted()).toEqual(sent.map(({ value }) => `bill for ${value}`).toSorted())
        },
      },
    )

    expect(report.faults.crash).toBeGreaterThan(0)
  })

  test('a filter leaves messages out, and handlers may be synchronous', async () => {
    await expectDelivery((stage) => consuming(stage, mark(stage), { filter: ({ value }) => value !== 'order 3' }), {
      ...marking,
      check: ({ downstream }) => expect(downstream.has('order 3')).toBe(false),
    })
  })

  test('the same seed runs the same', async () => {
    const run = () => expectDelivery((stage) => consuming(stage, mark(stage)), { ...marking, seed: 5, runs: 3 })

    expect(await run()).toEqual(await run())
  })
})

describe('a handler that is wrong is told on', () => {
  const forgets = (stage: DeliveryStage<Set<string>>): Holdfast => {
    const seen = new Set<string>()
    return consuming(stage, ({ value, key }) => {
      // What came first in this process is taken for done: after a crash it is not.
      if (seen.has(String(key))) stage.downstream.add(value)
      seen.add(String(key))
      stage.downstream.add(value === 'order 5' && seen.size < 3 ? '' : value)
    })
  }

  test('the seed that it tells finds the same story again', async () => {
    const first = await failureOf(forgets, { runs: 100 })
    const again = await failureOf(forgets, { seed: first.seed, runs: 1 })

    expect(first).toMatchObject({
      code: 'DELIVERY_BROKEN',
      guarantee: 'your check',
      message: /1 messages left no mark/,
    })
    expect(again.story).toBe(first.story)
    expect(first.story.split('\n').length).toBeLessThanOrEqual(40)
  })

  test('one that always throws makes dead letters, which nobody asked for', async () => {
    const refuses: Handle = ({ value }) => {
      if (value === 'order 7') throw new NonRetriableError('no such customer')
    }

    const { guarantee, message, story } = await failureOf((stage) => consuming(stage, refuses), { check: undefined })

    expect(guarantee).toBe('no dead letters')
    expect(message).toContain('died after 1 attempts, the last one left alone: no such customer')
    expect(story).toMatch(
      /key k1 failed: NonRetriableError: no such customer\n.*is orders \d\/\d after 1 attempts, a dead/,
    )
  })

  test('unless dead letters are allowed', async () => {
    const refuses: Handle = ({ value }) => {
      if (value === 'order 7') throw new NonRetriableError('no such customer')
    }
    const report = await expectDelivery((stage) => consuming(stage, refuses), {
      ...marking,
      check: ({ valuesIn }) =>
        expect(new Set(valuesIn('billing.orders.dlq').map(String))).toEqual(new Set(['order 7'])),
      deadLetters: 'allowed',
    })

    expect(report.runs).toBe(10)
  })

  test('one that blocks its partition because there is no dead-letter topic', async () => {
    const build = (stage: DeliveryStage<Set<string>>): Holdfast => {
      const app = createHoldfast({ kafka: stage.kafka, group: 'billing', log: false, topics: 'ignore' })
      app.consume(orders, { deadLetters: false }, () => {
        throw new NonRetriableError('no such customer')
      })
      return app
    }

    expect(await failureOf(build)).toMatchObject({
      guarantee: 'everything ends',
      message: /nothing can be done with orders \d\/0, and there is no topic for dead letters: .*no such customer/,
    })
  })

  test('one that never settles is stuck, and the reason is named', async () => {
    const waits = () => new Promise<never>(() => {})

    const { guarantee, message } = await failureOf((stage) => consuming(stage, waits, { attemptTimeout: '5s' }), {
      runs: 1,
      count: 1,
      limit: '5m',
    })

    expect(guarantee).toBe('everything ends')
    expect(message).toMatch(/not everything is committed after .*its handler of orders \d\/\d has not settled/)
  })

  test('one that draws by chance is told that its failure does not come again', async () => {
    let runs = 0
    const build = (stage: DeliveryStage<Set<string>>): Holdfast => {
      runs += 1
      return consuming(stage, runs === 1 ? () => undefined : mark(stage))
    }

    expect((await failureOf(build, { faults: [] })).message).toContain('The same seed did not fail again')
  })
})

describe('what makes no sense is refused', () => {
  test('an app that reads nothing from its Kafka', async () => {
    const build = () => createHoldfast({ kafka: 'localhost:1', group: 'billing', log: false, startTimeout: '100ms' })

    await expect(expectDelivery(build, { ...marking, limit: '1m' })).rejects.toThrow('got one that reads nothing there')
  })

  test('faults of a downstream that no call goes through', async () => {
    const delivery = expectDelivery((stage) => consuming(stage, mark(stage)), {
      ...marking,
      faults: ['failingDownstream'],
    })

    await expect(delivery).rejects.toThrow('nothing was made with faulty()')
  })

  test('an app that starts while it is built', async () => {
    const build = async (stage: DeliveryStage<Set<string>>): Promise<Holdfast> => {
      const app = consuming(stage, mark(stage))
      await app.start()
      return app
    }

    await expect(expectDelivery(build, marking)).rejects.toThrow('got one that starts while it is built')
  })

  test('settings of the app itself', async () => {
    const build = (stage: DeliveryStage<Set<string>>) => consuming(stage, mark(stage), { concurrency: 0 })

    await expect(expectDelivery(build, marking)).rejects.toMatchObject({ code: 'SETTINGS_INVALID' })
  })

  test('messages that are none', async () => {
    await expect(
      expectDelivery((stage) => consuming(stage, mark(stage)), { ...marking, records: [{ value: 7 as never }] }),
    ).rejects.toMatchObject({ code: 'MESSAGE_INVALID' })
  })
})
