/** All transactional ids of the cluster: finds or makes their transactions, ends them when their time is over, and has the
 *  end written to everything that takes part.
 *
 *  What is legal in which state is decided in `transaction.ts`; what a marker does to a log or to the offsets of a group
 *  is decided there, through `TransactionPorts`. Which node coordinates which id is decided in `core/cluster.ts`. */

import type { BrokerClock, BrokerTimer } from '../core/clock.ts'
import { errorCode, type ErrorCode } from '../protocol/error-code.ts'
import {
  type EndProtocol,
  type Outcome,
  type Participants,
  type ProducerIdentity,
  Transaction,
  type TransactionPartition,
} from './transaction.ts'

/** How a transaction of `producer` ended, as logs and groups hear of it. */
export type TransactionEnd = { readonly outcome: Outcome; readonly producer: ProducerIdentity }

export type TransactionPorts = {
  readonly clock: BrokerClock
  readonly newProducerId: () => number
  /** Writes the control batch; a partition that is gone by now is left out. */
  readonly writeMarker: (transactionalId: string, partition: TransactionPartition, end: TransactionEnd) => void
  /** Makes the pending offsets of the producer count, or drops them. */
  readonly endOffsets: (groupId: string, end: TransactionEnd) => void
}

export type TransactionSettings = {
  /** `transaction.max.timeout.ms` */
  readonly timeoutMsMax: number
  /** How long an end waits before its markers are written, in ms; 0 writes them before the end is answered. */
  readonly markerDelayMs: number
}

export type InitAnswer = { readonly errorCode: ErrorCode; readonly identity: ProducerIdentity }
export type EndAnswer = { readonly errorCode: ErrorCode; readonly identity: ProducerIdentity }

export type KnownTransaction = {
  readonly transaction: Transaction
  /** When its first participant joined, since 1970; −1 while none ever did. */
  readonly startedAtMs: number
}

type Entry = {
  readonly transaction: Transaction
  startedAtMs: number
  updatedAtMs: number
  timeout: BrokerTimer | undefined
  markers: BrokerTimer | undefined
}

export const nobody: ProducerIdentity = { producerId: -1, producerEpoch: -1 }

/** `transactional.id.expiration.ms`: an id that is not used for seven days is forgotten. */
const idleMsMax = 7 * 24 * 60 * 60 * 1000

export class TransactionCoordinator {
  readonly #entries = new Map<string, Entry>()
  readonly #ports: TransactionPorts
  readonly #settings: TransactionSettings

  constructor(ports: TransactionPorts, settings: TransactionSettings) {
    this.#ports = ports
    this.#settings = settings
  }

  get(transactionalId: string): KnownTransaction | undefined {
    return this.#find(transactionalId)
  }

  all(): readonly KnownTransaction[] {
    return [...this.#entries.keys()].flatMap((id) => this.#find(id) ?? [])
  }

  /** Whether a transaction may take so long. */
  acceptsTimeout(timeoutMs: number): boolean {
    return timeoutMs > 0 && timeoutMs <= this.#settings.timeoutMsMax
  }

  /** Gives the id to whoever asks. An open transaction is aborted, and the producer told to ask again (51). */
  initialize(transactionalId: string, timeoutMs: number, expected: ProducerIdentity | undefined): InitAnswer {
    const entry = this.#find(transactionalId) ?? this.#make(transactionalId, timeoutMs)
    const { newProducerId } = this.#ports
    const refusal = entry.transaction.initialize({ timeoutMs, expected, newProducerId })
    if (refusal === 'fence first') {
      this.#fence(entry)
      return { errorCode: errorCode.concurrentTransactions, identity: nobody }
    }
    if (refusal !== undefined) return { errorCode: refusal, identity: nobody }
    this.#touch(entry)
    entry.startedAtMs = -1
    return { errorCode: errorCode.none, identity: entry.transaction.identity }
  }

  add(transactionalId: string, identity: ProducerIdentity, joining: Participants): ErrorCode {
    return this.#ask(transactionalId, (entry) => {
      const wasOpen = entry.transaction.state === 'Ongoing'
      const refusal = entry.transaction.add(identity, joining)
      if (refusal !== errorCode.none) return refusal
      this.#touch(entry)
      if (!wasOpen) this.#open(entry)
      return errorCode.none
    })
  }

  verify(transactionalId: string, identity: ProducerIdentity, participants: Participants): ErrorCode {
    return this.#ask(transactionalId, ({ transaction }) => transaction.verify(identity, participants))
  }

  /** Under `bumping` the answer names who the producer is from now on. */
  end(transactionalId: string, identity: ProducerIdentity, outcome: Outcome, protocol: EndProtocol): EndAnswer {
    const { newProducerId } = this.#ports
    let decided = nobody
    const code = this.#ask(transactionalId, (entry) => {
      const decision = entry.transaction.end(identity, { outcome, protocol, newProducerId })
      if (typeof decision === 'number') return decision
      if (protocol === 'bumping') decided = entry.transaction.nextIdentity
      if (decision === 'begun') this.#finish(entry, outcome)
      return errorCode.none
    })
    return { errorCode: code, identity: decided }
  }

  #ask(transactionalId: string, question: (entry: Entry) => ErrorCode): ErrorCode {
    if (transactionalId === '') return errorCode.invalidRequest
    const entry = this.#find(transactionalId)
    return entry === undefined ? errorCode.invalidProducerIdMapping : question(entry)
  }

  #find(transactionalId: string): Entry | undefined {
    const entry = this.#entries.get(transactionalId)
    if (entry === undefined || entry.transaction.state === 'Ongoing' || entry.transaction.isEnding) return entry
    if (this.#ports.clock.monotonicMs() - entry.updatedAtMs < idleMsMax) return entry
    this.#entries.delete(transactionalId)
    return undefined
  }

  #make(transactionalId: string, timeoutMs: number): Entry {
    const entry: Entry = {
      transaction: new Transaction(transactionalId, this.#ports.newProducerId(), timeoutMs),
      startedAtMs: -1,
      updatedAtMs: this.#ports.clock.monotonicMs(),
      timeout: undefined,
      markers: undefined,
    }
    this.#entries.set(transactionalId, entry)
    return entry
  }

  #touch(entry: Entry): void {
    entry.updatedAtMs = this.#ports.clock.monotonicMs()
  }

  /** The time of a transaction runs from its first participant; what joins later does not lengthen it. */
  #open(entry: Entry): void {
    const { clock } = this.#ports
    entry.startedAtMs = Math.trunc(clock.epochMs())
    entry.timeout?.cancel()
    entry.timeout = clock.setTimer(entry.transaction.timeoutMs, () => this.#fence(entry))
  }

  #fence(entry: Entry): void {
    entry.transaction.fence(this.#ports.newProducerId)
    this.#finish(entry, 'abort')
  }

  #finish(entry: Entry, outcome: Outcome): void {
    const { clock } = this.#ports
    entry.timeout?.cancel()
    if (entry.startedAtMs < 0) entry.startedAtMs = Math.trunc(clock.epochMs())
    if (this.#settings.markerDelayMs <= 0) return this.#writeMarkers(entry, outcome)
    entry.markers = clock.setTimer(this.#settings.markerDelayMs, () => this.#writeMarkers(entry, outcome))
  }

  #writeMarkers(entry: Entry, outcome: Outcome): void {
    const { transaction } = entry
    const { partitions, groups } = transaction.participants
    const end: TransactionEnd = { outcome, producer: transaction.identity }
    transaction.complete()
    this.#touch(entry)
    for (const partition of partitions) this.#ports.writeMarker(transaction.id, partition, end)
    for (const group of groups) this.#ports.endOffsets(group, end)
  }

  /** Stops all timers; open transactions stay open. */
  close(): void {
    for (const { timeout, markers } of this.#entries.values()) {
      timeout?.cancel()
      markers?.cancel()
    }
  }
}
