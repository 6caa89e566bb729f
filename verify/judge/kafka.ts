/** What the judge learns from Kafka, through kafkajs: a client that shares no line with Holdfast. It reads whole topics,
 *  end offsets and committed offsets; it writes nothing, except for the group that kafkajs needs for reading. */
import { randomUUID } from 'node:crypto'
import { type Admin, Kafka, logLevel } from 'kafkajs'
import { type OffsetSample, type TopicRecord } from './evidence.ts'

/** A topic of a demo is read in a second; a broker that says nothing must not keep us for ever. */
const readWithinMs = 60_000

export function connectTo(brokers: string): Kafka {
  return new Kafka({ clientId: 'judge', brokers: brokers.split(','), logLevel: logLevel.NOTHING })
}

/** Milliseconds of the machine's monotonic clock; see `evidence.ts`. */
export function monotonicMs(): number {
  return Number(process.hrtime.bigint()) / 1e6
}

export async function sampleOffsets(admin: Admin, group: string, topic: string): Promise<OffsetSample> {
  const askedMs = monotonicMs()
  const answers = await admin.fetchOffsets({ groupId: group, topics: [topic] })
  const answeredMs = monotonicMs()
  const partitions = answers.find((answer) => answer.topic === topic)?.partitions ?? []
  const committed = partitions
    .map(({ partition, offset }): [string, number] => [String(partition), Number(offset)])
    // The coordinator says −1 for a partition that was never committed.
    .filter(([, offset]) => offset >= 0)
  return { askedMs, answeredMs, committed: Object.fromEntries(committed) }
}

export async function readEndOffsets(admin: Admin, topic: string): Promise<Map<number, number>> {
  const offsets = await admin.fetchTopicOffsets(topic)
  return new Map(offsets.map(({ partition, high }) => [partition, Number(high)]))
}

/** How many records the group's own retry and dead-letter topics hold. */
export async function countHandedOff(
  admin: Admin,
  group: string,
  topic: string,
): Promise<{ readonly retried: number; readonly deadLettered: number }> {
  const topics = await admin.listTopics()
  const count = async (belongs: (name: string) => boolean): Promise<number> => {
    const offsets = await Promise.all(topics.filter(belongs).map((name) => admin.fetchTopicOffsets(name)))
    return offsets.flat().reduce((sum, { high, low }) => sum + Number(high) - Number(low), 0)
  }
  return {
    retried: await count((name) => name.startsWith(`${group}.${topic}.retry.`)),
    deadLettered: await count((name) => name === `${group}.${topic}.dlq`),
  }
}

/** Every record of the topic below the given end offsets. */
export async function readTopic(
  kafka: Kafka,
  topic: string,
  endOffsets: ReadonlyMap<number, number>,
): Promise<TopicRecord[]> {
  const records: TopicRecord[] = []
  const unread = new Map([...endOffsets].filter(([, end]) => end > 0))
  if (unread.size === 0) return records

  const groupId = `judge-${randomUUID()}`
  const consumer = kafka.consumer({ groupId })
  const finished = Promise.withResolvers<void>()
  const patience = setTimeout(() => {
    const missing = [...unread].map(([partition, end]) => `${partition} up to ${end}`).join(', ')
    finished.reject(new Error(`${topic} could not be read within ${readWithinMs} ms; missing: partition ${missing}`))
  }, readWithinMs)
  try {
    await consumer.connect()
    await consumer.subscribe({ topic, fromBeginning: true })
    await consumer.run({
      autoCommit: false,
      eachBatch: async ({ batch }) => {
        for (const { key, value, offset } of batch.messages) {
          records.push({
            partition: batch.partition,
            offset: Number(offset),
            key: key === null ? null : key.toString('utf8'),
            id: recordId(value),
          })
        }
        if (Number(batch.lastOffset()) >= (unread.get(batch.partition) ?? Infinity) - 1) unread.delete(batch.partition)
        if (unread.size === 0) finished.resolve()
      },
    })
    await finished.promise
  } finally {
    clearTimeout(patience)
    await consumer.disconnect()
    await forgetGroup(kafka, groupId)
  }
  return records.toSorted((a, b) => a.partition - b.partition || a.offset - b.offset)
}

function recordId(value: Buffer | null): number | null {
  try {
    const { id }: { id?: unknown } = JSON.parse(value?.toString('utf8') ?? 'null') ?? {}
    return typeof id === 'number' ? id : null
  } catch {
    return null
  }
}

/** A broker that cannot delete groups lets ours expire instead. */
async function forgetGroup(kafka: Kafka, groupId: string): Promise<void> {
  const admin = kafka.admin()
  try {
    await admin.connect()
    await admin.deleteGroups([groupId])
  } catch {
    // Nothing depends on it.
  } finally {
    await admin.disconnect()
  }
}
