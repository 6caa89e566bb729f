/** G3, G6, R19, R22 on real Kafka: both members of a group are replaced, one after the other, while records wait in place and
 *  in a delay topic. The attempts are counted on and none starts before it is due, wherever it starts; nothing else is
 *  handled twice. */
import { createHoldfast, json, topic } from 'holdfast'
import { expect, test } from 'vitest'
import { type Wish } from '../../fixtures/wishes.ts'
import { describeOnKafka } from '../../real-kafka.ts'
import { testApp } from '../consumer-world.ts'
import { makeTopic, uniqueName } from '../kafka-world.ts'
import { headerOf, readAll } from './foreign-tools.ts'
import { countOf, WishingConsumers, type WishingProcess, type WrittenAttempt } from './wishing-consumers.ts'

const partitions = 2
const ordinary = 100
/** Long enough for both restarts. */
const parkedMs = 8_000
const waitingMs = 6_000
/** A timer may fire a little before the calendar says so. */
const timerSlackMs = 5

describeOnKafka('a rolling restart', (bootstrap) => {
  test.each(['eager', 'cooperative'] as const)(
    'of %s members keeps attempt and due of what is parked and what waits',
    async (protocol) => {
      const inPlace = await makeTopic(bootstrap, { partitions })
      const delayed = await makeTopic(bootstrap, { partitions })
      const group = uniqueName('group')
      const delayTopic = `${group}.${delayed}.retry.6s`
      await using consumers = new WishingConsumers()
      const start = (): Promise<WishingProcess> =>
        consumers.start({
          app: { kafka: bootstrap, group, protocol, commitInterval: '50ms', heartbeatInterval: '200ms' },
          subscriptions: [
            { topic: inPlace, consume: { whileRetrying: 'block', deadLetters: false } },
            { topic: delayed, consume: { retry: { delays: [waitingMs] }, deadLetters: false } },
          ],
        })
      let members = [await start(), await start()]
      await fill(bootstrap, inPlace, delayed)
      await consumers.told.until(
        (lines) =>
          countOf(lines, 'attempt.failed') === 2 * partitions && countOf(lines, 'record.handedOff') === partitions,
      )

      for (const old of members) {
        expect(await old.stop(15_000)).toEqual({ code: 0, signal: null })
        members = [...members.filter((each) => each !== old), await start()]
      }
      await consumers.untilAllIsCommitted(bootstrap, group, [inPlace, delayed, delayTopic])
      for (const each of members) expect(await each.stop(15_000)).toEqual({ code: 0, signal: null })

      const attempts = consumers.attempts()
      expectEachAsOftenAsItShould(attempts, inPlace, delayed)
      const dues = await duesOf(bootstrap, delayTopic, attempts, inPlace)
      for (const again of attempts.filter(({ is, attempt }) => is === 'start' && attempt === 2)) {
        expect(again.atMs, placeOf(again)).toBeGreaterThanOrEqual((dues.get(placeOf(again)) ?? Infinity) - timerSlackMs)
      }
      expect(new Set(movedBetweenAttempts(attempts).map((each) => each.topic))).toEqual(new Set([inPlace, delayed]))
    },
  )
})

/** In each partition of both topics a record that fails once, and a hundred that do not. */
async function fill(bootstrap: string, inPlace: string, delayed: string): Promise<void> {
  await using app = createHoldfast({ ...testApp, kafka: bootstrap })
  await app.start()
  for (const [name, retryAfterMs] of [[inPlace, parkedMs] as const, [delayed, waitingMs] as const]) {
    const wishes: Wish[] = [{ fails: 1, ms: 1, retryAfterMs }, ...Array(ordinary).fill({ fails: 0, ms: 1 })]
    const messages = [...Array(partitions).keys()].flatMap((partition) =>
      wishes.map((value, id) => ({ key: `k${id}`, value, partition })),
    )
    await app.sendAll(topic(name, { value: json<Wish>() }), messages)
  }
}

function expectEachAsOftenAsItShould(attempts: readonly WrittenAttempt[], ...topics: readonly string[]): void {
  const starts = Map.groupBy(
    attempts.filter(({ is }) => is === 'start'),
    placeOf,
  )
  for (const name of topics) {
    for (const partition of Array(partitions).keys()) {
      for (let offset = 0; offset <= ordinary; offset++) {
        const place = placeOf({ topic: name, partition, offset })
        const numbers = starts.get(place)?.map(({ attempt }) => attempt)
        expect(numbers, place).toEqual(offset === 0 ? [1, 2] : [1])
      }
    }
  }
}

/** When each record that failed is due: what the delay topic says, or the wait after the moment of its failure. */
async function duesOf(
  bootstrap: string,
  delayTopic: string,
  attempts: readonly WrittenAttempt[],
  inPlace: string,
): Promise<Map<string, number>> {
  const dues = new Map<string, number>()
  for (const failed of attempts) {
    if (failed.is === 'failed' && failed.topic === inPlace) dues.set(placeOf(failed), failed.atMs + parkedMs)
  }
  for (const record of await readAll(bootstrap, delayTopic)) {
    const [name = '', partition, offset] = ['topic', 'partition', 'offset'].map((each) =>
      headerOf(record, `holdfast-src-${each}`),
    )
    const dueAtMs = Math.max(Number(headerOf(record, 'holdfast-due')), Number(record.timestamp) + waitingMs)
    dues.set(placeOf({ topic: name, partition: Number(partition), offset: Number(offset) }), dueAtMs)
  }
  return dues
}

/** Records whose second attempt another process made. */
function movedBetweenAttempts(attempts: readonly WrittenAttempt[]): WrittenAttempt[] {
  const firstIn = new Map(attempts.filter(({ is }) => is === 'failed').map((each) => [placeOf(each), each.life]))
  return attempts.filter(
    (each) => each.attempt === 2 && each.is === 'start' && firstIn.get(placeOf(each)) !== each.life,
  )
}

function placeOf({ topic: name, partition, offset }: { topic: string; partition: number; offset: number }): string {
  return `${name}/${partition}@${offset}`
}
