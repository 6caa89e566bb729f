/** What scenarios on a real Kafka share: names that no other test uses, and kafkajs, which has no part in Holdfast, to make
 *  topics and to look at what is there. */
import { randomUUID } from 'node:crypto'
import kafkajs, { type Admin, type Kafka } from 'kafkajs'
import { untilLed, Wire } from '../facts/wire.ts'

export function uniqueName(what: string): string {
  return `scenario-${what}-${randomUUID()}`
}

export function foreignKafka(bootstrap: string): Kafka {
  return new kafkajs.Kafka({ clientId: 'scenario', brokers: bootstrap.split(','), logLevel: kafkajs.logLevel.NOTHING })
}

/** Calls kafkajs's admin client once. */
export async function asAdmin<T>(bootstrap: string, ask: (admin: Admin) => Promise<T>): Promise<T> {
  const admin = foreignKafka(bootstrap).admin()
  await admin.connect()
  try {
    return await ask(admin)
  } finally {
    await admin.disconnect()
  }
}

/** Creates a topic with a name of its own and waits until it has leaders: by raw requests, because kafkajs gives up when a
 *  busy broker does not know its newest topic yet. */
export async function makeTopic(
  bootstrap: string,
  options: { readonly partitions?: number; readonly configs?: Readonly<Record<string, string>> } = {},
): Promise<string> {
  const topic = uniqueName('topic')
  const { partitions = 1, configs = {} } = options
  const configEntries = Object.entries(configs).map(([name, value]) => ({ name, value }))
  await asAdmin(bootstrap, (admin) =>
    admin.createTopics({ topics: [{ topic, numPartitions: partitions, configEntries }], waitForLeaders: false }),
  )
  await untilTopicIsLed(bootstrap, topic)
  return topic
}

export async function untilTopicIsLed(bootstrap: string, topic: string): Promise<void> {
  const wire = await Wire.open(bootstrap)
  try {
    await untilLed(wire, topic)
  } finally {
    await wire.close()
  }
}

/** What the group has committed, by partition; −1 where nothing is. */
export async function committedOffsets(bootstrap: string, group: string, topic: string): Promise<Map<number, number>> {
  const [found] = await asAdmin(bootstrap, (admin) => admin.fetchOffsets({ groupId: group, topics: [topic] }))
  return new Map(found?.partitions.map(({ partition, offset }) => [partition, Number(offset)]))
}

/** Where the logs end, by partition: the high watermark. */
export async function endOffsets(bootstrap: string, topic: string): Promise<Map<number, number>> {
  const found = await asAdmin(bootstrap, (admin) => admin.fetchTopicOffsets(topic))
  return new Map(found.map(({ partition, high }) => [partition, Number(high)]))
}
