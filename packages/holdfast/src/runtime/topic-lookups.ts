/** Records whose topic or partition is not known yet wait here, in order, while the metadata is asked for. A topic may
 *  have been created a moment ago, so it is asked a few times before a record is refused. */
import { HoldfastError } from '../model/errors.ts'
import { partitionName } from '../model/topic-partition.ts'
import type { Cluster } from './cluster.ts'
import { type PendingRecord, refused } from './pending-record.ts'

/** With the backoff between them about two seconds: longer than a new topic takes to become known to every broker. */
const lookupsMax = 5

const invalidTopic = 17
const topicAuthorizationFailed = 29

export type TopicLookupsGiven = {
  readonly cluster: Cluster
  readonly signal: AbortSignal
  readonly wait: (failures: number) => Promise<void>
  /** The record can be routed now. Called in the order of the sends. */
  readonly found: (record: PendingRecord) => void
  readonly refuse: (record: PendingRecord, error: HoldfastError) => void
}

export class TopicLookups {
  readonly #given: TopicLookupsGiven
  /** By topic while nothing is known of it, by topic and partition while only that partition is missing. */
  readonly #waiting = new Map<string, PendingRecord[]>()

  constructor(given: TopicLookupsGiven) {
    this.#given = given
  }

  /** False if the record can be routed at once; otherwise it stays here until `found` or `refuse` is called with it. */
  mustWait(record: PendingRecord): boolean {
    // Metadata may be here while those who waited for it are not let go yet: nobody overtakes them.
    if (this.#waiting.size > 0) {
      const earlier = this.#waiting.get(record.topic) ?? this.#waiting.get(nameOf(record))
      if (earlier !== undefined) return earlier.push(record) > 0
    }
    if (this.#isKnown(record)) return false
    const name = this.#hasPartitions(record.topic) ? nameOf(record) : record.topic
    this.#waiting.set(name, [record])
    void this.#lookUp(name, record.topic)
    return true
  }

  /** Takes out the first record whose deadline has passed. */
  nextExpired(nowMs: number): PendingRecord | undefined {
    for (const records of this.#waiting.values()) {
      const first = records[0]
      if (first !== undefined && first.deadlineMs <= nowMs) return records.shift()
    }
    return undefined
  }

  get deadlineMs(): number {
    let deadlineMs = Infinity
    for (const records of this.#waiting.values()) deadlineMs = Math.min(deadlineMs, records[0]?.deadlineMs ?? Infinity)
    return deadlineMs
  }

  async #lookUp(name: string, topic: string): Promise<void> {
    const { cluster, signal, wait } = this.#given
    cluster.track([topic])
    for (let lookups = 1; lookups <= lookupsMax; lookups++) {
      await cluster.refresh(`sending to ${name}`)
      if (signal.aborted) return
      const records = this.#waiting.get(name) ?? []
      const code = cluster.topic(topic)?.errorCode
      if (records.every((record) => this.#isKnown(record))) break
      if (code === topicAuthorizationFailed || code === invalidTopic || lookups === lookupsMax) break
      // A record of a partition that is not there must not hold up those of the partitions that are.
      if (name === topic && this.#hasPartitions(topic)) break
      await wait(lookups)
      if (signal.aborted) return
    }
    this.#letGo(name, topic)
  }

  #letGo(name: string, topic: string): void {
    const records = this.#waiting.get(name) ?? []
    this.#waiting.delete(name)
    for (const record of records) {
      if (this.#isKnown(record)) this.#given.found(record)
      else if (name === topic && this.#hasPartitions(topic)) this.mustWait(record)
      else this.#given.refuse(record, this.#refusal(record))
    }
  }

  #isKnown({ topic, partition }: PendingRecord): boolean {
    const count = this.#given.cluster.topic(topic)?.partitions.length ?? 0
    return partition === undefined ? count > 0 : partition >= 0 && partition < count
  }

  #hasPartitions(topic: string): boolean {
    return (this.#given.cluster.topic(topic)?.partitions.length ?? 0) > 0
  }

  #refusal({ topic, partition }: PendingRecord): HoldfastError {
    const view = this.#given.cluster.topic(topic)
    const count = view?.partitions.length ?? 0
    if (partition !== undefined && count > 0) {
      return refused(`expected a partition of ${topic} from 0 to ${count - 1}, got ${partition}`, {
        remedy: 'Leave the partition out and let the key decide, or add partitions to the topic.',
      })
    }
    if (view?.errorCode === topicAuthorizationFailed) {
      return new HoldfastError('AUTHORIZATION_FAILED', `the principal may not write to the topic ${topic}`, {
        remedy: `Allow WRITE and DESCRIBE on topic ${topic} to the principal that this app connects as.`,
      })
    }
    return new HoldfastError(
      'TOPIC_MISSING',
      `expected the topic ${topic} to exist, ${lookupsMax} lookups found none`,
      {
        remedy: `Create ${topic} first; topics are never created by sending to them.`,
      },
    )
  }
}

function nameOf(record: PendingRecord): string {
  return partitionName({ topic: record.topic, partition: record.partition ?? -1 })
}
