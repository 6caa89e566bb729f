/** R3, R4, R22 (C4 of the ancestors' scenarios): when a second member joins a cooperative group, the partitions that the
 *  first one keeps are worked on all the while, those that it gives back are waited for, and delay topics move with their source. */
import { EmbeddedKafka } from '@holdfast/broker'
import { createHoldfast, type Holdfast, topic } from 'holdfast'
import { expect, test } from 'vitest'
import {
  append,
  commitRequests,
  committedOffset,
  Diary,
  Gate,
  nextEvent,
  ownedBy,
  testApp,
  untilApp,
} from './consumer-world.ts'

const partitions = [0, 1, 2, 3]
const cooperative = { ...testApp, heartbeatInterval: '100ms', protocol: 'cooperative' } as const

/** The handlers of offset 0 wait at the gate, unless they are told to end. */
function gatedApp(
  name: string,
  kafka: EmbeddedKafka,
  diary: Diary<string>,
  gate: Gate,
  drainAtRevoke = '3s',
): Holdfast {
  const app = createHoldfast({ ...cooperative, kafka: kafka.bootstrap, drainAtRevoke })
  app.consume(topic('orders'), { order: 'none' }, async ({ partition, offset }, { signal }) => {
    diary.note(`${name} starts ${partition}/${offset}`)
    signal.addEventListener('abort', () => diary.note(`${name} is told to end ${partition}/${offset}`))
    if (offset === 0) await gate.opened
    diary.note(`${name} ends ${partition}/${offset}`)
  })
  return app
}

/** The first member holds a record of each partition when the second one joins; returns what it is about to give back. */
async function disturbed(kafka: EmbeddedKafka, first: Holdfast, second: Holdfast, diary: Diary<string>) {
  for (const partition of partitions) append(kafka, 'orders', 1, partition)
  await first.start()
  await diary.until((lines) => lines.length === partitions.length)
  const shared = nextEvent(first, 'group.joined', ({ revoked }) => revoked > 0)
  await second.start()
  return shared
}

test('records of kept partitions are handled while handlers of the others are waited for', async () => {
  await using kafka = await EmbeddedKafka.start({ topics: { orders: partitions.length } })
  const diary = new Diary<string>()
  const gate = new Gate()
  await using first = gatedApp('first', kafka, diary, gate)
  await using second = gatedApp('second', kafka, diary, gate)
  const [ofFirst, ofSecond] = [ownedBy(first), ownedBy(second)]
  expect(await disturbed(kafka, first, second, diary)).toMatchObject({ retained: 2, added: 0, revoked: 2 })

  for (const partition of partitions) append(kafka, 'orders', 1, partition)
  await diary.until((lines) => lines.filter((line) => /ends .\/1/.test(line)).length === 2)
  const kept = new Set(diary.lines.filter((line) => /ends .\/1/.test(line)).map((line) => line.at(-3)))
  expect(diary.lines.filter((line) => line.startsWith('second'))).toEqual([])
  expect(ofFirst.size).toBe(partitions.length)

  gate.open()
  await diary.until((lines) => lines.filter((line) => line.startsWith('second ends')).length === 2)
  expect(new Set([...ofFirst].map((name) => name.at(-1)))).toEqual(kept)
  expect(ofSecond.size).toBe(2)
  // The new owner begins behind what the old one finished, and nothing was told to end.
  expect(diary.lines.filter((line) => line.startsWith('second starts')).every((line) => line.endsWith('/1'))).toBe(true)
  expect(diary.lines.filter((line) => line.includes('told'))).toEqual([])
})

test('a hand-over that takes too long is ended at its deadline, alone, and commits nothing that did not end', async () => {
  await using kafka = await EmbeddedKafka.start({ topics: { orders: partitions.length } })
  const diary = new Diary<string>()
  const gate = new Gate()
  await using first = gatedApp('first', kafka, diary, gate, '100ms')
  await using second = gatedApp('second', kafka, diary, gate)
  const ofSecond = ownedBy(second)
  await disturbed(kafka, first, second, diary)
  await untilApp(second, () => ofSecond.size === 2)

  const given = new Set([...ofSecond].map((name) => name.at(-1)))
  const told = diary.lines.filter((line) => line.includes('told')).map((line) => line.at(-3))
  expect(new Set(told)).toEqual(given)
  for (const partition of given) expect(committedOffset(kafka, 'billing', 'orders', Number(partition))).toBe(0)
  gate.open()
})

test('the last commit of what is given back is of the generation that takes it away', async () => {
  await using kafka = await EmbeddedKafka.start({ topics: { orders: partitions.length } })
  const diary = new Diary<string>()
  const gate = new Gate()
  await using first = gatedApp('first', kafka, diary, gate)
  await using second = gatedApp('second', kafka, diary, gate)
  const { generation } = await disturbed(kafka, first, second, diary)
  const revoked = nextEvent(first, 'partition.revoked')
  gate.open()
  const { at, committed } = await revoked

  expect(committed).toBe(1)
  const commits = commitRequests(kafka, 'billing').filter(
    (each) => each.partition === at.partition && each.offset === 1,
  )
  expect(commits.map((each) => each.generation)).toEqual([generation])
})

test.each(['eager', 'cooperative'] as const)(
  '%s: delay partitions go to the owner of their source',
  async (protocol) => {
    const delayTopic = 'billing.orders.retry.1m'
    await using kafka = await EmbeddedKafka.start({ topics: { clicks: 1, orders: 4, [delayTopic]: 4 } })
    const start = async (): Promise<{ app: Holdfast; owned: ReadonlySet<string> }> => {
      const app = createHoldfast({ ...cooperative, protocol, kafka: kafka.bootstrap, topics: 'ignore' })
      // One partition more, so that nothing comes out even by itself.
      app.consume(topic('clicks'), {}, () => undefined)
      app.consume(topic('orders'), { retry: { delays: ['1m'] } }, () => undefined)
      const owned = ownedBy(app)
      await app.start()
      return { app, owned }
    }
    const expectTogether = (owned: ReadonlySet<string>): void => {
      const of = (name: string) => partitions.filter((partition) => owned.has(`${name}/${partition}`))
      expect(of(delayTopic)).toEqual(of('orders'))
    }
    const first = await start()
    await using _first = first.app
    await untilApp(first.app, () => first.owned.size === 9)
    const second = await start()
    await using _second = second.app
    // Five units between two members: each has two at least, of one or two partitions.
    const both = [first.owned, second.owned]
    const shared = (): boolean => both.every(({ size }) => size >= 3) && both[0]!.size + both[1]!.size === 9
    await Promise.race([untilApp(first.app, shared), untilApp(second.app, shared)])
    for (const { owned } of [first, second]) expectTogether(owned)
    await second.app.stop()
    await untilApp(first.app, () => first.owned.size === 9)
    expectTogether(first.owned)
  },
)
