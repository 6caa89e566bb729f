/** The records of one partition on their way to the broker, in order: at most one batch that was sent and is not answered
 *  (`head`), closed batches behind it, and the open one that still takes records. Keeps the order and the sizes; when to
 *  send and what an answer means is decided in `producer-flow.ts`. */

/** All that the flow knows of a record. Deadlines never fall from one record of a partition to the next. */
export type FlowRecord = { readonly sizeInBytes: number; readonly deadlineMs: number }

export type Identity = { readonly producerId: number; readonly producerEpoch: number }

/** Fixed when the batch is sent first, and part of its bytes from then on. */
export type BatchStamp = Identity & { readonly baseSequence: number }

/**   accumulating ──sent──▶ onTheWire ──may pass──▶ resting ──sent again──▶ onTheWire ──answered──▶ gone
 *                              ╰──deadline: its records are rejected──▶ abandoned ──answered──▶ gone            */
export type BatchPhase = 'accumulating' | 'onTheWire' | 'resting' | 'abandoned'

export class ProducerBatch<R extends FlowRecord> {
  readonly lane: ProducerLane<R>
  /** Oldest first. */
  records: R[]
  sizeInBytes: number
  /** Until then it waits for company. */
  lingerUntilMs: number
  phase: BatchPhase = 'accumulating'
  stamp: BatchStamp | undefined = undefined
  /** An attempt ended without a word about whether the broker appended the batch. */
  mayBeStored = false

  constructor(lane: ProducerLane<R>, records: R[], lingerUntilMs: number) {
    this.lane = lane
    this.records = records
    this.sizeInBytes = 0
    for (const record of records) this.sizeInBytes += record.sizeInBytes
    this.lingerUntilMs = lingerUntilMs
  }
}

export class ProducerLane<R extends FlowRecord> {
  readonly topic: string
  readonly partition: number
  /** The batch that has been sent and is not settled. While it exists nothing else of this partition leaves. */
  head: ProducerBatch<R> | undefined = undefined
  closed: ProducerBatch<R>[] = []
  open: ProducerBatch<R> | undefined = undefined
  /** Under whom its batches are sent. */
  identity: Identity | undefined = undefined
  /** The identity under which a batch was left unknown: its sequence here is lost, so it is never used again. */
  spoiled: Identity | undefined = undefined
  nextSequence = 0
  /** Attempts without success in a row, for the backoff. */
  failures = 0
  notBeforeMs = 0
  /** Why the last of them failed, for the error at the deadline. */
  lastFailure: { readonly reason: string; readonly remedy?: string | undefined } | undefined = undefined

  constructor(topic: string, partition: number) {
    this.topic = topic
    this.partition = partition
  }

  get isEmpty(): boolean {
    return this.head === undefined && this.closed.length === 0 && this.open === undefined
  }

  get isOnTheWire(): boolean {
    return this.head !== undefined && this.head.phase !== 'resting'
  }

  /** Takes the record into the open batch, or into a new one when that would grow beyond `batchBytesMax`. A record that
   *  is larger by itself gets a batch of its own. Tells whether a batch was opened. */
  add(record: R, lingerUntilMs: number, batchBytesMax: number): boolean {
    const { open } = this
    if (open !== undefined && open.sizeInBytes + record.sizeInBytes <= batchBytesMax) {
      open.records.push(record)
      open.sizeInBytes += record.sizeInBytes
      return false
    }
    if (open !== undefined) this.closed.push(open)
    this.open = new ProducerBatch(this, [record], lingerUntilMs)
    return true
  }

  /** From when on the next batch may leave, its linger and backoff over; infinite when there is none to send now. */
  get dueAtMs(): number {
    if (this.isOnTheWire) return Infinity
    if (this.head !== undefined || this.closed.length > 0) return this.notBeforeMs
    return this.open === undefined ? Infinity : Math.max(this.open.lingerUntilMs, this.notBeforeMs)
  }

  /** When the first record that still waits for its outcome must have one. */
  get deadlineMs(): number {
    if (this.head !== undefined && this.head.phase !== 'abandoned') return (this.head.records[0] as R).deadlineMs
    const next = this.closed[0] ?? this.open
    return next === undefined ? Infinity : (next.records[0] as R).deadlineMs
  }

  /** The batch that must leave next, which becomes the head. */
  advance(): ProducerBatch<R> {
    if (this.head !== undefined) return this.head
    const next = this.closed.shift() ?? this.open
    if (next === undefined) throw new RangeError(`${this.topic}/${this.partition} has nothing to send`)
    if (next === this.open) this.open = undefined
    this.head = next
    return next
  }

  /** Puts the two halves of the head back in front, to be stamped anew: none of it was stored. */
  split(): void {
    const records = this.head?.records ?? []
    const middle = Math.ceil(records.length / 2)
    const halves = [records.slice(0, middle), records.slice(middle)]
    this.closed.unshift(...halves.map((half) => new ProducerBatch(this, half, 0)))
    this.head = undefined
  }

  /** Takes out the records that were never sent and are at or past their deadline; they are the oldest ones. */
  takeExpired(nowMs: number): R[] {
    const expired: R[] = []
    for (let batch = this.closed[0] ?? this.open; batch !== undefined; batch = this.closed[0] ?? this.open) {
      const index = batch.records.findIndex((record) => record.deadlineMs > nowMs)
      const late = batch.records.splice(0, index < 0 ? batch.records.length : index)
      expired.push(...late)
      if (index >= 0) {
        for (const record of late) batch.sizeInBytes -= record.sizeInBytes
        break
      }
      if (batch === this.open) this.open = undefined
      else this.closed.shift()
    }
    return expired
  }
}
