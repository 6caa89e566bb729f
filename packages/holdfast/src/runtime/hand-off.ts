/** Writes records to where they go when their partition is done with them for now: a delay topic or the dead letters (R20,
 *  R21). A write resolves only when every in-sync replica has the record.
 *
 *  It decides what the record carries, which partition it goes to, and what is left out of one that is too large. That it
 *  leaves, where to, and when to try again after a failure is the engine's. */
import type { Destination } from '../model/destination.ts'
import { HoldfastError, type HoldfastErrorOptions } from '../model/errors.ts'
import { type Failure, failureOf } from '../model/handed-off-failure.ts'
import {
  type HandedOff,
  type HandedOffFacts,
  type HandedOffSource,
  readHandedOff,
  writeHeaders,
} from '../model/handed-off.ts'
import type { KafkaRecord } from '../model/record.ts'
import { partitionName, type TopicPartition } from '../model/topic-partition.ts'
import type { BrokerTime } from './broker-time.ts'
import type { Clock } from './clock.ts'
import type { Cluster } from './cluster.ts'
import { TooLargeError } from './pending-record.ts'
import type { Producer } from './producer.ts'
import { wait } from './wait.ts'

/** Our topics exist before anything is written to them, so only metadata that lags is waited for. */
const lookupsMax = 5
const lookupGapMs = 200

export type HandOff = {
  readonly record: KafkaRecord
  /** Where the record was read: its source, or a delay topic of ours. */
  readonly at: TopicPartition
  readonly group: string
  /** Made so far, the last one included. */
  readonly attempts: number
  /** Whatever the last attempt threw. */
  readonly error: unknown
  readonly destination: Destination
  /** False once somebody else may own the partition: nothing is written for it then (R5). */
  readonly isWanted: () => boolean
}

export type HandOffsParts = {
  readonly producer: Pick<Producer, 'send'>
  /** The producer's. */
  readonly cluster: Pick<Cluster, 'topic' | 'track' | 'refresh'>
  readonly clock: Clock
  readonly brokerTime: BrokerTime
  /** Headers are believed only in delay topics of ours: on any other topic its producer could forge them. */
  readonly isOwnTopic: (topic: string) => boolean
  /** Makes a topic that is made on its first use; does nothing for others. */
  readonly ensure: (topic: string) => Promise<void>
  readonly signal: AbortSignal
}

/** What is left out, the least missed first. */
type Form = 'whole' | 'noStack' | 'noMessage' | 'reference'

const forms: Readonly<Record<Destination['outcome'], readonly Form[]>> = {
  // A retry carries no stack, and a retry without its value would be none.
  retried: ['whole', 'noMessage'],
  deadLettered: ['whole', 'noStack', 'noMessage', 'reference'],
}

/** Everything about a record that stays the same however often it is written. */
type Letter = {
  readonly record: KafkaRecord
  readonly partition: number
  readonly past: HandedOff | null
  readonly source: HandedOffSource
  readonly id: string
  readonly attempts: number
  readonly failure: Failure
  readonly destination: Destination
}

/** The record will never fit where it should go, however often it is written. */
export class RecordTooLarge extends HoldfastError {
  constructor(message: string, options: HoldfastErrorOptions) {
    super('RECORD_TOO_LARGE', message, options)
  }
}

export class HandOffs {
  readonly #parts: HandOffsParts

  constructor(parts: HandOffsParts) {
    this.#parts = parts
  }

  /** Resolves when the record is stored. Rejects with what the producer says, with TOPIC_MISSING if there is no such
   *  topic, and with `RecordTooLarge` if it never will fit; after every other rejection the caller writes again. A record
   *  may then be there twice, never not at all. */
  async write(handOff: HandOff): Promise<void> {
    const { destination } = handOff
    await this.#parts.ensure(destination.topic)
    const letter = this.#letterOf(handOff, await this.#partitionsOf(destination.topic))
    if (!handOff.isWanted()) throw unwanted(handOff)
    let refusal: TooLargeError | undefined
    for (const form of forms[destination.outcome]) {
      try {
        await this.#send(letter, form)
        return
      } catch (error) {
        if (!(error instanceof TooLargeError)) throw error
        refusal = error
      }
    }
    throw tooLarge(handOff, refusal)
  }

  #letterOf(handOff: HandOff, partitions: number): Letter {
    const { record, at, group, attempts, error, destination } = handOff
    const past = this.#parts.isOwnTopic(at.topic) ? readHandedOff(record.headers) : null
    const here = { topic: at.topic, partition: at.partition, offset: record.offset, timestampMs: record.timestampMs }
    return {
      record,
      partition: (past?.source?.partition ?? at.partition) % partitions,
      past,
      source: { ...(past?.source ?? here), group },
      id: past?.id ?? `${at.topic}/${at.partition}/${record.offset}`,
      attempts,
      failure: failureOf(error),
      destination,
    }
  }

  async #send(letter: Letter, form: Form): Promise<void> {
    const { producer, clock, brokerTime } = this.#parts
    const { record, partition, destination } = letter
    const { topic } = destination
    // The time of this writing, not of the first: a retry that had to wait for its topic still waits its whole delay.
    const nowMs = Math.max(Math.trunc(brokerTime.nowMs(clock.monotonicMs())), 0)
    const headers = writeHeaders(record.headers, factsOf(letter, form, nowMs))
    const value = form === 'reference' ? null : record.value
    const sent = await producer.send({ topic, partition, key: record.key, value, headers, timestampMs: nowMs })
    // Our own time comes back from a topic that keeps it; any other is the broker's.
    if (sent.timestampMs !== nowMs) brokerTime.note(sent.timestampMs, clock.monotonicMs())
  }

  async #partitionsOf(topic: string): Promise<number> {
    const { cluster, clock, signal } = this.#parts
    for (let lookups = 0; ; lookups++) {
      const count = cluster.topic(topic)?.partitions.length ?? 0
      if (count > 0) return count
      if (signal.aborted) throw new HoldfastError('STOPPED', 'the app stopped before the record was handed off')
      if (lookups >= lookupsMax) throw missing(topic)
      cluster.track([topic])
      // A refresh repeats until it is answered; whoever waits here would rather fail, be told of and try again.
      await Promise.race([cluster.refresh(`handing off to ${topic}`), wait(clock, 10 * lookupGapMs, signal)])
      if ((cluster.topic(topic)?.partitions.length ?? 0) === 0) await wait(clock, lookupGapMs, signal)
    }
  }
}

function factsOf(letter: Letter, form: Form, nowMs: number): HandedOffFacts {
  const { record, past, source, id, attempts, failure, destination } = letter
  const { outcome } = destination
  const delayMs = destination.outcome === 'retried' ? destination.delayMs : null
  return {
    outcome,
    attempts,
    dueAtMs: delayMs === null ? null : nowMs + delayMs,
    delayMs,
    firstFailedAtMs: past?.firstFailedAtMs ?? nowMs,
    source,
    error: {
      ...failure,
      stack: form === 'whole' ? failure.stack : null,
      message: form === 'whole' || form === 'noStack' ? failure.message : null,
    },
    id,
    redriveCount: past?.redriveCount ?? 0,
    missingValueBytes: form === 'reference' ? (record.value?.length ?? 0) : null,
  }
}

function tooLarge({ record, at, destination }: HandOff, cause: unknown): RecordTooLarge {
  const { topic } = destination
  const place = `${partitionName(at)}@${record.offset}`
  return new RecordTooLarge(`expected ${topic} to take the ${record.sizeInBytes} bytes of ${place}, it is too large`, {
    cause,
    remedy: `Raise max.message.bytes of ${topic} to 64 KiB more than that of the source topic.`,
  })
}

/** Making or finding the topic may have taken long. */
function unwanted({ record, at }: HandOff): HoldfastError {
  const what = `expected to own ${partitionName(at)} when offset ${record.offset} is handed off, somebody else may do so now`
  return new HoldfastError('ABORTED', what, { retriable: true })
}

function missing(topic: string): HoldfastError {
  return new HoldfastError('TOPIC_MISSING', `expected the topic ${topic} to exist, ${lookupsMax} lookups found none`, {
    remedy: `Create ${topic}, or let Holdfast do it with topics: 'create'.`,
    retriable: true,
  })
}
