/** R20, R29, G1 on real Kafka: for ten seconds nothing can be written to the delay topic, because somebody made it compacted,
 *  which refuses records without a key, or deleted it. The offsets of the records that should wait there stay open, health
 *  says why, writes are tried rarely, the other partition goes on; afterwards every record is tried again and none is lost. */
import { type Consumer, createHoldfast, type Holdfast, topic } from 'holdfast'
import kafkajs, { type IResourceConfig } from 'kafkajs'
import { expect, test } from 'vitest'
import { describeOnKafka } from '../../real-kafka.ts'
import { Diary, nextEvent, recordEvents, testApp, untilApp } from '../consumer-world.ts'
import { asAdmin, committedOffsets, endOffsets, makeTopic, uniqueName, untilTopicIsLed } from '../kafka-world.ts'

type Attempt = { readonly partition: number; readonly what: string; readonly attempt: number }
type Outage = { begin(): Promise<void>; end(): Promise<void> }

const bad = 5
const outageMs = 10_000

describeOnKafka('a delay topic', (bootstrap) => {
  const compacted = (name: string): Outage => {
    const set = (policy: string): Promise<void> =>
      asAdmin(bootstrap, (admin) => admin.alterConfigs({ validateOnly: false, resources: [configOf(name, policy)] }))
    return { begin: () => set('compact'), end: () => set('delete') }
  }
  const deleted = (name: string): Outage => ({
    begin: () => asAdmin(bootstrap, (admin) => admin.deleteTopics({ topics: [name] })),
    async end() {
      const configEntries = [{ name: 'message.timestamp.type', value: 'LogAppendTime' }]
      const topics = [{ topic: name, numPartitions: 2, configEntries }]
      await asAdmin(bootstrap, (admin) => admin.createTopics({ topics, waitForLeaders: false }))
      await untilTopicIsLed(bootstrap, name)
    },
  })

  test.each([
    ['is compacted', compacted],
    ['is deleted', deleted],
  ] as const)('that %s for ten seconds holds its own partition and loses nothing', async (_, outageOf) => {
    const name = await makeTopic(bootstrap, { partitions: 2 })
    const group = uniqueName('group')
    const diary = new Diary<Attempt>()
    await using app = createHoldfast({
      ...testApp,
      kafka: bootstrap,
      group,
      requestTimeout: '2s',
      deliveryTimeout: '3s',
    })
    const consumer = app.consume(
      topic(name),
      { retry: { delays: ['1s'] }, deadLetters: false },
      ({ partition, valueBytes }, { attempt }) => {
        const what = `${valueBytes?.toString()}`
        diary.note({ partition, what, attempt })
        if (what.includes('bad') && attempt === 1) throw new Error('away')
      },
    )
    await app.start()
    await consumer.assigned()
    // Something was there before: a topic that is made again begins at 0 again.
    await send(app, name, 0, ['early bad'])
    await diary.until((lines) => lines.some(({ attempt }) => attempt === 2))
    const outage = outageOf(`${group}.${name}.retry.1s`)
    await outage.begin()
    const beganAtMs = performance.now()
    const events = recordEvents(app)
    const failed = nextEvent(app, 'record.handOffFailed')
    const sent = [...Array(bad).keys()].flatMap((id) => [`good ${id}`, `bad ${id}`])
    await send(app, name, 0, sent)
    expect(await failed).toMatchObject({ at: { topic: name, partition: 0 }, to: `${group}.${name}.retry.1s` })

    expect(app.health()).toMatchObject({ reasons: [expect.stringContaining(`${name}/0`) as string] })
    await send(app, name, 1, ['other 0'])
    await diary.until((lines) => lines.some(({ what }) => what === 'other 0'))
    // The wait for the next failure is a wait of seconds; nothing else tells that time has passed.
    while (performance.now() - beganAtMs < outageMs) await nextEvent(app, 'record.handOffFailed')
    await send(app, name, 1, ['other 1'])
    await untilApp(app, () => committedByUs(consumer, name, 1) === 2)
    expect((await committedOffsets(bootstrap, group, name)).get(0)).toBe(2)
    const tries = events.filter((each) => each.name === 'record.handOffFailed').length
    expect(tries).toBeLessThanOrEqual(bad + (performance.now() - beganAtMs) / 1_000)

    await outage.end()
    await diary.until((lines) => lines.filter(({ attempt }) => attempt === 2).length === 1 + bad)
    await consumer.whenCaughtUp()
    expect(await app.stop()).toEqual({ clean: true, uncommitted: 0, abandoned: 0 })

    const ofFirst = diary.lines
      .filter(({ partition }) => partition === 0)
      .map(({ what, attempt }) => `${what} ${attempt}`)
    const again = ['early bad', ...sent].filter((what) => what.includes('bad'))
    const expected = [...['early bad', ...sent].map((what) => `${what} 1`), ...again.map((what) => `${what} 2`)]
    expect(ofFirst.toSorted()).toEqual(expected.toSorted())
    expect(await committedOffsets(bootstrap, group, name)).toEqual(await endOffsets(bootstrap, name))
  })
})

function configOf(name: string, policy: string): IResourceConfig {
  const configEntries = [
    { name: 'cleanup.policy', value: policy },
    { name: 'message.timestamp.type', value: 'LogAppendTime' },
  ]
  return { type: kafkajs.ConfigResourceTypes.TOPIC, name, configEntries }
}

function committedByUs(consumer: Consumer, name: string, partition: number): number | null {
  const partitions = consumer.status()?.partitions ?? []
  return partitions.find((each) => each.topic === name && each.partition === partition)?.committed ?? null
}

async function send(app: Holdfast, name: string, partition: number, values: readonly string[]): Promise<void> {
  await app.sendAll(
    topic(name),
    values.map((value) => ({ key: null, value: Buffer.from(value), partition })),
  )
}
