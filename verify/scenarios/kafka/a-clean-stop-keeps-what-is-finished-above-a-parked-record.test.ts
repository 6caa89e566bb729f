/** R10, R19, G6 on real Kafka: a stop while a record waits in place is clean, and its commit tells which records above that one
 *  are finished, how often it failed and when it is due. Processes that come after it repeat nothing, and go on with its next
 *  attempt when it is due, also when they are stopped in between. */
import { createHoldfast, RetryAfterError, topic } from 'holdfast'
import { expect, test } from 'vitest'
import { describeOnKafka } from '../../real-kafka.ts'
import { Diary, nextEvent, testApp } from '../consumer-world.ts'
import { makeTopic, uniqueName } from '../kafka-world.ts'
import { committedTexts } from './foreign-tools.ts'
import { readMarks } from './read-marks.ts'

type Attempt = { readonly run: number; readonly offset: number; readonly attempt: number; readonly atMs: number }

const count = 40
const parkedOffset = 5
/** Long enough for two stops and a start on a busy machine. */
const waitMs = 5_000
/** A timer may fire a little before the calendar says so. */
const timerSlackMs = 5

describeOnKafka('a clean stop', (bootstrap) => {
  test('keeps what is finished above a parked record, and its attempts and due time', async () => {
    const name = await makeTopic(bootstrap)
    const group = uniqueName('group')
    const attempts = new Diary<Attempt>()
    let run = 0
    let failedAtMs = 0
    await using app = createHoldfast({ ...testApp, kafka: bootstrap, group })
    const consumer = app.consume(topic(name), {}, ({ offset }, { attempt }) => {
      attempts.note({ run, offset, attempt, atMs: Date.now() })
      if (offset !== parkedOffset || attempt > 1) return
      failedAtMs = Date.now()
      throw new RetryAfterError(waitMs)
    })

    await app.start()
    const parked = nextEvent(app, 'attempt.failed')
    await app.sendAll(
      topic(name),
      [...Array(count).keys()].map((id) => ({ key: `k${id}`, value: Buffer.from(String(id)) })),
    )
    await attempts.until((lines) => lines.length === count)
    expect(await parked).toMatchObject({ offset: parkedOffset, attempt: 1, retryInMs: waitMs })
    expect(await app.stop()).toMatchObject({ abandoned: 0 })
    const written = await marksOf(bootstrap, group, name)
    expect(written.finished).toEqual(new Set([...Array(count).keys()].slice(parkedOffset + 1)))
    expect([...written.parked.keys()]).toEqual([parkedOffset])

    run = 1
    const assigned = nextEvent(app, 'partition.assigned')
    await app.start()
    expect(await assigned).toMatchObject({ from: parkedOffset })
    await app.stop()
    expect(await marksOf(bootstrap, group, name)).toEqual(written)

    run = 2
    await app.start()
    await consumer.whenCaughtUp()
    expect(await app.stop()).toEqual({ clean: true, uncommitted: 0, abandoned: 0 })

    const later = attempts.lines.slice(count)
    expect(later).toMatchObject([{ run: 2, offset: parkedOffset, attempt: 2 }])
    expect(later[0]?.atMs).toBeGreaterThanOrEqual(failedAtMs + waitMs - timerSlackMs)
    if (later[0]?.run === 2)
      expect(consumer.status()?.counts).toMatchObject({ alreadyDone: count - parkedOffset - 1, done: 1 })
    expect((await committedTexts(bootstrap, group, [name])).get(`${name}/0`)?.offset).toBe(count)
  })
})

async function marksOf(
  bootstrap: string,
  group: string,
  name: string,
): Promise<NonNullable<ReturnType<typeof readMarks>>> {
  const committed = (await committedTexts(bootstrap, group, [name])).get(`${name}/0`)
  expect(committed?.offset).toBe(parkedOffset)
  const marks = readMarks(committed?.metadata ?? null)
  if (marks === null) throw new Error('expected marks, got none')
  return marks
}
