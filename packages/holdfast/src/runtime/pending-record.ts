/** A record between `send` and its outcome, and the line in which records wait while the producer holds all it may. */
import type { FlowRecord } from '../engine/producer-events.ts'
import { encodedSize, type EncodableRecord } from '../kafka/record-batch.ts'
import { type HoldfastError, SendError } from '../model/errors.ts'
import type { Header } from '../model/record.ts'

export type OutgoingRecord = {
  readonly topic: string
  /** Undefined leaves the choice to the key, or to the producer if there is none. */
  readonly partition: number | undefined
  readonly key: Buffer | null
  readonly value: Buffer | null
  readonly headers: readonly Header[]
  /** @default now */
  readonly timestampMs?: number | undefined
}

export type SentRecord = {
  readonly topic: string
  readonly partition: number
  /** −1 if the broker had the record already from an attempt whose answer was lost, and does not remember where. */
  readonly offset: number
  /** The broker's time of appending if the topic uses it, else the record's own. */
  readonly timestampMs: number
}

export type Settlers = {
  readonly resolve: (sent: SentRecord) => void
  readonly reject: (error: HoldfastError) => void
}

export class PendingRecord implements FlowRecord, EncodableRecord {
  readonly topic: string
  readonly partition: number | undefined
  readonly key: Buffer | null
  readonly value: Buffer | null
  readonly headers: readonly Header[]
  readonly timestampMs: number
  readonly sizeInBytes: number
  readonly deadlineMs: number
  /** Counts the sends of a producer, so that a flush knows which ones it waits for. */
  readonly number: number
  readonly settlers: Settlers

  /** Throws if the record cannot be encoded. */
  constructor(record: OutgoingRecord, timestampMs: number, deadlineMs: number, number: number, settlers: Settlers) {
    if (!Number.isSafeInteger(timestampMs) || timestampMs < 0) {
      throw refused(`expected a timestamp in whole milliseconds since 1970, got ${timestampMs}`)
    }
    this.topic = record.topic
    this.partition = record.partition
    this.key = record.key
    this.value = record.value
    this.headers = record.headers
    this.timestampMs = timestampMs
    this.sizeInBytes = encodedSize(this)
    this.deadlineMs = deadlineMs
    this.number = number
    this.settlers = settlers
  }
}

/** The record is larger than its topic takes or than the producer may hold; a smaller one may pass. */
export class TooLargeError extends SendError {}

/** A record that was never sent, and why. */
export function refused(
  reason: string,
  options: { readonly remedy?: string; readonly retriable?: boolean } = {},
): SendError {
  return new SendError(reason, { ...options, ambiguous: false })
}

/** Bytes that the producer holds, and who waits, in the order of their sends, until there is room. */
export class Room {
  readonly #bytesMax: number
  #heldBytes = 0
  #waiting: PendingRecord[] = []
  /** Where the line begins, so that taking its first costs nothing. */
  #first = 0

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax
  }

  get heldBytes(): number {
    return this.#heldBytes
  }

  /** True if the record may come in now; otherwise it stands in line until `next` hands it out. */
  enter(record: PendingRecord): boolean {
    if (this.#first === this.#waiting.length && this.#fits(record)) {
      this.#heldBytes += record.sizeInBytes
      return true
    }
    this.#waiting.push(record)
    return false
  }

  leave(record: PendingRecord): void {
    this.#heldBytes -= record.sizeInBytes
  }

  /** The first in line if there is room for it by now. Nobody overtakes: a large record would wait for ever. */
  next(): PendingRecord | undefined {
    const first = this.#waiting[this.#first]
    if (first === undefined || !this.#fits(first)) return undefined
    this.#heldBytes += first.sizeInBytes
    return this.#shift()
  }

  /** The first in line if its deadline has passed; deadlines never fall along the line. */
  nextExpired(nowMs: number): PendingRecord | undefined {
    const first = this.#waiting[this.#first]
    return first !== undefined && first.deadlineMs <= nowMs ? this.#shift() : undefined
  }

  get deadlineMs(): number {
    return this.#waiting[this.#first]?.deadlineMs ?? Infinity
  }

  #fits(record: PendingRecord): boolean {
    return this.#heldBytes + record.sizeInBytes <= this.#bytesMax
  }

  #shift(): PendingRecord | undefined {
    const first = this.#waiting[this.#first++]
    // Halving keeps the line short at a constant cost for each who passes through it.
    if (this.#first * 2 >= this.#waiting.length) {
      this.#waiting = this.#waiting.slice(this.#first)
      this.#first = 0
    }
    return first
  }
}
