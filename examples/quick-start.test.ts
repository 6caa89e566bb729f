import { EmbeddedKafka } from '@holdfast/broker'
import { createHoldfast, json, topic } from 'holdfast'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { startProcess } from '../verify/processes.ts'

test('the quick start bills an order and ends cleanly when it is told to', async () => {
  await using kafka = await EmbeddedKafka.start({ topics: { orders: 3 } })
  const shop = createHoldfast({ kafka: kafka.bootstrap, log: false })
  await shop.start()
  await shop.send(topic('orders', { value: json() }), { key: 'a-1', value: { id: 'a-1', total: 9.9 } })
  await shop.stop()

  const billing = await startProcess({
    name: 'the quick start',
    args: [join(import.meta.dirname, 'quick-start.ts')],
    env: { KAFKA_BROKERS: kafka.bootstrap, KAFKA_GROUP_ID: undefined },
    readyLine: /"msg":"billed".*"order":"a-1".*"total":9\.9/,
  })
  const end = await billing.stop()

  expect(end).toEqual({ code: 0, signal: null })
})
