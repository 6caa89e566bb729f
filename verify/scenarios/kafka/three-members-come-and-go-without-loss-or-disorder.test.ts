/** R3, R4, R14 on real Kafka: two more members join a group in the middle of the work and two leave it again. Nothing is
 *  lost, and the first completions of every key are in order, whichever member runs them. */
import { createHoldfast, type Holdfast, topic } from 'holdfast'
import { expect, test } from 'vitest'
import { describeOnKafka } from '../../real-kafka.ts'
import { diaryApp, endedBy, expectNothingLost, expectOrder, keyOf, type Line, protocols } from '../attempt-diary.ts'
import { Diary, ownedBy, testApp, untilApp } from '../consumer-world.ts'
import { committedOffsets, endOffsets, makeTopic, uniqueName } from '../kafka-world.ts'

const partitions = 6
const perWave = 50

describeOnKafka('three members', (bootstrap) => {
  test.each(protocols)('%s: handle every record, and every key in order', async (protocol) => {
    const source = await makeTopic(bootstrap, { partitions })
    const diary = new Diary<Line>()
    const options = { kafka: bootstrap, group: uniqueName('group'), protocol }
    await using first = diaryApp('first', diary, source, options)
    await using second = diaryApp('second', diary, source, options)
    await using third = diaryApp('third', diary, source, options)
    await using sender = createHoldfast({ ...testApp, kafka: bootstrap })
    await sender.start()
    const [ofFirst, ofSecond, ofThird] = [ownedBy(first), ownedBy(second), ownedBy(third)]
    const share = (app: Holdfast, owned: ReadonlySet<string>, size: number) => untilApp(app, () => owned.size === size)

    await sendWave(sender, source)
    await first.start()
    await diary.until(endedBy('first'))
    await Promise.all([second.start(), sendWave(sender, source)])
    await Promise.all([share(first, ofFirst, 3), share(second, ofSecond, 3)])
    await Promise.all([third.start(), sendWave(sender, source)])
    await Promise.all([share(first, ofFirst, 2), share(second, ofSecond, 2), share(third, ofThird, 2)])
    await Promise.all([first.stop(), sendWave(sender, source)])
    await Promise.all([share(second, ofSecond, 3), share(third, ofThird, 3)])
    await Promise.all([second.stop(), sendWave(sender, source)])
    await share(third, ofThird, 6)
    const records = 5 * perWave * partitions
    await diary.until((lines) => new Set(lines.filter(({ is }) => is === 'end').map(({ at }) => at)).size >= records)
    expect(await third.stop()).toEqual({ clean: true, uncommitted: 0, abandoned: 0 })

    expectNothingLost(diary.lines, records)
    expectOrder(diary.lines)
    expect(await committedOffsets(bootstrap, options.group, source)).toEqual(await endOffsets(bootstrap, source))
  })
})

/** A record per key and partition in turns, so that each partition has its keys in the order of their numbers. */
async function sendWave(sender: Holdfast, source: string): Promise<void> {
  const messages = Array.from({ length: perWave * partitions }, (_, n) => ({
    key: keyOf(Math.floor(n / partitions)),
    value: Buffer.from(String(n)),
    partition: n % partitions,
  }))
  await sender.sendAll(topic(source), messages)
}
