/** R18, R20, R21 on real Kafka: a record that dies keeps its key, its value to the last byte, also where that cannot be decoded,
 *  its headers in their order and its partition; what we tell about its death is in headers besides. kafkajs reads all of it.
 *  Its topic was made so that nothing is lost in it. */
import { createHoldfast, json, topic } from 'holdfast'
import kafkajs, { type Message } from 'kafkajs'
import { expect, test } from 'vitest'
import { describeOnKafka } from '../../real-kafka.ts'
import { Diary, testApp } from '../consumer-world.ts'
import { asAdmin, committedOffsets, endOffsets, foreignKafka, makeTopic, uniqueName } from '../kafka-world.ts'
import { headerOf, readAll, type StoredRecord } from './foreign-tools.ts'

const partition = 2
/** Anything but JSON, or JSON that every attempt throws at. */
const dying: readonly Message[] = [
  {
    partition,
    key: 'k',
    value: '{"bad":"é"}',
    headers: { trace: 'ü', twice: ['1', '2'], empty: '' },
    timestamp: '1234',
  },
  { partition, key: Buffer.of(0, 0xff, 0x80), value: Buffer.of(0xff, 0xfe, 0, 1), headers: { bytes: Buffer.of(0x80) } },
  { partition, key: null, value: '{broken' },
  { partition, key: '', value: '' },
]

describeOnKafka('a dead letter', (bootstrap) => {
  test('holds key, value and headers as they were, and why it died', async () => {
    const name = await makeTopic(bootstrap, { partitions: 3 })
    const group = uniqueName('group')
    const dead = `${group}.${name}.dlq`
    await using app = createHoldfast({ ...testApp, kafka: bootstrap, group })
    const ended = new Diary<string>()
    app.on('record.ended', ({ outcome }) => ended.note(outcome))
    const attempts: number[] = []
    const retry = { inPlace: ['1ms'] }
    app.consume(topic(name, { value: json() }), { retry, deadLetters: true }, (_, { attempt }) => {
      attempts.push(attempt)
      throw new TypeError('no such thing')
    })
    await app.start()
    await produce(bootstrap, name)
    await ended.until((outcomes) => outcomes.length === dying.length)
    expect(await app.stop()).toEqual({ clean: true, uncommitted: 0, abandoned: 0 })

    expect(ended.lines).toEqual(dying.map(() => 'deadLettered'))
    // Those that cannot be decoded die on the first attempt, without one of the handler.
    expect(attempts).toEqual([1, 2])
    expect(await committedOffsets(bootstrap, group, name)).toEqual(await endOffsets(bootstrap, name))
    const [sources, letters] = [await readAll(bootstrap, name), await readAll(bootstrap, dead)]
    expect(letters).toHaveLength(dying.length)
    const sentAtMs = Math.max(...sources.map(({ timestamp }) => Number(timestamp)))
    for (const { timestamp } of letters) expect(Number(timestamp)).toBeGreaterThanOrEqual(sentAtMs)
    for (const source of sources) expectLetterOf(source, letters, { group, name })
  })

  test('is kept for a month from the time it was written, whatever its own time was', async () => {
    const name = await makeTopic(bootstrap, { partitions: 3, configs: { 'max.message.bytes': '100000' } })
    const group = uniqueName('group')
    await using app = createHoldfast({ ...testApp, kafka: bootstrap, group })
    app.consume(topic(name), { retry: { delays: ['1h'] }, deadLetters: true }, () => undefined)
    await app.start()
    await app.stop()

    expect(await configsOf(bootstrap, `${group}.${name}.dlq`)).toMatchObject({
      'cleanup.policy': 'delete',
      'max.message.bytes': String(100_000 + 65_536),
      'message.timestamp.type': 'LogAppendTime',
      'retention.bytes': '-1',
      'retention.ms': String(30 * 86_400_000),
    })
    expect(await configsOf(bootstrap, `${group}.${name}.retry.1h`)).toMatchObject({
      'cleanup.policy': 'delete',
      'message.timestamp.type': 'LogAppendTime',
      'retention.bytes': '-1',
      'retention.ms': String(7 * 86_400_000),
    })
    for (const each of ['dlq', 'retry.1h']) {
      const topics = [`${group}.${name}.${each}`]
      const [found] = (await asAdmin(bootstrap, (admin) => admin.fetchTopicMetadata({ topics }))).topics
      expect(found?.partitions).toHaveLength(3)
    }
  })
})

async function produce(bootstrap: string, name: string): Promise<void> {
  const producer = foreignKafka(bootstrap).producer({ createPartitioner: kafkajs.Partitioners.DefaultPartitioner })
  await producer.connect()
  await producer.send({ topic: name, messages: [...dying] })
  await producer.disconnect()
}

function expectLetterOf(
  source: StoredRecord,
  letters: readonly StoredRecord[],
  { group, name }: { readonly group: string; readonly name: string },
): void {
  const letter = letters.find((each) => headerOf(each, 'holdfast-src-offset') === source.offset)
  if (letter === undefined) return expect.fail(`no dead letter of offset ${source.offset}`)
  const isDecodable = source.offset === '0'
  expect(letter.key).toEqual(source.key)
  expect(letter.value).toEqual(source.value)
  expect(letter.partition).toBe(partition)
  const ours = Object.entries(letter.headers ?? {}).filter(([key]) => /^(holdfast-|__dlq)/.test(key))
  const theirs = Object.entries(letter.headers ?? {}).filter(([key]) => !/^(holdfast-|__dlq)/.test(key))
  expect(theirs).toEqual(Object.entries(source.headers ?? {}))

  const texts = Object.fromEntries(ours.map(([key]) => [key, headerOf(letter, key)]))
  const reason = isDecodable ? 'no such thing' : (expect.stringMatching(/^expected (UTF-8|JSON)/) as string)
  expect(texts).toMatchObject({
    '__dlq.errors.topic': name,
    '__dlq.errors.partition': String(partition),
    '__dlq.errors.offset': source.offset,
    '__dlq.errors.group': group,
    '__dlq.errors.delivery.count': isDecodable ? '2' : '1',
    '__dlq.errors.message': reason,
    'holdfast-attempt': isDecodable ? '2' : '1',
    'holdfast-src-topic': name,
    'holdfast-src-partition': String(partition),
    'holdfast-src-timestamp': source.timestamp,
    'holdfast-src-group': group,
    'holdfast-error-message': reason,
  })
}

async function configsOf(bootstrap: string, name: string): Promise<Record<string, string>> {
  const resources = [{ type: kafkajs.ConfigResourceTypes.TOPIC, name }]
  const answer = await asAdmin(bootstrap, (admin) => admin.describeConfigs({ includeSynonyms: false, resources }))
  const entries = answer.resources[0]?.configEntries ?? []
  return Object.fromEntries(entries.map(({ configName, configValue }) => [configName, configValue]))
}
