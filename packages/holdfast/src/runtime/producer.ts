/** The idempotent producer: performs what `ProducerFlow` decides. Each `send` is one promise, settled exactly once; records
 *  gather for a moment into batches, are encoded once, and the same bytes are sent until the broker has answered.
 *
 *  It decides the partition, how long to look for a topic, and who waits when too much is held. Sequences, resends and
 *  what an answer means are the flow's; leaders are the cluster's. */
import { exponentialDelayMs } from '../engine/backoff.ts'
import type {
  BatchResult,
  ProducerBatch,
  ProducerEffects,
  ProducerEvent,
  SendFailure,
} from '../engine/producer-events.ts'
import { ProducerFlow } from '../engine/producer-flow.ts'
import { partitionOfKey, StickyPartition } from '../kafka/partitioner.ts'
import { PortError, type ProduceRequest, type ProduceResponse } from '../kafka/port.ts'
import { batchOverhead, encodeBatch } from '../kafka/record-batch.ts'
import { HoldfastError, SendError } from '../model/errors.ts'
import type { ProducerSettings } from '../model/settings.ts'
import { partitionName } from '../model/topic-partition.ts'
import type { Emit } from '../observe/events.ts'
import type { Clock, Timer } from './clock.ts'
import type { Cluster } from './cluster.ts'
import type { OpenPort } from './environment.ts'
import { type OutgoingRecord, PendingRecord, refused, Room, type SentRecord, TooLargeError } from './pending-record.ts'
import { requestIdentity } from './producer-identity.ts'
import { TopicLookups } from './topic-lookups.ts'
import { wait } from './wait.ts'

export type { OutgoingRecord, SentRecord } from './pending-record.ts'

const backoff = { firstMs: 100, maxMs: 1_000 }

/** The broker gives up waiting for replicas a little before we give up waiting for the broker, so that its answer, which
 *  says more than our timeout, arrives. */
const brokerShareOfTimeout = 0.8

export type ProducerParts = {
  /** Closed by whoever opened it, after the producer. */
  readonly port: OpenPort
  readonly cluster: Cluster
  readonly clock: Clock
  readonly settings: ProducerSettings
  readonly emit: Emit
}

type Flush = { readonly upTo: number; left: number; readonly done: () => void }

export class Producer {
  readonly #port: OpenPort
  readonly #cluster: Cluster
  readonly #clock: Clock
  readonly #settings: ProducerSettings
  readonly #emit: Emit
  readonly #random: () => number
  readonly #flow: ProducerFlow<PendingRecord>
  readonly #effects: ProducerEffects<PendingRecord>
  readonly #room: Room
  readonly #lookups: TopicLookups
  readonly #sticky = new Map<string, StickyPartition>()
  readonly #encoded = new Map<ProducerBatch<PendingRecord>, Buffer>()
  readonly #closing = new AbortController()
  readonly #stopListening: () => void
  #flushes: Flush[] = []
  #sends = 0
  #outstanding = 0
  #timer: Timer | undefined
  #timerAtMs = Infinity

  constructor(parts: ProducerParts) {
    const { port, cluster, clock, settings, emit } = parts
    this.#port = port
    this.#cluster = cluster
    this.#clock = clock
    this.#settings = settings
    this.#emit = emit
    this.#random = () => clock.random()
    this.#room = new Room(settings.heldBytesMax)
    this.#lookups = new TopicLookups({
      cluster,
      signal: this.#closing.signal,
      wait: (failures) => this.#pause(failures),
      found: (record) => {
        this.#add(record, clock.monotonicMs())
        this.#letIn()
      },
      refuse: (record, error) => {
        this.#settleHeld(record, error)
        this.#letIn()
      },
    })
    this.#flow = new ProducerFlow(
      { lingerMs: settings.lingerMs, batchBytesMax: settings.batchBytesMax - batchOverhead, backoff },
      { leaderOf: (topic, partition) => cluster.leaderOf(topic, partition)?.nodeId, random: this.#random },
    )
    this.#effects = this.#makeEffects()
    this.#stopListening = cluster.onChange(() => this.#step({ kind: 'leadersChanged', nowMs: clock.monotonicMs() }))
  }

  /** Resolves when every in-sync replica has the record. Rejects with a `SendError` whose `ambiguous` tells whether the
   *  record may be stored all the same, or, if it was certainly never sent, with TOPIC_MISSING, AUTHORIZATION_FAILED or
   *  STOPPED. Waits for room while the producer holds all it may; the delivery timeout runs meanwhile. */
  send(record: OutgoingRecord): Promise<SentRecord> {
    return new Promise((resolve, reject) => {
      if (this.#closing.signal.aborted) throw stopped()
      const nowMs = this.#clock.monotonicMs()
      const deadlineMs = nowMs + this.#settings.deliveryTimeoutMs
      const timestampMs = record.timestampMs ?? this.#clock.epochMs()
      const pending = new PendingRecord(record, Math.trunc(timestampMs), deadlineMs, this.#sends, { resolve, reject })
      if (pending.sizeInBytes > this.#settings.heldBytesMax) throw tooLarge(pending, this.#settings.heldBytesMax)
      this.#sends++
      this.#outstanding++
      // One that must wait needs no timer of its own: whoever fills the room has one, and each tick sets the next.
      if (this.#room.enter(pending)) this.#route(pending, nowMs)
    })
  }

  /** Sends what lingers and resolves when every send so far has its outcome; rejects with SEND_FAILED at the deadline. */
  flush(options: { readonly timeoutMs: number }): Promise<void> {
    if (this.#outstanding === 0) return Promise.resolve()
    return new Promise((resolve, reject) => {
      const timer = this.#clock.setTimer(options.timeoutMs, () => {
        forget()
        const reason = `${flush.left} records had no outcome within the ${options.timeoutMs} ms of the flush`
        reject(new SendError(reason, { ambiguous: true, remedy: 'Check the brokers, or allow the flush more time.' }))
      })
      const done = (): void => {
        timer.cancel()
        forget()
        resolve()
      }
      const forget = (): void => {
        this.#flushes = this.#flushes.filter((other) => other !== flush)
      }
      const flush: Flush = { upTo: this.#sends, left: this.#outstanding, done }
      this.#flushes.push(flush)
      this.#step({ kind: 'flushed', nowMs: this.#clock.monotonicMs() })
    })
  }

  /** Ends at once: what has no outcome is rejected, as ambiguous if it was sent. Flush first to avoid that. */
  close(): void {
    if (this.#closing.signal.aborted) return
    this.#closing.abort()
    this.#stopListening()
    this.#timer?.cancel()
    this.#step({ kind: 'closed', reason: 'the producer was closed' })
    this.#expireWaiting(Infinity, stopped)
  }

  /** Bytes held: unsent and unacknowledged. */
  get heldBytes(): number {
    return this.#room.heldBytes
  }

  #step(event: ProducerEvent<PendingRecord>): void {
    this.#flow.step(event, this.#effects)
    this.#letIn()
  }

  /** Not from within effects, which must not call back into the flow, but after each step that may have made room. */
  #letIn(): void {
    if (this.#closing.signal.aborted) return
    const nowMs = this.#clock.monotonicMs()
    for (let next = this.#room.next(); next !== undefined; next = this.#room.next()) this.#route(next, nowMs)
  }

  /** A record goes to the flow when its partition is known to exist, else it joins those that wait for its topic. */
  #route(record: PendingRecord, nowMs: number): void {
    if (this.#lookups.mustWait(record)) this.#wakeAt(record.deadlineMs)
    else this.#add(record, nowMs)
  }

  #add(record: PendingRecord, nowMs: number): void {
    const partition = record.partition ?? this.#choose(record, nowMs)
    this.#flow.step({ kind: 'added', topic: record.topic, partition, record, nowMs }, this.#effects)
  }

  #choose(record: PendingRecord, nowMs: number): number {
    const { topic, key, sizeInBytes } = record
    const count = this.#cluster.topic(topic)?.partitions.length ?? 0
    if (key !== null) return partitionOfKey(key, count)
    let sticky = this.#sticky.get(topic)
    if (sticky === undefined) this.#sticky.set(topic, (sticky = new StickyPartition(this.#settings)))
    return sticky.choose(sizeInBytes, count, nowMs, this.#random)
  }

  #makeEffects(): ProducerEffects<PendingRecord> {
    return {
      send: (_nodeId, batches) => void this.#produce(batches),
      requestIdentity: () => void this.#identify(),
      refreshMetadata: (reason) => void this.#cluster.refresh(reason),
      wakeAt: (atMs) => this.#wakeAt(atMs),
      discard: (batch) => void this.#encoded.delete(batch),
      acknowledge: (batch, baseOffset, logAppendTimeMs) => this.#acknowledge(batch, baseOffset, logAppendTimeMs),
      reject: (records, failure) => {
        const { topic, partition, reason, ambiguous } = failure
        this.#emit('produce.failed', { at: { topic, partition }, records: records.length, reason, ambiguous })
        const error = sendError(failure, records.length)
        for (const record of records) this.#settleHeld(record, error)
      },
      willResend: ({ lane: { topic, partition }, records }, reason) =>
        this.#emit('produce.retried', { at: { topic, partition }, records: records.length, reason }),
    }
  }

  async #produce(batches: readonly ProducerBatch<PendingRecord>[]): Promise<void> {
    const { topic, partition } = (batches[0] as ProducerBatch<PendingRecord>).lane
    const node = this.#cluster.leaderOf(topic, partition)?.address
    if (node === undefined) throw new RangeError(`${topic}/${partition} lost its leader between decision and send`)
    const { requestTimeoutMs: timeoutMs } = this.#settings
    try {
      const request = this.#requestOf(batches)
      const options = { channel: 'produce', timeoutMs, signal: this.#closing.signal } as const
      const answer = await this.#port.call(node, 'Produce', request, options)
      this.#stepWithAnswer(batches, answer)
    } catch (error) {
      if (!(error instanceof PortError)) throw error
      this.#stepUnanswered(batches, error.message, error.isAmbiguous)
    }
  }

  #requestOf(batches: readonly ProducerBatch<PendingRecord>[]): ProduceRequest {
    const topics = new Map<string, { index: number; records: Buffer }[]>()
    for (const batch of batches) {
      const { topic, partition } = batch.lane
      const partitions = topics.get(topic) ?? []
      partitions.push({ index: partition, records: this.#bytesOf(batch) })
      topics.set(topic, partitions)
    }
    return {
      transactionalId: null,
      acks: -1,
      timeoutMs: Math.ceil(this.#settings.requestTimeoutMs * brokerShareOfTimeout),
      topics: [...topics].map(([name, partitions]) => ({ name, partitions })),
    }
  }

  #bytesOf(batch: ProducerBatch<PendingRecord>): Buffer {
    let bytes = this.#encoded.get(batch)
    if (bytes === undefined) {
      if (batch.stamp === undefined) throw new RangeError('a batch is stamped before it is sent')
      bytes = encodeBatch(batch.records, batch.stamp, this.#port.codec.crc32c)
      this.#encoded.set(batch, bytes)
    }
    return bytes
  }

  #stepWithAnswer(batches: readonly ProducerBatch<PendingRecord>[], answer: ProduceResponse): void {
    const byPartition = new Map<string, ProduceResponse['responses'][number]['partitions'][number]>()
    for (const { name, partitions } of answer.responses) {
      for (const partition of partitions)
        byPartition.set(partitionName({ topic: name, partition: partition.index }), partition)
    }
    const results: BatchResult<PendingRecord>[] = []
    const forgotten: ProducerBatch<PendingRecord>[] = []
    for (const batch of batches) {
      const result = byPartition.get(partitionName(batch.lane))
      if (result === undefined) forgotten.push(batch)
      else results.push({ batch, ...result })
    }
    if (forgotten.length > 0) this.#stepUnanswered(forgotten, 'the answer leaves this partition out', true)
    this.#step({ kind: 'answered', results, nowMs: this.#clock.monotonicMs() })
  }

  #stepUnanswered(batches: readonly ProducerBatch<PendingRecord>[], reason: string, mayBeStored: boolean): void {
    this.#step({ kind: 'unanswered', batches, reason, mayBeStored, nowMs: this.#clock.monotonicMs() })
  }

  async #identify(): Promise<void> {
    const { signal } = this.#closing
    const { requestTimeoutMs } = this.#settings
    const wait = (failures: number): Promise<void> => this.#pause(failures)
    const answer = await requestIdentity({ port: this.#port, cluster: this.#cluster, requestTimeoutMs, signal, wait })
    if (answer === undefined) return
    const nowMs = this.#clock.monotonicMs()
    if ('identity' in answer) this.#step({ kind: 'identified', identity: answer.identity, nowMs })
    else this.#step({ kind: 'unidentified', ...answer, nowMs })
  }

  #acknowledge(batch: ProducerBatch<PendingRecord>, baseOffset: number, logAppendTimeMs: number): void {
    const { topic, partition } = batch.lane
    for (const [index, record] of batch.records.entries()) {
      const offset = baseOffset < 0 ? -1 : baseOffset + index
      const timestampMs = logAppendTimeMs < 0 ? record.timestampMs : logAppendTimeMs
      this.#settleHeld(record, { topic, partition, offset, timestampMs })
    }
  }

  #settleHeld(record: PendingRecord, outcome: SentRecord | HoldfastError): void {
    this.#room.leave(record)
    this.#settle(record, outcome)
  }

  #settle(record: PendingRecord, outcome: SentRecord | HoldfastError): void {
    if (outcome instanceof HoldfastError) record.settlers.reject(outcome)
    else record.settlers.resolve(outcome)
    this.#outstanding--
    for (const flush of this.#flushes) {
      if (record.number < flush.upTo && --flush.left === 0) flush.done()
    }
  }

  /** One timer for all; only ever brought forward until it fires. */
  #wakeAt(atMs: number): void {
    if (atMs >= this.#timerAtMs || this.#closing.signal.aborted) return
    this.#timer?.cancel()
    this.#timerAtMs = atMs
    this.#timer = this.#clock.setTimer(Math.max(atMs - this.#clock.monotonicMs(), 0), () => this.#tick())
  }

  #tick(): void {
    const nowMs = this.#clock.monotonicMs()
    this.#timerAtMs = Infinity
    this.#expireWaiting(nowMs, () => tooLate(this.#settings.deliveryTimeoutMs))
    this.#step({ kind: 'ticked', nowMs })
    const deadlineMs = Math.min(this.#room.deadlineMs, this.#lookups.deadlineMs)
    if (deadlineMs < Infinity) this.#wakeAt(deadlineMs)
  }

  /** The records that the flow has not seen yet: those that wait for room hold no bytes, those that wait for a topic do. */
  #expireWaiting(nowMs: number, errorOf: () => HoldfastError): void {
    for (let late = this.#room.nextExpired(nowMs); late !== undefined; late = this.#room.nextExpired(nowMs)) {
      this.#settle(late, errorOf())
    }
    for (let late = this.#lookups.nextExpired(nowMs); late !== undefined; late = this.#lookups.nextExpired(nowMs)) {
      this.#settleHeld(late, errorOf())
    }
  }

  #pause(failures: number): Promise<void> {
    return wait(this.#clock, exponentialDelayMs(backoff, failures, this.#random), this.#closing.signal)
  }
}

function sendError(failure: SendFailure, records: number): SendError {
  const { reason, ambiguous, remedy, retriable, isTooLarge } = failure
  const what = records === 1 ? 'a record' : `${records} records`
  const doubt = ambiguous ? '; it may be stored all the same' : ''
  const Kind = isTooLarge ? TooLargeError : SendError
  return new Kind(`expected ${partitionName(failure)} to store ${what}, got ${reason}${doubt}`, {
    ambiguous,
    remedy,
    retriable,
  })
}

function tooLarge(record: PendingRecord, bytesMax: number): SendError {
  const reason = `expected a record of at most ${bytesMax} bytes for ${record.topic}, got ${record.sizeInBytes}`
  return new TooLargeError(reason, {
    ambiguous: false,
    remedy: 'Send less at once, or raise the bytes that the producer may hold.',
  })
}

function tooLate(deliveryTimeoutMs: number): SendError {
  return refused(
    `expected room for the record and its topic within the ${deliveryTimeoutMs} ms of the delivery timeout`,
    {
      remedy: 'Send more slowly, or raise the bytes that the producer may hold; check that the brokers answer.',
      retriable: true,
    },
  )
}

function stopped(): HoldfastError {
  return new HoldfastError('STOPPED', 'the producer was closed before the record was sent')
}
