/** R14, R15, R19: a record that waits in place keeps its lane. One that went to a delay topic lets its followers pass; under
 *  `block` nothing goes there and nothing passes. What is no follower, another key, goes on in any case. */
import { createHoldfast, type ConsumeOptions, topic } from 'holdfast'
import { testKit } from 'holdfast/testing'
import { expect, test } from 'vitest'
import { Diary, noting, patientApp, type Tried } from './consumer-world.ts'

const orders = topic('orders')
const of = (key: string) => (value: string) => ({ key, value })
const [ann, bob] = [of('ann'), of('bob')]
const records = [ann('bad'), bob('b1'), ann('a1'), bob('b2'), ann('a2')]
const thrice = ({ what, attempt }: Tried): Error | undefined =>
  what === 'bad' && attempt < 3 ? new Error('away') : undefined

type Row = readonly [string, ConsumeOptions<Uint8Array>, orderOfAnn: readonly string[], othersWait: boolean]

const rows: readonly Row[] = [
  [
    'in place it is passed by nothing of its key',
    { retry: { inPlace: ['1m', '1m'] } },
    ['bad', 'bad', 'bad', 'a1', 'a2'],
    false,
  ],
  [
    'in delay topics it is passed by all',
    { retry: { delays: ['1m', '2m'] } },
    ['bad', 'a1', 'a2', 'bad', 'bad'],
    false,
  ],
  [
    'in place and then in a delay topic it is passed after it left',
    { retry: { inPlace: ['1m'], delays: ['1m'] } },
    ['bad', 'bad', 'a1', 'a2', 'bad'],
    false,
  ],
  [
    'under block it is passed by nothing of its key',
    { retry: { delays: ['1m', '2m'] }, whileRetrying: 'block' },
    ['bad', 'bad', 'bad', 'a1', 'a2'],
    false,
  ],
  [
    'under block and in partition order it is passed by nothing',
    { retry: { delays: ['1m', '2m'] }, whileRetrying: 'block', order: 'partition' },
    ['bad', 'bad', 'bad', 'a1', 'a2'],
    true,
  ],
  [
    'in place and in partition order it is passed by nothing',
    { retry: { inPlace: ['1m', '1m'] }, order: 'partition' },
    ['bad', 'bad', 'bad', 'a1', 'a2'],
    true,
  ],
  [
    'in place and without any order it is passed by all',
    { retry: { inPlace: ['1m', '1m'] }, order: 'none' },
    ['bad', 'a1', 'a2', 'bad', 'bad'],
    false,
  ],
]

test.each(rows)('while a record waits %s', async (_how, options, orderOfAnn, othersWait) => {
  await using kit = await testKit({ topics: { orders: 1 } })
  const app = createHoldfast({ ...patientApp, kafka: kit.kafka })
  const diary = new Diary<Tried>()
  const consumer = app.consume(orders, options, noting(kit, diary, thrice))
  kit.broker.append('orders', 0, records)
  await app.start()
  await kit.waitFor(() => consumer.status()?.counts.done === records.length, 'all of them')

  const order = diary.lines.map(({ what }) => what)
  expect(order.filter((what) => !what.startsWith('b') || what === 'bad')).toEqual(orderOfAnn)
  expect(order.filter((what) => what === 'b1' || what === 'b2')).toEqual(['b1', 'b2'])
  expect(order.indexOf('b1') > order.lastIndexOf('bad')).toBe(othersWait)
  await app.stop()
})

test('two records of a key that wait in the same delay topic come back in their order', async () => {
  await using kit = await testKit({ topics: { orders: 1 } })
  const app = createHoldfast({ ...patientApp, kafka: kit.kafka })
  const diary = new Diary<Tried>()
  const consumer = app.consume(
    orders,
    { retry: { delays: ['1m'] } },
    noting(kit, diary, ({ attempt }) => (attempt === 1 ? new Error('away') : undefined)),
  )
  kit.broker.append('orders', 0, ['a1', 'a2', 'a3', 'a4'].map(ann))
  await app.start()
  await kit.waitFor(() => consumer.status()?.counts.done === 4, 'all of them')

  expect(diary.lines.filter(({ attempt }) => attempt === 2).map(({ what }) => what)).toEqual(['a1', 'a2', 'a3', 'a4'])
  await app.stop()
})
