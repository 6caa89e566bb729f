/** R3, R4, R14: a second member joins a group in the middle of the work and leaves it again. Nothing is lost, the
 *  first completions of every key are in order, attempts of a key never overlap, and each hand-over waits for what runs. */
import { EmbeddedKafka } from '@holdfast/broker'
import { createHoldfast, type Holdfast, topic } from 'holdfast'
import { expect, test } from 'vitest'
import { append, committedAt, Diary, Gate, nextEvent, ownedBy, testApp, untilApp } from './consumer-world.ts'

type Line = {
  readonly app: string
  readonly key: string
  readonly at: string
  readonly offset: number
  readonly is: 'start' | 'end'
}

type Protocol = 'eager' | 'cooperative'

const partitions = 4
const keysOfPartition = 5

/** Handlers take a few turns of the event loop, so that many are under way at any moment. */
function startApp(kafka: EmbeddedKafka, protocol: Protocol, name: string, diary: Diary<Line>): Holdfast {
  const app = createHoldfast({ ...testApp, kafka: kafka.bootstrap, heartbeatInterval: '100ms', protocol })
  app.consume(topic('orders'), { concurrency: 16 }, async ({ partition, key, offset }) => {
    const line = { app: name, key: `${partition}/${key}`, at: `${partition}/${offset}`, offset }
    diary.note({ ...line, is: 'start' })
    for (let turns = 0; turns < 3 + (offset % 4); turns++) await new Promise((resolve) => setImmediate(resolve))
    diary.note({ ...line, is: 'end' })
  })
  return app
}

function appendWave(kafka: EmbeddedKafka, perPartition: number): void {
  for (let partition = 0; partition < partitions; partition++) {
    const records = Array.from({ length: perPartition }, (_, index) => ({ key: `k${index % keysOfPartition}` }))
    append(kafka, 'orders', records, partition)
  }
}

const protocols = ['eager', 'cooperative'] as const

test.each(protocols)('%s: none of 2,000 records is lost and every key keeps its order', async (protocol) => {
  await using kafka = await EmbeddedKafka.start({ topics: { orders: partitions } })
  const diary = new Diary<Line>()
  await using first = startApp(kafka, protocol, 'first', diary)
  await using second = startApp(kafka, protocol, 'second', diary)
  const ended = (app: string) => (lines: readonly Line[]) => lines.some((line) => line.app === app && line.is === 'end')
  const owned = ownedBy(first)
  appendWave(kafka, 200)
  await first.start()
  await diary.until(ended('first'))

  const given = nextEvent(second, 'partition.assigned')
  await second.start()
  await given
  appendWave(kafka, 200)
  await diary.until(ended('second'))
  appendWave(kafka, 50)
  await second.stop()
  await untilApp(first, () => owned.size === partitions)
  appendWave(kafka, 50)
  for (let partition = 0; partition < partitions; partition++)
    await committedAt(kafka, 'billing', 'orders', 500, partition)

  expectNothingLost(diary.lines, 500)
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

function expectNothingLost(lines: readonly Line[], perPartition: number): void {
  const completed = new Set(lines.filter(({ is }) => is === 'end').map(({ at }) => at))
  expect(completed.size).toBe(partitions * perPartition)
}

/** First completions of a key in order; no two attempts of it at once, whichever member runs them. */
function expectOrder(lines: readonly Line[]): void {
  const highest = new Map<string, number>()
  const running = new Map<string, string>()
  for (const { key, at, offset, is } of lines) {
    if (is === 'start') {
      expect(running.get(key), `beside ${at}`).toBe(undefined)
      running.set(key, at)
      continue
    }
    running.delete(key)
    const before = highest.get(key) ?? -1
    if (offset > before) expect(offset, key).toBe(before < 0 ? offset : before + keysOfPartition)
    highest.set(key, Math.max(before, offset))
  }
}
