/** Whether other people's clients work against this broker, and beside a member that speaks the raw protocol: they are the
 *  judges of Holdfast, so what they can and cannot do must be known. */

import { CompressionTypes, Kafka, logLevel } from 'kafkajs'
import { runProcess } from '../processes.ts'
import { type Fact, FactSheet } from './fact.ts'
import { Member } from './group.ts'
import { createTopic, freshName, type Topic, Wire } from './wire.ts'

const partitions = 4
const kcatWithinMs = 20_000

export async function foreignFacts(bootstrap: string): Promise<readonly Fact[]> {
  const sheet = new FactSheet('foreign')
  const wire = await Wire.open(bootstrap)
  const topic = await createTopic(wire, 'foreign', partitions)
  const kafka = new Kafka({ clientId: 'facts', brokers: bootstrap.split(','), logLevel: logLevel.NOTHING })
  await producerFacts(kafka, topic, sheet)
  await transactionFacts(kafka, topic, sheet)
  await consumerFacts(kafka, topic, sheet)
  await mixedGroupFacts(bootstrap, kafka, topic, sheet)
  await adminFacts(kafka, topic, sheet)
  await kcatFacts(bootstrap, topic, sheet)
  await wire.close()
  return sheet.facts
}

async function producerFacts(kafka: Kafka, topic: Topic, sheet: FactSheet): Promise<void> {
  const headers = { one: 'a', many: ['b', 'c'] }
  const messages = Array.from({ length: 8 }, (_, index) => ({
    partition: index % partitions,
    key: `k${index}`,
    value: 'v',
    headers,
  }))
  const plain = kafka.producer()
  await plain.connect()
  await sheet.tried('kafkajs producer: send, acks −1', async () =>
    errorCodes(await plain.send({ topic: topic.name, messages })),
  )
  await sheet.tried('kafkajs producer: send with gzip', async () =>
    errorCodes(await plain.send({ topic: topic.name, messages, compression: CompressionTypes.GZIP })),
  )
  await plain.disconnect()
  const idempotent = kafka.producer({ idempotent: true, maxInFlightRequests: 1 })
  await idempotent.connect()
  await sheet.tried('kafkajs producer: idempotent send', async () =>
    errorCodes(await idempotent.send({ topic: topic.name, messages })),
  )
  await idempotent.disconnect()
}

async function transactionFacts(kafka: Kafka, topic: Topic, sheet: FactSheet): Promise<void> {
  const producer = kafka.producer({ transactionalId: freshName('tx'), idempotent: true, maxInFlightRequests: 1 })
  const consumerGroupId = freshName('sent')
  await producer.connect()
  await sheet.tried('kafkajs producer: transaction with sendOffsets, commit', async () => {
    const transaction = await producer.transaction()
    await transaction.send({ topic: topic.name, messages: [{ partition: 0, value: 'in tx' }] })
    await transaction.sendOffsets({
      consumerGroupId,
      topics: [{ topic: topic.name, partitions: [{ partition: 0, offset: '3' }] }],
    })
    await transaction.commit()
  })
  await sheet.tried('kafkajs producer: transaction, abort', async () => {
    const transaction = await producer.transaction()
    await transaction.send({ topic: topic.name, messages: [{ partition: 0, value: 'aborted' }] })
    await transaction.abort()
  })
  await producer.disconnect()
}

async function consumerFacts(kafka: Kafka, topic: Topic, sheet: FactSheet): Promise<void> {
  const expected = 3 * 8 + 1
  const consumer = kafka.consumer({ groupId: freshName('kafkajs'), maxWaitTimeInMs: 200 })
  const all = Promise.withResolvers<string>()
  let seen = 0
  let headers = ''
  await consumer.connect()
  await consumer.subscribe({ topic: topic.name, fromBeginning: true })
  const joined = new Promise<string>((resolve) => {
    consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => resolve(payload.groupProtocol ?? 'none'))
  })
  consumer.on(consumer.events.CRASH, ({ payload }) => all.reject(payload.error))
  await consumer.run({
    eachMessage: async ({ message }) => {
      seen += 1
      if (message.headers?.['many'] !== undefined) headers = JSON.stringify(message.headers['many'].toString())
      if (seen === expected) all.resolve(`${seen} messages, the repeated header read as ${headers}`)
    },
  })
  sheet.saw('kafkajs consumer: protocol of the group', await joined)
  await sheet.tried(
    `kafkajs consumer: ${expected} committed messages, gzip and transactional ones among them`,
    () => all.promise,
  )
  await consumer.disconnect()
}

/** A raw member and a kafkajs consumer in one group, each as the leader once. */
async function mixedGroupFacts(bootstrap: string, kafka: Kafka, topic: Topic, sheet: FactSheet): Promise<void> {
  for (const leader of ['raw', 'kafkajs'] as const) {
    const group = freshName('mixed')
    const raw = await Member.open(bootstrap, { group, topic: topic.name, protocols: ['RoundRobinAssigner'] })
    const consumer = kafka.consumer({ groupId: group, maxWaitTimeInMs: 200, heartbeatInterval: 200 })
    let mine: Record<string, number[]> = {}
    const shared = new Promise<void>((resolve) => {
      consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => {
        mine = payload.memberAssignment
        if ((mine[topic.name]?.length ?? 0) === partitions / 2) resolve()
      })
    })
    const startForeign = async (): Promise<void> => {
      await consumer.connect()
      await consumer.subscribe({ topic: topic.name })
      await consumer.run({ eachMessage: async () => undefined })
    }
    const first = leader === 'raw' ? await raw.join() : undefined
    if (first) await raw.sync(first, partitions)
    // It resolves when kafkajs has joined, which beside a raw member needs the raw member to join again.
    const started = startForeign()
    if (!first) await started
    await sheet.tried(`one group, ${leader} leads: partitions of raw and kafkajs, raw JoinGroup took`, async () => {
      if (first) while ((await raw.heartbeat()) !== 27) await new Promise(setImmediate)
      const askedMs = performance.now()
      const joined = await raw.join()
      const tookMs = performance.now() - askedMs
      const errorCode = await raw.sync(joined, partitions)
      await Promise.all([started, shared])
      return `${raw.assigned.length} and ${mine[topic.name]?.length}, ${Math.round(tookMs)} ms, SyncGroup ${errorCode}, leader ${joined.leader === raw.memberId ? 'raw' : 'kafkajs'}`
    })
    await consumer.disconnect()
    await raw.leave()
    await raw.close()
  }
}

async function adminFacts(kafka: Kafka, topic: Topic, sheet: FactSheet): Promise<void> {
  const admin = kafka.admin()
  await admin.connect()
  const made = freshName('admin')
  const groupId = freshName('admin')
  const at = (offset: string) => ({ groupId, topic: topic.name, partitions: [{ partition: 0, offset }] })
  const calls: Readonly<Record<string, () => Promise<unknown>>> = {
    createTopics: () => admin.createTopics({ topics: [{ topic: made, numPartitions: 2 }] }),
    createPartitions: () => admin.createPartitions({ topicPartitions: [{ topic: made, count: 3 }] }),
    describeCluster: async () => `${(await admin.describeCluster()).brokers.length} broker(s)`,
    listTopics: async () => ((await admin.listTopics()).includes(made) ? 'works' : 'the topic is missing'),
    fetchTopicMetadata: async () => (await admin.fetchTopicMetadata({ topics: [made] })).topics[0]?.partitions.length,
    fetchTopicOffsets: async () =>
      (await admin.fetchTopicOffsets(topic.name)).map(({ partition, offset }) => `${partition}: ${offset}`),
    fetchTopicOffsetsByTimestamp: async () => (await admin.fetchTopicOffsetsByTimestamp(topic.name, 0)).length,
    setOffsets: () => admin.setOffsets(at('1')),
    fetchOffsets: async () => (await admin.fetchOffsets({ groupId, topics: [topic.name] }))[0]?.partitions[0]?.offset,
    resetOffsets: () => admin.resetOffsets({ groupId, topic: topic.name, earliest: true }),
    listGroups: async () =>
      (await admin.listGroups()).groups.some((group) => group.groupId === groupId) ? 'works' : 'the group is missing',
    describeGroups: async () => (await admin.describeGroups([groupId])).groups[0]?.state,
    describeConfigs: async () =>
      (
        await admin.describeConfigs({
          includeSynonyms: false,
          resources: [{ type: 2, name: made, configNames: ['retention.ms'] }],
        })
      ).resources[0]?.configEntries[0]?.configValue,
    alterConfigs: () =>
      admin.alterConfigs({
        validateOnly: false,
        resources: [{ type: 2, name: made, configEntries: [{ name: 'retention.ms', value: '1000' }] }],
      }),
    deleteTopicRecords: () =>
      admin.deleteTopicRecords({ topic: topic.name, partitions: [{ partition: 0, offset: '1' }] }),
    deleteGroups: () => admin.deleteGroups([groupId]),
    deleteTopics: () => admin.deleteTopics({ topics: [made] }),
  }
  for (const [name, call] of Object.entries(calls)) await sheet.tried(`kafkajs admin: ${name}`, call)
  await admin.disconnect()
}

async function kcatFacts(bootstrap: string, topic: Topic, sheet: FactSheet): Promise<void> {
  const kcat = (args: readonly string[], input?: string) =>
    runProcess({ name: 'kcat', command: 'kcat', args: ['-b', bootstrap, ...args], input, timeoutMs: kcatWithinMs })
  const version = await kcat(['-V']).catch(() => undefined)
  if (version === undefined) {
    sheet.saw('kcat', 'not on this machine (Debian: apt-get install kcat)')
    return
  }
  sheet.saw('kcat', version.output.find((line) => line.startsWith('Version')) ?? 'no version')
  const listed = await kcat(['-L', '-t', topic.name])
  sheet.saw(
    'kcat -L',
    `exit code ${listed.code}, ${listed.output.filter((line) => line.includes('leader')).length} partitions`,
  )
  const made = await kcat(['-P', '-t', topic.name, '-p', '3', '-K', ':', '-H', 'h=1'], 'k:one\nk:two\n')
  sheet.saw('kcat -P, two messages with key and header', `exit code ${made.code}`)
  const read = await kcat(['-C', '-q', '-t', topic.name, '-p', '3', '-o', '-2', '-e', '-f', '%k=%s %h\n'])
  sheet.saw('kcat -C, the last two', read.output.join(', '))
  const committed = await kcat([
    '-C',
    '-q',
    '-t',
    topic.name,
    '-o',
    'beginning',
    '-e',
    '-f',
    '%p:%o\n',
    '-X',
    'isolation.level=read_committed',
  ])
  sheet.saw(
    'kcat -C, read committed, all partitions',
    `${committed.output.length} messages, exit code ${committed.code}`,
  )
  const asked = await kcat(['-Q', '-t', `${topic.name}:0:-1`])
  sheet.saw('kcat -Q of the end of partition 0', asked.output.join(' ').replace(topic.name, 'topic'))
  const grouped = await kcat([
    '-q',
    '-G',
    freshName('kcat'),
    '-e',
    '-c',
    '4',
    '-X',
    'auto.offset.reset=earliest',
    '-f',
    '%p:%o\n',
    topic.name,
  ])
  sheet.saw('kcat -G, four messages in a group', `${grouped.output.length} messages, exit code ${grouped.code}`)
}

function errorCodes(answers: readonly { readonly errorCode: number }[]): string {
  return `error codes ${answers.map(({ errorCode }) => errorCode).join(' ')}`
}
