/** G1, G2, G6, R32 on real Kafka: a stop in the middle of concurrent work in key order, and a start after it, handle every
 *  record exactly once, in the order of its key. */
import { createHoldfast, json, topic } from 'holdfast'
import { expect, test } from 'vitest'
import { describeOnKafka } from '../../real-kafka.ts'
import { Diary, testApp } from '../consumer-world.ts'
import { committedOffsets, endOffsets, makeTopic, uniqueName } from '../kafka-world.ts'

type Click = { readonly user: string; readonly number: number }
type Line = Click & { readonly is: 'start' | 'end' }

const count = 2_000
const users = 40

describeOnKafka('a clean stop and restart', (bootstrap) => {
  test('in the middle of 2,000 records, twice, repeats nothing and keeps every key in order', async () => {
    const name = await makeTopic(bootstrap, { partitions: 4 })
    const clicks = topic(name, { value: json<Click>(), key: ({ user }) => user })
    const group = uniqueName('group')
    await using app = createHoldfast({ ...testApp, kafka: bootstrap, group })
    const diary = new Diary<Line>()
    const consumer = app.consume(clicks, { concurrency: 32 }, async ({ value }) => {
      diary.note({ ...value, is: 'start' })
      for (let turns = 0; turns < value.number % 7; turns++) await new Promise((resolve) => setImmediate(resolve))
      diary.note({ ...value, is: 'end' })
    })
    await app.start()
    const values = Array.from({ length: count }, (_, number) => ({ user: `u${number % users}`, number }))
    const sent = app.sendAll(
      clicks,
      values.map((value) => ({ value })),
    )

    for (const ended of [count / 4, count / 2]) {
      await diary.until((lines) => lines.filter(({ is }) => is === 'end').length >= ended)
      await sent
      expect(await app.stop()).toEqual({ clean: true, uncommitted: 0, abandoned: 0 })
      await app.start()
    }
    await consumer.whenCaughtUp()
    expect(await app.stop()).toMatchObject({ clean: true })

    for (const is of ['start', 'end']) {
      const lines = diary.lines.filter((line) => line.is === is)
      expect(lines.map(({ number }) => number).toSorted((a, b) => a - b)).toEqual(values.map(({ number }) => number))
      for (const [user, ofUser] of Map.groupBy(lines, (line) => line.user)) {
        const numbers = ofUser.map(({ number }) => number)
        expect(numbers, user).toEqual(numbers.toSorted((a, b) => a - b))
      }
    }
    expect(await committedOffsets(bootstrap, group, name)).toEqual(await endOffsets(bootstrap, name))
  })
})
