/** R10 on real Kafka: what a commit says about the records above it is believed only for the very log, offset and epoch that
 *  it was written for. After a topic was made anew, mirrored or cut, and after another tool moved the offset, every record
 *  from the committed offset up is handled, whatever the text says, and the reason is told where there was a text. */
import { createHoldfast, topic } from 'holdfast'
import { expect, test } from 'vitest'
import { runKafkaTool } from '../../../scripts/kafka/tools.ts'
import { describeOnKafka } from '../../real-kafka.ts'
import { Diary, testApp } from '../consumer-world.ts'
import { asAdmin, makeTopic, uniqueName, untilTopicIsLed } from '../kafka-world.ts'
import { commitByHand, committedTexts, untilForgotten } from './foreign-tools.ts'
import { type Marks, readMarks, writeMarks } from './read-marks.ts'

const count = 10
/** Their handlers had not ended when the text was written. */
const unfinished = [0, 4]
const all = [...Array(count).keys()]

type Marked = {
  readonly group: string
  readonly name: string
  /** As the clean stop of a consumer of ours left it, with offset 0. */
  readonly text: string
  readonly marks: Marks
}

describeOnKafka('the marks of a commit', (bootstrap) => {
  test('are believed where nothing has changed, also by hand', async () => {
    const { group, name, text, marks } = await markedGroup(bootstrap)
    expect(marks).toMatchObject({ offset: 0, finished: new Set(all.filter((at) => !unfinished.includes(at))) })

    await commitByHand(bootstrap, group, name, { offset: 0, metadata: text })
    expect(await handledAgain(bootstrap, group, name)).toEqual({ handled: unfinished, alreadyDone: 8, reasons: [] })

    await commitByHand(bootstrap, group, name, { offset: 0, metadata: writeMarks(marks) })
    expect(await handledAgain(bootstrap, group, name)).toEqual({ handled: unfinished, alreadyDone: 8, reasons: [] })
  })

  test('are ignored when the topic was deleted and made again under its name', async () => {
    const { group, name, text } = await markedGroup(bootstrap)
    await asAdmin(bootstrap, (admin) => admin.deleteTopics({ topics: [name] }))
    // Kafka forgets the offsets a little later; a commit before that would be forgotten with them.
    await untilForgotten(bootstrap, group, name)
    await asAdmin(bootstrap, (admin) => admin.createTopics({ topics: [{ topic: name }], waitForLeaders: false }))
    await untilTopicIsLed(bootstrap, name)
    await fill(bootstrap, name)
    await commitByHand(bootstrap, group, name, { offset: 0, metadata: text })

    const reasons = ['it was made for another topic']
    expect(await handledAgain(bootstrap, group, name)).toEqual({ handled: all, alreadyDone: 0, reasons })
  })

  test('are ignored when they were copied to the mirror of the topic', async () => {
    const { group, text } = await markedGroup(bootstrap)
    const mirror = await makeTopic(bootstrap)
    await fill(bootstrap, mirror)
    await commitByHand(bootstrap, group, mirror, { offset: 0, metadata: text })

    const reasons = ['it was made for another topic']
    expect(await handledAgain(bootstrap, group, mirror)).toEqual({ handled: all, alreadyDone: 0, reasons })
  })

  test.each([
    ['speak of more than the log holds', { leaderEpoch: 0, finished: new Set([1, 2, count]) }],
    ['were made in an epoch that the log has not reached', { leaderEpoch: 7, finished: new Set([1, 2]) }],
    ['do not tell in which epoch they were made', { leaderEpoch: -1, finished: new Set([1, 2]) }],
  ] as const)('are ignored when they %s', async (_, of) => {
    const { group, name, marks } = await markedGroup(bootstrap)
    await commitByHand(bootstrap, group, name, { offset: 0, metadata: writeMarks({ ...marks, ...of }) })

    const reasons = ['the log was cut below what it speaks of']
    expect(await handledAgain(bootstrap, group, name)).toEqual({ handled: all, alreadyDone: 0, reasons })
  })

  test('are gone when kafka-consumer-groups has reset the offset', async () => {
    const { group, name } = await markedGroup(bootstrap)
    const reset = ['--reset-offsets', '--to-offset', '0', '--topic', `${name}:0`, '--execute']
    const tool = 'org.apache.kafka.tools.consumer.group.ConsumerGroupCommand'
    const { code } = await runKafkaTool(tool, ['--bootstrap-server', bootstrap, '--group', group, ...reset])
    expect(code).toBe(0)

    expect(await handledAgain(bootstrap, group, name)).toEqual({ handled: all, alreadyDone: 0, reasons: [] })
  })

  test('are gone when kafkajs has set the offset', async () => {
    const { group, name } = await markedGroup(bootstrap)
    const partitions = [{ partition: 0, offset: '3' }]
    await asAdmin(bootstrap, (admin) => admin.setOffsets({ groupId: group, topic: name, partitions }))

    expect(await handledAgain(bootstrap, group, name)).toEqual({ handled: all.slice(3), alreadyDone: 0, reasons: [] })
  })

  test.each([3, 1])('are ignored when a tool moved the offset to %i and kept the text', async (offset) => {
    const { group, name, text } = await markedGroup(bootstrap)
    await commitByHand(bootstrap, group, name, { offset, metadata: text })

    const reasons = ['it was made for another offset']
    expect(await handledAgain(bootstrap, group, name)).toEqual({ handled: all.slice(offset), alreadyDone: 0, reasons })
  })

  test('are ignored when one character was changed', async () => {
    const { group, name, text } = await markedGroup(bootstrap)
    const at = text.length - 8
    const other = String.fromCharCode(text.charCodeAt(at) ^ 1)
    const damaged = text.slice(0, at) + other + text.slice(at + 1)
    await commitByHand(bootstrap, group, name, { offset: 0, metadata: damaged })

    const reasons = ['its text is damaged']
    expect(await handledAgain(bootstrap, group, name)).toEqual({ handled: all, alreadyDone: 0, reasons })
  })

  test.each(['', 'committed by hand', 'hf9 from the future'])(
    'are not looked for in a text that is not ours: %j',
    async (metadata) => {
      const { group, name } = await markedGroup(bootstrap)
      await commitByHand(bootstrap, group, name, { offset: 0, metadata })

      expect(await handledAgain(bootstrap, group, name)).toEqual({ handled: all, alreadyDone: 0, reasons: [] })
    },
  )
})

/** A group that has finished all but two records, the first of them at its committed offset, and has no members. */
async function markedGroup(bootstrap: string): Promise<Marked> {
  const name = await makeTopic(bootstrap)
  const group = uniqueName('group')
  await fill(bootstrap, name)
  await using app = createHoldfast({ ...testApp, kafka: bootstrap, group, drainAtStop: 0 })
  const finished = new Diary<number>()
  app.on('record.ended', ({ offset, outcome }) => (outcome === 'done' ? finished.note(offset) : undefined))
  app.consume(topic(name), {}, ({ offset }, { signal }) => {
    if (!unfinished.includes(offset)) return undefined
    return new Promise((_, reject) => signal.addEventListener('abort', () => reject(new Error('aborted'))))
  })
  await app.start()
  await finished.until((offsets) => offsets.length === count - unfinished.length)
  await app.stop()

  const { offset, metadata } = (await committedTexts(bootstrap, group, [name])).get(`${name}/0`) ?? {}
  const marks = readMarks(metadata ?? null)
  if (offset !== 0 || marks === null) throw new Error(`expected marks above offset 0, got ${offset} and no marks`)
  const text = metadata?.replace(/^hf0:\d+ /, '') ?? ''
  return { group, name, text, marks }
}

/** Keys differ, so that no record waits for another. */
async function fill(bootstrap: string, name: string): Promise<void> {
  await using app = createHoldfast({ ...testApp, kafka: bootstrap })
  await app.start()
  await app.sendAll(
    topic(name),
    all.map((number) => ({ key: `k${number}`, value: Buffer.from(String(number)) })),
  )
}

/** What a new process handles until it has caught up, and what it says of the marks; the commit stands at the end then. */
async function handledAgain(
  bootstrap: string,
  group: string,
  name: string,
): Promise<{ handled: number[]; alreadyDone: number; reasons: string[] }> {
  await using app = createHoldfast({ ...testApp, kafka: bootstrap, group })
  const reasons: string[] = []
  app.on('commit.marksIgnored', ({ reason }) => void reasons.push(reason))
  const handled: number[] = []
  const consumer = app.consume(topic(name), {}, ({ offset }) => void handled.push(offset))
  await app.start()
  await consumer.assigned()
  await consumer.whenCaughtUp()
  expect(await app.stop()).toMatchObject({ clean: true })

  const committed = (await committedTexts(bootstrap, group, [name])).get(`${name}/0`)
  expect(committed?.offset).toBe(count)
  expect(readMarks(committed?.metadata ?? null)).toBeNull()
  const alreadyDone = consumer.status()?.counts.alreadyDone ?? 0
  return { handled: handled.toSorted((a, b) => a - b), alreadyDone, reasons }
}
