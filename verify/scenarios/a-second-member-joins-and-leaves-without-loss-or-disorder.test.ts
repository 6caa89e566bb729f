/** R3, R4, R14: a second member joins a group in the middle of the work and leaves it again. Nothing is lost, the
 *  first completions of every key are in order, attempts of a key never overlap, and each hand-over waits for what runs. */
import { EmbeddedKafka } from '@holdfast/broker'
import { createHoldfast, type Holdfast, topic } from 'holdfast'
import { expect, test } from 'vitest'
import { diaryApp, endedBy, expectNothingLost, expectOrder, keyOf, type Line, protocols } from './attempt-diary.ts'
import { append, committedAt, Diary, Gate, nextEvent, ownedBy, testApp, untilApp } from './consumer-world.ts'

const partitions = 4

function appendWave(kafka: EmbeddedKafka, perPartition: number): void {
  for (let partition = 0; partition < partitions; partition++) {
    const records = Array.from({ length: perPartition }, (_, index) => ({ key: keyOf(index) }))
    append(kafka, 'orders', records, partition)
  }
}

test.each(protocols)('%s: none of 2,000 records is lost and every key keeps its order', async (protocol) => {
  await using kafka = await EmbeddedKafka.start({ topics: { orders: partitions } })
  const diary = new Diary<Line>()
  await using first = diaryApp('first', diary, 'orders', { kafka: kafka.bootstrap, protocol })
  await using second = diaryApp('second', diary, 'orders', { kafka: kafka.bootstrap, protocol })
  const owned = ownedBy(first)
  appendWave(kafka, 200)
  await first.start()
  await diary.until(endedBy('first'))

  const given = nextEvent(second, 'partition.assigned')
  await second.start()
  await given
  appendWave(kafka, 200)
  await diary.until(endedBy('second'))
  appendWave(kafka, 50)
  await second.stop()
  await untilApp(first, () => owned.size === partitions)
  appendWave(kafka, 50)
  for (let partition = 0; partition < partitions; partition++)
    await committedAt(kafka, 'billing', 'orders', 500, partition)

  expectNothingLost(diary.lines, 500 * partitions)
  expectOrder(diary.lines)
})

test('eager: a hand-over waits for the handlers that run, and the new owner starts behind what they finished', async () => {
  await using kafka = await EmbeddedKafka.start({ topics: { orders: 2 } })
  const diary = new Diary<string>()
  const gate = new Gate()
  const consume = (app: Holdfast, name: string): unknown =>
    app.consume(topic('orders'), {}, async ({ partition, offset }) => {
      diary.note(`${name} ${partition}/${offset}`)
      if (offset === 0) await gate.opened
    })
  const options = { ...testApp, kafka: kafka.bootstrap, heartbeatInterval: '100ms' } as const
  await using first = createHoldfast(options)
  await using second = createHoldfast(options)
  consume(first, 'first')
  consume(second, 'second')
  append(kafka, 'orders', 1)
  append(kafka, 'orders', 1, 1)
  await first.start()
  await diary.until((lines) => lines.length === 2)
  const rebalancing = nextEvent(first, 'group.rebalancing')
  const joined = nextEvent(second, 'group.joined')
  await second.start()
  await rebalancing
  append(kafka, 'orders', 1)
  append(kafka, 'orders', 1, 1)
  expect(kafka.core.group('billing')).toMatchObject({ state: 'preparing' })

  gate.open()
  await joined
  await diary.until((lines) => lines.length === 4)

  expect(diary.lines.filter((line) => line.endsWith('/0'))).toEqual(['first 0/0', 'first 1/0'])
  expect(new Set(diary.lines.slice(2).map((line) => line.split(' ')[0]))).toEqual(new Set(['first', 'second']))
})
