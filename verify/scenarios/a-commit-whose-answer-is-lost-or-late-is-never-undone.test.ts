/** R2, R8, R9: a commit that was applied without an answer, answered late, refused by a coordinator that moved or cut off is
 *  repeated with what is true then. The broker never sees a lower offset after a higher one, and nothing is handled twice. */
import { EmbeddedKafka, type FaultDecision } from '@holdfast/broker'
import { createHoldfast, topic } from 'holdfast'
import { expect, test } from 'vitest'
import { append, commitRequests, committedAt, Diary, Gate, nextBrokerEvent, testApp } from './consumer-world.ts'

type Answer = {
  readonly topics: readonly {
    readonly name: string
    readonly partitions: readonly { readonly partitionIndex: number }[]
  }[]
}

function refuseWith(errorCode: number) {
  return ({ topics }: Answer): object => ({
    throttleTimeMs: 0,
    topics: topics.map(({ name, partitions }) => ({
      name,
      partitions: partitions.map(({ partitionIndex }) => ({ partitionIndex, errorCode })),
    })),
  })
}

/** By name: what happens to the second and third commit; the first one is that of the start. */
const troubles: Readonly<Record<string, (request: Answer) => FaultDecision>> = {
  'is applied and never answered': () => 'applyThenDrop',
  'is cut off': () => 'close',
  'meets a coordinator that has moved': refuseWith(16),
  'meets a coordinator that is loading': refuseWith(14),
  'meets a group that rebalances': refuseWith(27),
  'meets an unknown error': refuseWith(-1),
}

test.each(Object.entries(troubles))('a commit that %s', async (_, trouble) => {
  await using kafka = await EmbeddedKafka.start({ topics: { orders: 2 } })
  await using app = createHoldfast({ ...testApp, kafka: kafka.bootstrap, heartbeatInterval: '100ms' })
  const handled = new Diary<string>()
  const consumer = app.consume(topic('orders'), {}, ({ partition, offset }) => handled.note(`${partition}/${offset}`))
  await app.start()
  await consumer.assigned()
  let commits = 0
  kafka.core.intercept('OffsetCommit', (request) => (commits++ < 2 ? trouble(request as Answer) : undefined))

  for (let wave = 0; wave < 4; wave++) {
    const told = commits
    append(kafka, 'orders', 5)
    append(kafka, 'orders', 5, 1)
    await handled.until((lines) => lines.length >= 10 * (wave + 1))
    if (wave < 3 && commits === told) await committing(kafka)
  }
  await Promise.all([committedAt(kafka, 'billing', 'orders', 20), committedAt(kafka, 'billing', 'orders', 20, 1)])

  expect(commits).toBeGreaterThan(2)
  expectNeverLower(kafka)
  expect(new Set(handled.lines).size).toBe(40)
  expect(await app.stop()).toMatchObject({ clean: true, uncommitted: 0 })
})

test('a commit that is held back by the broker is waited for: no second one overtakes it', async () => {
  await using kafka = await EmbeddedKafka.start({ topics: { orders: 1 } })
  await using app = createHoldfast({ ...testApp, kafka: kafka.bootstrap })
  const handled = new Diary<number>()
  const consumer = app.consume(topic('orders'), {}, ({ offset }) => handled.note(offset))
  await app.start()
  await consumer.assigned()
  const held = new Gate()
  const asked = new Gate()
  let commits = 0
  kafka.core.intercept('OffsetCommit', async () => {
    asked.open()
    if (commits++ === 0) await held.opened
    return undefined
  })

  append(kafka, 'orders', 1)
  await asked.opened
  append(kafka, 'orders', 9)
  await handled.until((lines) => lines.length === 10)
  expect(commits).toBe(1)
  held.open()
  await committedAt(kafka, 'billing', 'orders', 10)

  expectNeverLower(kafka)
})

/** The next commit that reaches the broker, whatever becomes of it. */
async function committing(kafka: EmbeddedKafka): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  const forget = kafka.core.intercept('OffsetCommit', () => resolve() as undefined)
  await Promise.race([promise, nextBrokerEvent(kafka, (event) => event.type === 'commit')])
  forget()
}

function expectNeverLower(kafka: EmbeddedKafka): void {
  const highest = new Map<number, number>()
  for (const { partition, offset } of commitRequests(kafka, 'billing')) {
    expect(offset).toBeGreaterThanOrEqual(highest.get(partition) ?? 0)
    highest.set(partition, offset)
  }
}
