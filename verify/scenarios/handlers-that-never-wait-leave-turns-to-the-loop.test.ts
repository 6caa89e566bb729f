import { EmbeddedKafka } from '@holdfast/broker'
import { createHoldfast, topic } from 'holdfast'
import { expect, test } from 'vitest'

test('handlers that never wait leave timers and sockets their turn', async () => {
  await using kafka = await EmbeddedKafka.start({ topics: { orders: 1 } })
  const app = createHoldfast({
    kafka: kafka.bootstrap,
    group: 'billing',
    log: false,
    profile: 'test',
  })
  let turns = 0
  let turnsAtFirst = -1
  let turnsAtLast = 0
  let ended = 0
  const count = 2_000
  const { promise, resolve } = Promise.withResolvers<void>()
  app.consume(topic('orders'), { concurrency: 1 }, () => {
    if (turnsAtFirst < 0) turnsAtFirst = turns
    const until = performance.now() + 1
    while (performance.now() < until);
    turnsAtLast = turns
    if (++ended === count) resolve()
  })
  kafka.core.append(
    'orders',
    0,
    Array.from({ length: count }, () => ({ value: 'x' })),
  )
  let goes = true
  const turn = (): void => {
    turns += 1
    if (goes) setImmediate(turn)
  }
  turn()
  await app.start()
  await promise
  goes = false
  // Two seconds of handlers in turns of ten milliseconds.
  expect(turnsAtLast - turnsAtFirst).toBeGreaterThan(50)
  await app.stop()
})
