/** R32, G7: stop is quiet, drain, flush, commit, leave, close. It costs an idle app a single request, can be called at any
 *  time and any number of times, and never waits longer than its budgets for a broker that does not answer. */
import { createHoldfast, type Holdfast, topic } from 'holdfast'
import { testKit, type TestKit } from 'holdfast/testing'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { Diary, Gate, nextEvent, recordEvents } from './consumer-world.ts'

const orders = topic('orders')
const clean = { clean: true, uncommitted: 0, abandoned: 0 }

let kit: TestKit
let app: Holdfast
beforeEach(async () => {
  kit = await testKit({ topics: { orders: 2 } })
  app = createHoldfast({ kafka: kit.kafka, group: 'billing', log: false })
})
afterEach(() => kit.close())

/** The APIs that the broker served since the history had `from` entries. */
function served(from = 0): string[] {
  return kit.broker.history.slice(from).map(({ api }) => api)
}

describe('an idle app', () => {
  test('leaves its group and asks for nothing else, in no time', async () => {
    const consumer = app.consume(orders, {}, () => undefined)
    await app.start()
    await consumer.whenCaughtUp()
    const before = { requests: kit.broker.history.length, ms: kit.time.monotonicMs() }

    expect(await app.stop()).toEqual(clean)

    expect(served(before.requests).filter((api) => api !== 'Fetch')).toEqual(['LeaveGroup'])
    expect(kit.time.monotonicMs() - before.ms).toBeLessThan(1_000)
    expect(kit.broker.group('billing')?.members).toEqual([])
    await expect(app.closed).resolves.toEqual(clean)
  })

  test('asks for nothing any more once it is stopped', async () => {
    app.consume(orders, {}, () => undefined)
    await app.start()
    await app.stop()
    const requests = kit.broker.history.length

    await kit.time.advance('1h')

    expect(served(requests)).toEqual([])
  })

  test('that only sends leaves no group', async () => {
    await app.start()
    await app.send(orders, { value: Buffer.from('a') })
    await app.stop()

    expect(served()).not.toContain('LeaveGroup')
  })
})

describe('called out of turn', () => {
  test('before the start it does nothing', async () => {
    expect(await app.stop()).toEqual(clean)
    expect(served()).toEqual([])
  })

  test('twice at once it stops once, and both learn how it ended', async () => {
    const consumer = app.consume(orders, {}, () => undefined)
    await app.start()
    await consumer.assigned()
    const events = recordEvents(app)

    const results = await Promise.all([app.stop(), app.stop()])
    expect(await app.stop()).toEqual(clean)

    expect(results).toEqual([clean, clean])
    expect(served().filter((api) => api === 'LeaveGroup')).toHaveLength(1)
    expect(events.filter(({ name }) => name === 'app.stopped')).toHaveLength(1)
  })

  test('during the start it ends the start', async () => {
    app.consume(orders, {}, () => undefined)
    const starting = app.start()
    const stopping = app.stop()

    await expect(starting).rejects.toMatchObject({ code: 'STOPPED' })
    expect(await stopping).toEqual(clean)
    expect(app.health()).toMatchObject({ ready: false })
    const requests = kit.broker.history.length
    await kit.time.advance('1h')
    expect(served(requests)).toEqual([])
  })

  test('while the group is being joined it does not wait for the join', async () => {
    app.consume(orders, {}, () => undefined)
    kit.broker.intercept('JoinGroup', () => 'drop')
    await app.start()
    const startedMs = kit.time.monotonicMs()

    expect(await app.stop()).toEqual(clean)

    expect(kit.time.monotonicMs() - startedMs).toBeLessThan(1_000)
  })
})

describe('and started again', () => {
  test('it goes on where it was, and repeats nothing', async () => {
    const diary = new Diary<string>()
    app.consume(orders, {}, ({ partition, offset }) => diary.note(`${partition}/${offset}`))
    kit.broker.append('orders', 0, [{}, {}])
    await app.start()
    await diary.until((lines) => lines.length === 2)
    expect(await app.stop()).toEqual(clean)

    kit.broker.append('orders', 1, [{}])
    await app.start()
    await diary.until((lines) => lines.length === 3)
    expect(await app.stop()).toEqual(clean)

    expect(diary.lines.toSorted()).toEqual(['0/0', '0/1', '1/0'])
  })

  test('a start during the stop waits for its end', async () => {
    const consumer = app.consume(orders, {}, () => undefined)
    await app.start()
    await consumer.assigned()
    const order: string[] = []

    const stopping = app.stop().then(() => order.push('stopped'))
    const starting = app.start().then(() => order.push('started'))
    await Promise.all([stopping, starting])

    expect(order).toEqual(['stopped', 'started'])
    await consumer.assigned()
    expect(app.health()).toMatchObject({ live: true, ready: true })
    await app.stop()
  })

  test('two starts during the stop start it once', async () => {
    const consumer = app.consume(orders, {}, () => undefined)
    await app.start()
    await consumer.assigned()
    const events = recordEvents(app)

    await Promise.all([app.stop(), app.start(), app.start()])
    await consumer.assigned()

    expect(events.filter(({ name }) => name === 'app.started')).toHaveLength(1)
    expect(kit.broker.group('billing')?.members).toHaveLength(1)
    await app.stop()
    expect(kit.broker.group('billing')?.members).toEqual([])
  })

  test('a stop, a start and a stop in one breath leave it stopped', async () => {
    const consumer = app.consume(orders, {}, () => undefined)
    await app.start()
    await consumer.assigned()

    const calls = [app.stop(), app.start(), app.stop()]
    await Promise.allSettled(calls)
    await kit.time.advance('1m')

    expect(kit.broker.group('billing')?.members).toEqual([])
    expect(app.health()).toMatchObject({ ready: false })
  })
})

describe('with work under way', () => {
  test('it starts nothing more, lets what runs end, and commits it before it leaves', async () => {
    const diary = new Diary<number>()
    const gate = new Gate()
    app.consume(orders, { concurrency: 1, order: 'partition' }, async ({ offset }) => {
      diary.note(offset)
      await gate.opened
    })
    kit.broker.append('orders', 0, [{}, {}, {}])
    await app.start()
    await diary.until((lines) => lines.length === 1)
    const from = kit.broker.history.length
    const stopping = app.stop()
    await kit.time.advance('5s')

    gate.open()

    expect(await stopping).toEqual(clean)
    expect(diary.lines).toEqual([0])
    expect(kit.committed('billing')).toContainEqual(expect.objectContaining({ partition: 0, offset: 1 }))
    const apis = served(from)
    expect(apis.filter((api) => api === 'Heartbeat').length).toBeGreaterThan(0)
    expect(apis.lastIndexOf('OffsetCommit')).toBeLessThan(apis.indexOf('LeaveGroup'))
  })

  test('what a handler sent is stored before its record is committed', async () => {
    kit.broker.createTopic('receipts', 1)
    const diary = new Diary<number>()
    let sending: Promise<unknown> = Promise.resolve()
    app.consume(orders, {}, ({ offset }) => {
      sending = app.send(topic('receipts'), { value: Buffer.from('paid') })
      diary.note(offset)
    })
    await app.start()
    const produced = new Gate()
    kit.broker.intercept('Produce', async () => {
      await produced.opened
      return undefined
    })
    kit.broker.append('orders', 0, [{}])
    await diary.until((lines) => lines.length === 1)

    const stopping = app.stop()
    produced.open()
    await stopping
    await sending

    const apis = served()
    expect(apis.indexOf('Produce')).toBeLessThan(apis.indexOf('LeaveGroup'))
    expect(kit.records('receipts')).toHaveLength(1)
  })
})

describe('with a broker that does not answer', () => {
  test('it gives up after the budget of the last commit, and says what is not committed', async () => {
    const consumer = app.consume(orders, {}, () => undefined)
    await app.start()
    await consumer.assigned()
    kit.broker.intercept('OffsetCommit', () => 'drop')
    kit.broker.intercept('LeaveGroup', () => 'drop')
    const ended = nextEvent(app, 'record.ended')
    kit.broker.append('orders', 0, [{}])
    await ended
    const stopsFromMs = kit.time.monotonicMs()

    const result = await app.stop()

    expect(result).toEqual({ clean: false, uncommitted: 1, abandoned: 0 })
    expect(kit.time.monotonicMs() - stopsFromMs).toBeLessThanOrEqual(3_500)
  })

  test('an idle app whose broker has vanished stops within a second', async () => {
    const consumer = app.consume(orders, {}, () => undefined)
    await app.start()
    await consumer.whenCaughtUp()
    for (const api of ['Fetch', 'Heartbeat', 'LeaveGroup', 'Metadata', 'FindCoordinator'] as const) {
      kit.broker.intercept(api, () => 'close')
    }
    await kit.time.advance('10s')
    const stopsFromMs = kit.time.monotonicMs()

    expect(await app.stop()).toEqual(clean)

    expect(kit.time.monotonicMs() - stopsFromMs).toBeLessThanOrEqual(1_000)
  })
})
