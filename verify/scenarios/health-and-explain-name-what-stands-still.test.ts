/** G8, R18: a partition that stands still fails health, and both health and explain() name the offset that is to blame, with
 *  what its handler threw; waiting, pausing and a broker that is away do not fail it. */
import { EmbeddedKafka } from '@holdfast/broker'
import { createHoldfast, topic } from 'holdfast'
import { describe, expect, test } from 'vitest'
import { chunkOf, MemberRig, offsets } from '../../packages/holdfast/src/engine/member-rig.fixture.ts'
import { explain, memberHealth } from '../../packages/holdfast/src/engine/status.ts'
import { append, committedAt, Gate, nextEvent, testApp, untilApp } from './consumer-world.ts'

describe('a record that is out of attempts', () => {
  test('is named with its error by health and explain, while the others of the topic go on', async () => {
    await using kafka = await EmbeddedKafka.start({ topics: { orders: 2 } })
    await using app = createHoldfast({ ...testApp, kafka: kafka.bootstrap })
    const consumer = app.consume(
      topic('orders'),
      { retry: { inPlace: ['1ms'] }, deadLetters: false },
      ({ partition, offset }) => {
        if (partition === 0 && offset === 2) throw new Error('the bank says no')
      },
    )
    append(kafka, 'orders', 4)
    append(kafka, 'orders', 4, 1)
    const blocked = nextEvent(app, 'partition.blocked')

    await app.start()
    await blocked
    await Promise.all([committedAt(kafka, 'billing', 'orders', 2), committedAt(kafka, 'billing', 'orders', 4, 1)])

    const blame = /offset 2.*failed 2 times, last with Error: the bank says no, and there is no dead-letter topic/
    expect(consumer.explain()).toEqual([expect.stringMatching(blame), 'orders/0: paused (retry)'])
    expect(app.health()).toEqual({ live: false, ready: true, reasons: [expect.stringMatching(blame) as string] })
    expect(consumer.status()?.partitions[0]?.blockedBy).toMatchObject({ offset: 2, attempt: 2 })
  })

  test('is named also when an older record waits for it to be mended', () => {
    const rig = new MemberRig({ subscription: { inPlaceDelaysMs: [100] } }).assign()
    rig.deliver(chunkOf(offsets(0, 1)))
    rig.end(1, 'failed')
    rig.advance(1_000)
    rig.end(1, 'failed', new Error('the bank says no'))
    rig.end(0, 'failed', new Error('a moment please'))
    rig.advance(60_000)

    const blame = /offset 1.*failed 2 times.*the bank says no/
    expect(memberHealth(rig.flow, rig.nowMs).failures.join('\n')).toMatch(blame)
    expect(explain(rig.flow, 'orders', rig.nowMs).join('\n')).toMatch(blame)
  })
})

describe('what is not to blame', () => {
  test('a handler that takes its time and a record that waits for its next attempt are explained, and live', async () => {
    await using kafka = await EmbeddedKafka.start({ topics: { orders: 1 } })
    await using app = createHoldfast({ ...testApp, kafka: kafka.bootstrap, drainAtStop: '10ms' })
    const gate = new Gate()
    const consumer = app.consume(topic('orders'), { retry: { inPlace: ['1h'] } }, ({ offset }) => {
      if (offset === 0) return gate.opened
      if (offset === 2) throw new Error('away')
      return undefined
    })
    append(kafka, 'orders', 4)
    await app.start()
    await untilApp(app, () => consumer.status()?.parked === 1 && consumer.status()?.counts.done === 2)

    expect(consumer.explain().join('\n')).toMatch(/orders\/0: offset 0 holds the commit .*its handler is running/)
    expect(app.health()).toMatchObject({ live: true, ready: true })

    gate.open()
    await committedAt(kafka, 'billing', 'orders', 2)
    expect(consumer.explain().join('\n')).toMatch(
      /offset 2 holds the commit .*it waits .* for attempt 2 after Error: away/,
    )
    expect(app.health()).toMatchObject({ live: true, ready: true })
  })

  test('a pause by the user is explained, and live', async () => {
    await using kafka = await EmbeddedKafka.start({ topics: { orders: 1 } })
    await using app = createHoldfast({ ...testApp, kafka: kafka.bootstrap })
    const consumer = app.consume(topic('orders'), {}, () => undefined)
    await app.start()
    await consumer.assigned()

    await consumer.pause()

    expect(consumer.explain()).toEqual(['orders/0: paused (user)'])
    expect(app.health()).toMatchObject({ live: true, ready: true })
    await consumer.resume()
    expect(consumer.explain()).toEqual([])
  })

  test('a broker that is away leaves the app alive', async () => {
    const kafka = await EmbeddedKafka.start({ topics: { orders: 1 } })
    await using app = createHoldfast({ ...testApp, kafka: kafka.bootstrap })
    const consumer = app.consume(topic('orders'), {}, () => undefined)
    await app.start()
    await consumer.assigned()
    const failed = nextEvent(app, 'connection.failed')

    await kafka.stop()
    await failed

    expect(app.health()).toMatchObject({ live: true })
  })
})
