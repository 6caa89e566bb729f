/** R3, R12 on real Kafka: a member of ours and one of kafkajs share an eager group, whoever leads. Every partition has one
 *  owner, nothing is lost when a member comes or goes, and each goes on from what the other committed. */
import { createHoldfast, topic } from 'holdfast'
import kafkajs, { type Consumer } from 'kafkajs'
import { expect, test } from 'vitest'
import { describeOnKafka } from '../../real-kafka.ts'
import { Diary, nextEvent, testApp } from '../consumer-world.ts'
import { foreignKafka, makeTopic, uniqueName } from '../kafka-world.ts'

type Line = { readonly by: 'ours' | 'kafkajs'; readonly partition: number; readonly value: string }

const partitions = 4

describeOnKafka('a group that is shared with kafkajs', (bootstrap) => {
  test.each(['ours', 'kafkajs'] as const)('is led by %s, and both work', async (leader) => {
    const name = await makeTopic(bootstrap, { partitions })
    const group = uniqueName('group')
    const diary = new Diary<Line>()
    await using app = createHoldfast({ ...testApp, kafka: bootstrap, group, heartbeatInterval: '100ms' })
    const ours = app.consume(topic(name), {}, ({ partition, valueBytes }) =>
      diary.note({ by: 'ours', partition, value: `${valueBytes?.toString()}` }),
    )
    const theirs = foreignKafka(bootstrap).consumer({
      groupId: group,
      maxWaitTimeInMs: 100,
      heartbeatInterval: 100,
      sessionTimeout: 6_000,
    })
    const joinOurs = async (): Promise<void> => {
      await app.start()
      await ours.assigned()
    }
    const joinTheirs = (): Promise<void> => startForeign(theirs, name, diary)
    const joins = leader === 'ours' ? [joinOurs, joinTheirs] : [joinTheirs, joinOurs]
    for (const join of joins) await join()
    while ((await ours.assigned()).length !== partitions / 2) await nextEvent(app, 'partition.assigned')

    await sendWave(bootstrap, name, 'shared')
    await diary.until((lines) => valuesOf(lines, 'shared').size === 20 * partitions)
    const owners = Map.groupBy(diary.lines, ({ partition }) => partition)
    for (const [partition, lines] of owners) expect(new Set(lines.map(({ by }) => by)).size, `${partition}`).toBe(1)
    expect(new Set(diary.lines.map(({ by }) => by))).toEqual(new Set(['ours', 'kafkajs']))

    if (leader === 'ours') await app.stop()
    else await theirs.disconnect()
    await sendWave(bootstrap, name, 'alone')
    await diary.until((lines) => valuesOf(lines, 'alone').size === 20 * partitions)
    expect(new Set(diary.lines.filter(({ value }) => value.startsWith('alone')).map(({ by }) => by)).size).toBe(1)

    await theirs.disconnect()
  })
})

function valuesOf(lines: readonly Line[], wave: string): Set<string> {
  return new Set(lines.filter(({ value }) => value.startsWith(wave)).map(({ value }) => value))
}

/** Resolves when kafkajs has joined. */
async function startForeign(consumer: Consumer, name: string, diary: Diary<Line>): Promise<void> {
  const joined = new Promise<void>((resolve) => consumer.on(consumer.events.GROUP_JOIN, () => resolve()))
  await consumer.connect()
  await consumer.subscribe({ topic: name, fromBeginning: true })
  await consumer.run({
    autoCommitThreshold: 1,
    eachMessage: async ({ partition, message }) =>
      diary.note({ by: 'kafkajs', partition, value: `${message.value?.toString()}` }),
  })
  await joined
}

async function sendWave(bootstrap: string, name: string, wave: string): Promise<void> {
  const producer = foreignKafka(bootstrap).producer({ createPartitioner: kafkajs.Partitioners.DefaultPartitioner })
  await producer.connect()
  const messages = Array.from({ length: 20 * partitions }, (_, index) => ({
    partition: index % partitions,
    value: `${wave} ${index}`,
  }))
  await producer.send({ topic: name, messages })
  await producer.disconnect()
}
