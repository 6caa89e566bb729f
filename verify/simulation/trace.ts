/** What a history leaves behind: one list of everything that an observer outside Holdfast could see, in order. Laws read it,
 *  people read its printed form, and its hash tells whether two runs of a seed were the same.
 *
 *  Handlers, the broker and the conductor write it. Of Holdfast's own events laws use `retryAnnounced`, because nobody else
 *  can say when a retry is due, and `handedOff` and `left`, which it must live up to; the rest is text for readers. */

import { createHash } from 'node:crypto'
import { type KafkaApi } from '../../packages/holdfast/src/kafka/port.ts'
import { type Order, type WhileRetrying } from '../../packages/holdfast/src/model/settings.ts'

export const topicName = 'orders'
export const groupName = 'billing'

/** A partition of the source topic, of a delay topic or of the dead letters. */
export type Partition = { readonly topic: string; readonly partition: number }
/** Where a record lies. One that was handed off lies in several places. */
export type At = Partition & { readonly offset: number }

/** What becomes of a record whoever handles it: done in the end, never done, hopeless from an attempt on, or unreadable. */
export type Fate = 'fine' | 'doomed' | `hopeless ${number}` | 'undecodable'

/** What a commit says about a record that was tried and is not finished. */
export type MarkedFailure = { readonly offset: number; readonly attempts: number; readonly dueMs: number }

/** Tells of a record which send it came from. */
export const sendIdHeader = 'x-id'

/** All of a record that must be the same in each of its copies and is not its key: value, headers without ours, time. */
export type Body = {
  readonly value: Uint8Array | string | null
  readonly headers: readonly { readonly key: string; readonly value: Uint8Array | string | null }[]
  readonly timestampMs: number
}

/** A body as text: equal for equal bodies. */
export function bodyOf({ value, headers, timestampMs }: Body): string {
  const text = (bytes: Uint8Array | string | null): string | null => (bytes === null ? null : bytes.toString())
  return JSON.stringify([text(value), headers.map((each) => [each.key, text(each.value)]), timestampMs])
}

/** A request of a machine; `call` is unique for each of them. */
type Call = { readonly machine: string; readonly api: KafkaApi; readonly call: number }

/** As whom a machine speaks, or what an answer gives it; '', −1 and nothing where the API does not say. */
type Membership = {
  readonly memberId: string
  readonly generation: number
  readonly partitions: readonly Partition[]
}

/** It leaves a machine, whether or not a connection takes it on. */
export type Sent = { readonly kind: 'sent'; readonly timeoutMs: number } & Call & Membership
/** It was answered, with a code of Kafka (0: well, else the first refusal in it), or a `PortErrorKind` says why it was not. */
export type Heard = { readonly kind: 'heard'; readonly answer: number | string } & Call & Membership

export type TraceEvent = { readonly atMs: number } & (
  | Sent
  | Heard
  | ({
      readonly kind: 'appended'
      readonly key: string | null
      readonly fate: Fate
      readonly body: string
      /** Of the send that it came from; undefined if it did not come from a producer of ours. */
      readonly id?: string | undefined
    } & At)
  /** Somebody sends a record. Each send has an id of its own, also if it repeats one that failed. */
  | {
      readonly kind: 'sendAsked'
      readonly machine: string
      readonly id: string
      readonly key: string | null
      readonly body: string
    }
  /** It was told to be stored; an offset of −1 is one that the broker does not remember. */
  | ({ readonly kind: 'sendStored'; readonly machine: string; readonly id: string } & At)
  /** It was told not to be stored, or perhaps (`isAmbiguous`). */
  | { readonly kind: 'sendFailed'; readonly machine: string; readonly id: string; readonly isAmbiguous: boolean }
  /** A copy was appended to a topic of ours; everything but the time is what its headers say. Times are on the trace's clock. */
  | ({
      readonly kind: 'stored'
      readonly end: 'retried' | 'deadLettered'
      readonly key: string | null
      readonly source: At
      readonly body: string
      readonly attempts: number
      /** What its writer takes for the time when it may run. */
      readonly dueMs: number
      /** When it may run by the broker's own clock: its delay after it was appended. */
      readonly ripeMs: number
      /** How long it is to wait; −1 for a dead letter. */
      readonly delayMs: number
      /** How many partitions its topic has. */
      readonly partitions: number
    } & At)
  /** `run` is unique for each call of a handler; `source` is where the message says that it comes from. */
  | ({
      readonly kind: 'began'
      readonly machine: string
      readonly run: number
      readonly attempt: number
      readonly source: At
    } & At)
  | ({
      readonly kind: 'ended'
      readonly machine: string
      readonly run: number
      readonly result: 'done' | 'failed'
      /** The wait that it asks for as it fails. */
      readonly asksMs?: number | null
    } & At)
  /** The signal of a run that goes on was aborted: seen by its handler, and by nobody if that has returned at once. */
  | ({
      readonly kind: 'aborted'
      readonly machine: string
      readonly run: number
      /** Its time was not up: its partition or its app goes, and it does not count as an attempt (R4). */
      readonly isCutShort?: boolean
    } & At)
  | ({ readonly kind: 'filtered'; readonly machine: string } & At)
  | ({
      readonly kind: 'retryAnnounced'
      readonly machine: string
      /** The attempt that failed. */
      readonly attempt: number
      /** Null if no further wait is due: the record becomes a dead letter, or its attempt did not count. */
      readonly dueMs: number | null
    } & At)
  /** Holdfast says that a record is stored elsewhere and done here. */
  | ({ readonly kind: 'handedOff'; readonly machine: string } & At)
  /** Applied by the broker. `offset` is the next one to read; the rest is what the metadata says about those above it. */
  | ({
      readonly kind: 'committed'
      readonly finished: readonly number[]
      readonly failed: readonly MarkedFailure[]
    } & At)
  /** A machine asks what is committed, since it is about to read partitions. */
  | { readonly kind: 'asked'; readonly machine: string }
  /** A partition was revoked or lost: what the machine does with it afterwards is a new ownership. */
  | ({ readonly kind: 'left'; readonly machine: string; readonly isRevoked?: boolean } & Partition)
  /** A machine asks for a commit, whatever the answer will be. */
  | { readonly kind: 'commitAsked'; readonly machine: string }
  /** Somebody pauses the consumer of a machine, and takes it back. */
  | { readonly kind: 'paused' | 'resumed'; readonly machine: string }
  /** The group gave a machine these partitions and no others. It may not have heard of that yet. */
  | {
      readonly kind: 'assigned'
      readonly machine: string
      readonly generation: number
      readonly partitions: readonly Partition[]
    }
  /** The group forgot a machine that had not asked for it and may not have heard of it yet. */
  | { readonly kind: 'expelled'; readonly machine: string }
  /** Its event loop is held up: whatever happens there meanwhile happens afterwards, all at once. */
  | { readonly kind: 'froze'; readonly machine: string; readonly forMs: number }
  | { readonly kind: 'calendarJumped'; readonly machine: string; readonly byMs: number }
  | {
      readonly kind: 'counted'
      readonly machine: string
      readonly accepted: number
      readonly accounted: number
      readonly alreadyDone: number
    }
  | { readonly kind: 'switchedOn' | 'started' | 'crashed' | 'stopping'; readonly machine: string }
  | { readonly kind: 'stopped'; readonly machine: string; readonly clean: boolean; readonly uncommitted: number }
  | { readonly kind: 'failed'; readonly machine: string; readonly reason: string }
  | { readonly kind: 'healed' }
  | { readonly kind: 'drained' }
  | { readonly kind: 'stuck'; readonly afterMs: number; readonly reason: string }
  | { readonly kind: 'unhandledRejection'; readonly reason: string }
  /** A fault that somebody made, and what Holdfast says about itself: for readers only. */
  | { readonly kind: 'fault'; readonly fault: string; readonly what: string }
  | { readonly kind: 'said'; readonly machine: string; readonly what: string }
)

/** What was true of a history from the beginning, as far as laws need to know it. */
export type Terms = {
  readonly order: Order
  readonly concurrency: number
  /** Of one partition of the source: how many records may be open at once. */
  readonly bufferedRecords: number
  /** Of one partition: how many may wait in place; Infinity where those beyond go to a delay topic. */
  readonly parkedRecords: number
  readonly whileRetrying: WhileRetrying
  /** One, and one for each wait in place and each delay. */
  readonly attemptsMax: number
  /** The longest waits in place, and the waits after them; `bucketsMs` are waits for which there are topics besides. */
  readonly retries: {
    readonly inPlaceMs: readonly number[]
    readonly delaysMs: readonly number[]
    readonly bucketsMs: readonly number[]
  }
  /** What a handler never sees. */
  readonly filtersEvery: number
  readonly attemptTimeoutMs: number
  readonly abortGraceMs: number
  readonly drainAtRevokeMs: number
  readonly drainAtStopMs: number
  /** Everything must have been committed so long after the faults ended. */
  readonly drainBoundMs: number
  readonly protocol: 'eager' | 'cooperative'
  /** Nothing goes wrong but the one crash. */
  readonly isCalm: boolean
}

type Unstamped<E> = E extends unknown ? Omit<E, 'atMs'> : never

export class Trace {
  readonly events: TraceEvent[] = []
  readonly #nowMs: () => number
  #runs = 0
  #calls = 0

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs
  }

  add(event: Unstamped<TraceEvent>): void {
    this.events.push({ atMs: this.#nowMs(), ...event })
  }

  nextRun(): number {
    return ++this.#runs
  }

  nextCall(): number {
    return ++this.#calls
  }
}

export function isFiltered(offset: number, every: number): boolean {
  return every > 0 && offset % every === 3
}

/** Equal for two histories in which the same things happened at the same times. */
export function hashOf(events: readonly TraceEvent[]): string {
  const hash = createHash('sha256')
  for (const event of events) hash.update(JSON.stringify(event))
  return hash.digest('hex')
}

/** Always the same string for the same place: laws ask for millions of them as keys, and a string that is there already has
 *  its hash. */
export function addressOf({ topic, partition, offset }: At): string {
  if (offset > knownOffsetsMax || offset < 0) return `${shortNameOf(topic)}${partition}/${offset}`
  const offsets = (partitionsOf(topic)[partition] ??= [])
  return (offsets[offset] ??= `${shortNameOf(topic)}${partition}/${offset}`)
}

const knownOffsetsMax = 10_000
const addresses = new Map<string, string[][]>()

function partitionsOf(topic: string): string[][] {
  const known = addresses.get(topic)
  if (known !== undefined) return known
  const made: string[][] = []
  addresses.set(topic, made)
  return made
}

/** What the address of every record of a partition begins with. */
export function addressStartOf(partition: Partition): string {
  return addressOf({ ...partition, offset: 0 }).slice(0, -1)
}

export function placeNameOf({ topic, partition }: Partition): string {
  return `${topic} ${partition}`
}

const shortNames = new Map([[topicName, '']])

/** The source has none: most is about it. */
function shortNameOf(topic: string): string {
  const known = shortNames.get(topic)
  if (known !== undefined) return known
  const name = `${topic.replace(`${groupName}.${topicName}.`, '')} `
  shortNames.set(topic, name)
  return name
}

export function shortPlaceOf({ topic, partition }: Partition): string {
  return `${shortNameOf(topic)}${partition}`
}
