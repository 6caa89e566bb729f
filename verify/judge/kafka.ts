/** What the judge learns from Kafka, through kafkajs: a client that shares no line with Holdfast. It reads whole topics,
 *  end offsets and committed offsets; it writes nothing, except for the group that kafkajs needs for reading. */
import { randomUUID } from 'node:crypto'
import { type Admin, Kafka, type KafkaMessage, logLevel } from 'kafkajs'
import { type HandedOff, logOf, type OffsetSample, type TopicRecord } from './evidence.ts'
import { readOwnHeaders } from './own-headers.ts'

/** A topic of a demo is read in a second; a broker that says nothing must not keep us for ever. */
const readWithinMs = 60_000

export function connectTo(brokers: string): Kafka {
  return new Kafka({ clientId: 'judge', brokers: brokers.split(','), logLevel: logLevel.NOTHING })
}

/** Milliseconds of the machine's monotonic clock; see `evidence.ts`. */
export function monotonicMs(): number {
  return Number(process.hrtime.bigint()) / 1e6
}

/** Looks at what is committed first and at what is stored afterwards; see `evidence.ts`. */
export async function sampleOffsets(admin: Admin, group: string, topic: string): Promise<OffsetSample> {
  const askedMs = monotonicMs()
  const before = await listOwnTopics(admin, group, topic)
  const delays = before.filter(({ kind }) => kind === 'delay').map(({ name }) => name)
  const answers = await admin.fetchOffsets({ groupId: group, topics: [topic, ...delays] })
  const own = await listOwnTopics(admin, group, topic)
  const ends = await Promise.all(own.map(async ({ name }) => [name, await readEndOffsets(admin, name)] as const))
  const answeredMs = monotonicMs()

  const committed: Record<string, number> = {}
  const ownCommitted: Record<string, number> = {}
  for (const { topic: name, partitions } of answers) {
    for (const { partition, offset } of partitions) {
      // The coordinator says −1 for a partition that was never committed.
      if (Number(offset) < 0) continue
      if (name === topic) committed[partition] = Number(offset)
      else ownCommitted[logOf({ topic: name, partition })] = Number(offset)
    }
  }
  const ownEnds = Object.fromEntries(
    ends.flatMap(([name, offsets]) => [...offsets].map(([partition, end]) => [logOf({ topic: name, partition }), end])),
  )
  return { askedMs, answeredMs, committed, ownCommitted, ownEnds }
}

export async function readEndOffsets(admin: Admin, topic: string): Promise<Map<number, number>> {
  const offsets = await admin.fetchTopicOffsets(topic)
  return new Map(offsets.map(({ partition, high }) => [partition, Number(high)]))
}

type OwnTopic = { readonly name: string; readonly kind: HandedOff['kind'] }

/** The group's own topics for records of this topic, by the names that Holdfast documents. */
async function listOwnTopics(admin: Admin, group: string, topic: string): Promise<OwnTopic[]> {
  return (await admin.listTopics()).flatMap((name): OwnTopic[] => {
    if (name.startsWith(`${group}.${topic}.retry.`)) return [{ name, kind: 'delay' }]
    return name === `${group}.${topic}.dlq` ? [{ name, kind: 'dead' }] : []
  })
}

/** Every record of the topic below the given end offsets. */
export async function readTopic(
  kafka: Kafka,
  topic: string,
  endOffsets: ReadonlyMap<number, number>,
): Promise<TopicRecord[]> {
  const records = await readTopics(kafka, new Map([[topic, endOffsets]]))
  return records.map(({ partition, message: { key, value, offset } }) => {
    return { partition, offset: Number(offset), key: textOf(key), value: bytesOf(value), id: recordId(value) }
  })
}

/** Every record of the group's delay and dead-letter topics. */
export async function readHandedOff(kafka: Kafka, admin: Admin, group: string, topic: string): Promise<HandedOff[]> {
  const own = await listOwnTopics(admin, group, topic)
  const ends = await Promise.all(own.map(async ({ name }) => [name, await readEndOffsets(admin, name)] as const))
  const kinds = new Map(own.map(({ name, kind }) => [name, kind]))
  const records = await readTopics(kafka, new Map(ends))
  return records.map(({ topic: name, partition, message }) => {
    return {
      kind: kinds.get(name) ?? 'dead',
      topic: name,
      partition,
      offset: Number(message.offset),
      key: textOf(message.key),
      value: bytesOf(message.value),
      storedEpochMs: Number(message.timestamp),
      ...readOwnHeaders(message.headers ?? {}),
    }
  })
}

type ReadRecord = { readonly topic: string; readonly partition: number; readonly message: KafkaMessage }

/** Every record of the topics below the given end offsets, by topic and partition. */
async function readTopics(kafka: Kafka, ends: ReadonlyMap<string, ReadonlyMap<number, number>>): Promise<ReadRecord[]> {
  const records: ReadRecord[] = []
  const unread = new Map(
    [...ends].flatMap(([topic, offsets]) =>
      [...offsets].filter(([, end]) => end > 0).map(([partition, end]) => [logOf({ topic, partition }), end] as const),
    ),
  )
  if (unread.size === 0) return records

  const groupId = `judge-${randomUUID()}`
  const consumer = kafka.consumer({ groupId })
  const finished = Promise.withResolvers<void>()
  const patience = setTimeout(() => {
    const missing = [...unread].map(([log, end]) => `${log} up to ${end}`).join(', ')
    finished.reject(new Error(`not everything could be read within ${readWithinMs} ms; missing: ${missing}`))
  }, readWithinMs)
  try {
    await consumer.connect()
    await consumer.subscribe({ topics: [...ends.keys()], fromBeginning: true })
    await consumer.run({
      autoCommit: false,
      eachBatch: async ({ batch }) => {
        const { topic, partition } = batch
        for (const message of batch.messages) records.push({ topic, partition, message })
        const log = logOf(batch)
        if (Number(batch.lastOffset()) >= (unread.get(log) ?? Infinity) - 1) unread.delete(log)
        if (unread.size === 0) finished.resolve()
      },
    })
    await finished.promise
  } finally {
    clearTimeout(patience)
    await consumer.disconnect()
    await forgetGroup(kafka, groupId)
  }
  const place = ({ topic, partition, message }: ReadRecord): [string, number] => [
    logOf({ topic, partition }),
    Number(message.offset),
  ]
  return records.toSorted((a, b) => {
    const [[aLog, aOffset], [bLog, bOffset]] = [place(a), place(b)]
    return aLog === bLog ? aOffset - bOffset : aLog < bLog ? -1 : 1
  })
}

function textOf(bytes: Buffer | null): string | null {
  return bytes === null ? null : bytes.toString('utf8')
}

/** One character for each byte, so that two values are equal only if their bytes are. */
function bytesOf(bytes: Buffer | null): string | null {
  return bytes === null ? null : bytes.toString('latin1')
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
