/** R12: `from` counts only where the group has committed nothing, and only when the group begins; what it resolves to is
 *  committed before the first record is handled, so that a crash cannot move it. */
import { EmbeddedKafka } from '@holdfast/broker'
import { createHoldfast, type FromOption, topic } from 'holdfast'
import { describe, expect, test } from 'vitest'
import { append, commitRequests, committedAt, committedOffset, Diary, nextEvent, testApp } from './consumer-world.ts'

const timesMs = [1_000, 2_000, 3_000, 4_000]

/** A topic with four records in partition 0, a second apart. */
function startKafka(partitions = 1): Promise<EmbeddedKafka> {
  return EmbeddedKafka.start({ topics: { orders: partitions } }).then((kafka) => {
    append(
      kafka,
      'orders',
      timesMs.map((timestampMs) => ({ value: 'old', timestampMs })),
    )
    return kafka
  })
}

/** Runs an app until it has handled a record that is appended once it knows where to start; returns what it handled. */
async function handledFrom(kafka: EmbeddedKafka, from: FromOption): Promise<readonly number[]> {
  await using app = createHoldfast({ ...testApp, kafka: kafka.bootstrap })
  const diary = new Diary<number>()
  const consumer = app.consume(topic('orders'), { from, order: 'partition' }, ({ offset }) => diary.note(offset))
  await app.start()
  await consumer.assigned()
  const last = append(kafka, 'orders', [{ value: 'new' }])
  await diary.until((lines) => lines.includes(last))
  return diary.lines
}

describe('a group that has committed nothing', () => {
  test.each<[string, FromOption, readonly number[]]>([
    ['the beginning', 'earliest', [0, 1, 2, 3, 4]],
    ['the end', 'latest', [4]],
    ['the first record at a time', { time: new Date(3_000) }, [2, 3, 4]],
    ['the first record after a time', { time: 2_500 }, [2, 3, 4]],
    ['the end if no record is as late as that', { time: 9_000 }, [4]],
  ])('starts at %s', async (_, from, expected) => {
    await using kafka = await startKafka()

    expect(await handledFrom(kafka, from)).toEqual(expected)
    expect(commitRequests(kafka, 'billing')[0]).toMatchObject({ offset: expected[0] })
  })

  test('fails the app where the option says so, and commits nothing', async () => {
    await using kafka = await startKafka()
    await using app = createHoldfast({ ...testApp, kafka: kafka.bootstrap })
    const handled: number[] = []
    app.consume(topic('orders'), { from: 'fail' }, ({ offset }) => void handled.push(offset))
    const failed = nextEvent(app, 'app.failed')

    await app.start()

    expect(await failed).toMatchObject({ error: { code: 'KAFKA_ERROR' } })
    await expect(app.closed).rejects.toThrow(/expected a committed offset of billing for orders\/0.*'fail'/)
    expect(handled).toEqual([])
    expect(kafka.core.committed('billing')).toEqual([])
  })

  test('keeps its start though nothing was handled: records that come while it is away are not skipped', async () => {
    await using kafka = await startKafka()
    const first = createHoldfast({ ...testApp, kafka: kafka.bootstrap })
    const consumer = first.consume(topic('orders'), { from: 'latest' }, () => undefined)
    await first.start()
    await consumer.assigned()
    await first.stop()
    append(kafka, 'orders', 2)

    expect(await handledFrom(kafka, 'latest')).toEqual([4, 5, 6])
  })
})

describe('a group that has committed', () => {
  test.each<FromOption>(['earliest', 'latest', { time: 0 }, 'fail'])(
    'goes on there, whatever from is: %j',
    async (from) => {
      await using kafka = await startKafka()
      await commit(kafka, [{ partition: 0, offset: 3 }])

      expect(await handledFrom(kafka, from)).toEqual([3, 4])
    },
  )

  test('reads a partition that is new to it from its beginning, even with from latest', async () => {
    await using kafka = await startKafka(2)
    await commit(kafka, [{ partition: 0, offset: 4 }])
    append(kafka, 'orders', 3, 1)
    await using app = createHoldfast({ ...testApp, kafka: kafka.bootstrap })
    const diary = new Diary<string>()
    app.consume(topic('orders'), { from: 'latest' }, ({ partition, offset }) => diary.note(`${partition}/${offset}`))

    await app.start()
    await committedAt(kafka, 'billing', 'orders', 3, 1)

    expect(diary.lines.toSorted()).toEqual(['1/0', '1/1', '1/2'])
  })

  test('is told of records that retention took before they were read, and goes on behind the gap', async () => {
    await using kafka = await startKafka()
    await commit(kafka, [{ partition: 0, offset: 1 }])
    kafka.core.deleteRecordsBefore('orders', 0, 3)
    await using app = createHoldfast({ ...testApp, kafka: kafka.bootstrap })
    const diary = new Diary<number>()
    app.consume(topic('orders'), { from: 'latest' }, ({ offset }) => diary.note(offset))
    const reset = nextEvent(app, 'partition.reset')

    await app.start()
    await committedAt(kafka, 'billing', 'orders', 4)

    expect(await reset).toMatchObject({ at: { topic: 'orders', partition: 0 }, from: 1, to: 3, missing: 2 })
    expect(diary.lines).toEqual([3])
  })

  test('fails on records that retention took, where the option says so', async () => {
    await using kafka = await startKafka()
    await commit(kafka, [{ partition: 0, offset: 1 }])
    kafka.core.deleteRecordsBefore('orders', 0, 3)
    await using app = createHoldfast({ ...testApp, kafka: kafka.bootstrap })
    app.consume(topic('orders'), { from: 'fail' }, () => undefined)
    const failed = nextEvent(app, 'app.failed')

    await app.start()
    await failed

    await expect(app.closed).rejects.toThrow(/expected offset 1 of orders\/0, but its log begins at 3/)
    expect(committedOffset(kafka, 'billing', 'orders')).toBe(1)
  })

  test('above the end of a log goes on at its end, and says so', async () => {
    await using kafka = await startKafka()
    await commit(kafka, [{ partition: 0, offset: 40 }])
    await using app = createHoldfast({ ...testApp, kafka: kafka.bootstrap })
    const diary = new Diary<number>()
    app.consume(topic('orders'), {}, ({ offset }) => diary.note(offset))
    const reset = nextEvent(app, 'partition.reset')

    await app.start()
    expect(await reset).toMatchObject({ from: 40, to: 4 })
    append(kafka, 'orders', 1)
    await diary.until((lines) => lines.length === 1)

    expect(diary.lines).toEqual([4])
  })
})

/** As a tool would that moves the offsets of a group while nobody is in it. */
async function commit(kafka: EmbeddedKafka, partitions: { partition: number; offset: number }[]): Promise<void> {
  const connection = kafka.core.connect(1, 'tool')
  const committed = partitions.map(({ partition, offset }) => ({ partitionIndex: partition, committedOffset: offset }))
  const topics = [{ name: 'orders', partitions: committed }]
  await kafka.core.handle(1, 'OffsetCommit', 8, { groupId: 'billing', topics }, connection)
  connection.disconnect()
}
