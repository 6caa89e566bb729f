import { createHoldfast, type HoldfastEvents, topic } from 'holdfast'
import { testKit } from 'holdfast/testing'
import { expect, test } from 'vitest'

/** R17, and what a listener is given: names and numbers, nothing of the inside. */
test('each record ends in exactly one event, with its place and its outcome and nothing else', async () => {
  await using kit = await testKit({ topics: { orders: 1 } })
  const app = createHoldfast({ kafka: kit.kafka, group: 'billing', log: false })
  const ended: HoldfastEvents['record.ended'][] = []
  app.on('record.ended', (event) => void ended.push(event))
  const filter = ({ key }: { key: string | null }): boolean => key !== 'not ours'
  const consumer = app.consume(topic('orders'), { filter, order: 'partition' }, ({ key }, { attempt }) => {
    if (key === 'fails once' && attempt === 1) throw new Error('once')
  })
  kit.broker.append('orders', 0, [{ key: 'ours', value: '' }, { key: 'not ours' }, { key: 'fails once', value: '' }])
  await app.start()
  await consumer.whenCaughtUp()
  const at = { topic: 'orders', partition: 0 }
  expect(ended).toEqual([
    { group: 'billing', at, offset: 0, outcome: 'done' },
    { group: 'billing', at, offset: 1, outcome: 'filtered' },
    { group: 'billing', at, offset: 2, outcome: 'done' },
  ])
  expect(consumer.status()?.counts).toMatchObject({ accepted: 3, done: 2, filtered: 1 })
  await app.stop()
})
