/** R18, B6: bytes that their topic's codec or schema refuses never reach the handler. They become a dead letter with the
 *  bytes as they came, on the first attempt, and hold up nobody: neither the consumer nor the order of their key. */
import { createHoldfast, byType, type Codec, HoldfastError, json, type Message, topic } from 'holdfast'
import { testKit } from 'holdfast/testing'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { Diary, headersOf, patientApp } from './consumer-world.ts'

const Order = z.object({ id: z.string() })
/** As a registry is asked: the answer takes time. */
const SlowOrder = Order.refine(() => Promise.resolve(true))
const retry = { inPlace: ['1s'], delays: ['5s'] }
const poisons = [Buffer.from('{'), Buffer.from('{"id":7}'), Buffer.from([0xff, 0x00]), Buffer.alloc(0)]

test.each([
  ['a codec', json(Order)],
  ['a codec that takes its time', json(SlowOrder)],
])('what %s refuses dies at once with its bytes, and its key goes on in order', async (_what, value) => {
  await using kit = await testKit({ topics: { orders: 1 } })
  const app = createHoldfast({ ...patientApp, kafka: kit.kafka })
  const handled: string[] = []
  const consumer = app.consume(topic('orders', { value }), { retry, deadLetters: true }, (message) => {
    handled.push(message.value.id)
  })
  const good = (id: string): { key: string; value: string } => ({ key: 'ann', value: JSON.stringify({ id }) })
  const bad = poisons.map((bytes) => ({ key: 'ann', value: bytes }))
  kit.broker.append('orders', 0, [good('a'), ...bad, { key: 'ann', value: null }, good('b')])
  await app.start()
  await kit.waitUntilCommitted('billing', 'orders')

  expect(handled).toEqual(['a', 'b'])
  const dead = kit.records('billing.orders.dlq')
  expect(dead.map((record) => record.value)).toEqual([...poisons, null])
  for (const record of dead) {
    expect(record.key?.toString()).toBe('ann')
    expect(headersOf(record)).toMatchObject({
      'holdfast-attempt': '1',
      'holdfast-error-code': 'MESSAGE_INVALID',
      'holdfast-error-message': expect.stringContaining('expected') as string,
    })
  }
  expect(kit.records('billing.orders.retry.5s')).toEqual([])
  expect(consumer.status()?.counts).toMatchObject({ done: 2, deadLettered: dead.length })
  expect(app.health()).toEqual({ live: true, ready: true, reasons: [] })

  kit.broker.append('orders', 0, [good('c')])
  await kit.waitUntilCommitted('billing', 'orders')
  expect(handled).toEqual(['a', 'b', 'c'])
  await app.stop()
})

test('what a codec could not look at is no poison: it is tried again', async () => {
  await using kit = await testKit({ topics: { orders: 1 } })
  const app = createHoldfast({ ...patientApp, kafka: kit.kafka })
  let asked = 0
  const registry: Codec<string> = {
    encode: (text) => Buffer.from(text),
    decode: (bytes) => {
      asked += 1
      if (asked < 3) throw new HoldfastError('BROKER_UNREACHABLE', 'the registry is away', { retriable: true })
      return Buffer.from(bytes ?? []).toString()
    },
  }
  const diary = new Diary<string>()
  app.consume(topic('orders', { value: registry }), { retry, deadLetters: true }, ({ value }) => diary.note(value))
  kit.broker.append('orders', 0, [{ value: 'a' }])
  await app.start()
  await diary.until((lines) => lines.length === 1)

  expect([diary.lines, asked]).toEqual([['a'], 3])
  expect(kit.records('billing.orders.dlq')).toEqual([])
  await app.stop()
})

test('a type that no handler is for dies at once with its bytes', async () => {
  await using kit = await testKit({ topics: { events: 1 } })
  const app = createHoldfast({ ...patientApp, kafka: kit.kafka })
  const events = topic('events', { value: json(z.discriminatedUnion('type', [z.object({ type: z.literal('paid') })])) })
  const loose = topic('events', { value: json<{ readonly type: 'paid' }>() })
  const handled: string[] = []
  const handlers = { paid: ({ value }: Message<{ type: 'paid' }>) => void handled.push(value.type) }
  app.consume(events, { retry, deadLetters: true, group: 'strict' }, byType(handlers))
  app.consume(loose, { retry, deadLetters: true, group: 'loose' }, byType(handlers))
  const unknown = '{"type":"cancelled"}'
  kit.broker.append('events', 0, [{ value: unknown }, { value: '{"type":"paid"}' }])
  await app.start()
  for (const group of ['strict', 'loose']) await kit.waitUntilCommitted(group, 'events')

  expect(handled).toEqual(['paid', 'paid'])
  for (const group of ['strict', 'loose']) {
    const dead = kit.records(`${group}.events.dlq`)
    expect(dead.map(({ value }) => value?.toString())).toEqual([unknown])
    expect(headersOf(dead[0] ?? { headers: [] })).toMatchObject({ 'holdfast-attempt': '1' })
  }
  await app.stop()
})
