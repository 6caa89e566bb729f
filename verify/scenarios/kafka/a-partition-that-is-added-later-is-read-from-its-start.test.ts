/** R12 on real Kafka: a partition that appears after its group exists is read from its beginning, also where the group
 *  itself began at the end: what was sent to it before anybody noticed would be lost otherwise. */
import { createHoldfast, topic } from 'holdfast'
import { expect, test } from 'vitest'
import { describeOnKafka } from '../../real-kafka.ts'
import { Diary, testApp } from '../consumer-world.ts'
import { asAdmin, foreignKafka, makeTopic, uniqueName } from '../kafka-world.ts'

describeOnKafka('a partition that is added later', (bootstrap) => {
  test('is read from its start by a group that began at the end', async () => {
    const name = await makeTopic(bootstrap)
    await send(bootstrap, name, 0, ['before the group'])
    await using app = createHoldfast({ ...testApp, kafka: bootstrap, group: uniqueName('group') })
    const handled = new Diary<string>()
    const consumer = app.consume(topic(name), { from: 'latest' }, ({ partition, valueBytes }) =>
      handled.note(`${partition}: ${valueBytes?.toString()}`),
    )
    await app.start()
    await consumer.assigned()
    await app.stop()

    await asAdmin(bootstrap, (admin) => admin.createPartitions({ topicPartitions: [{ topic: name, count: 2 }] }))
    await send(bootstrap, name, 1, ['a', 'b'])
    await send(bootstrap, name, 0, ['c'])
    await app.start()
    await handled.until((lines) => lines.length === 3)

    expect(new Set(handled.lines)).toEqual(new Set(['0: c', '1: a', '1: b']))
  })
})

async function send(bootstrap: string, name: string, partition: number, values: readonly string[]): Promise<void> {
  const producer = foreignKafka(bootstrap).producer({ allowAutoTopicCreation: false })
  await producer.connect()
  await producer.send({ topic: name, messages: values.map((value) => ({ value, partition })) })
  await producer.disconnect()
}
