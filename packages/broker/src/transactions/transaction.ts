/** The state machine of one transactional id, rule for rule that of Kafka's transaction coordinator.
 *
 *      Empty ──add──▶ Ongoing ──end: commit──▶ PrepareCommit ──markers written──▶ CompleteCommit ─╮
 *        ▲    ╭─add──▶   │                                                                        │
 *        │    │          ╰─end: abort, fence, timeout──▶ PrepareAbort ──────▶ CompleteAbort ──────┤
 *        │    ╰────────────────────────────────────────────▲──────────────────────────────────────┤
 *        ╰──initialize─────────────────────────────────────┴─── end: abort, bumping only ─────────╯
 *
 *  Two protocols end a transaction. `classic` (EndTxn up to 4) keeps the epoch. `bumping` (KIP-890, EndTxn 5, and whatever
 *  the broker ends itself) raises it with every end, so that a late request of the transaction before can never join the
 *  next; that makes an end repeatable, and an abort legal when nothing was added.
 *
 *  Pure: whoever calls it keeps the time, writes the markers and says when they are written. */

import { errorCode, type ErrorCode } from '../protocol/error-code.ts'

export type TransactionState =
  | 'Empty'
  | 'Ongoing'
  | 'PrepareCommit'
  | 'PrepareAbort'
  | 'CompleteCommit'
  | 'CompleteAbort'

export type Outcome = 'commit' | 'abort'
export type EndProtocol = 'classic' | 'bumping'
export type ProducerIdentity = { readonly producerId: number; readonly producerEpoch: number }
export type TransactionPartition = { readonly topic: string; readonly partition: number }
/** What joins a transaction: partitions of topics, and groups whose offsets it will commit. */
export type Participants = { readonly partitions: readonly TransactionPartition[]; readonly groups: readonly string[] }

export type Initialization = {
  readonly timeoutMs: number
  /** Who the producer believes it is, if it wants to go on instead of starting anew. */
  readonly expected: ProducerIdentity | undefined
  readonly newProducerId: () => number
}

export type Ending = {
  readonly outcome: Outcome
  readonly protocol: EndProtocol
  readonly newProducerId: () => number
}

/** `begun`: markers must be written now, then `complete` be called. `done`: it had ended like that before. */
export type EndDecision = 'begun' | 'done' | ErrorCode

const none = -1
/** The largest int16 is kept for the marker that ends the last transaction of a producer id. */
const epochMax = 32_767
const lastClientEpoch = epochMax - 1

export class Transaction {
  readonly id: string
  #state: TransactionState = 'Empty'
  #producerId: number
  #producerEpoch = none
  /** The epoch before the last raise, if the producer itself asked for it: how its repeated request is known. */
  #lastProducerEpoch = none
  /** The producer id before the last transition, for requests repeated across a change of producer id. */
  #previousProducerId = none
  /** Takes over when the markers are written, because the epochs of the present one are used up. */
  #nextProducerId = none
  #timeoutMs: number
  readonly #partitions = new Map<string, TransactionPartition>()
  readonly #groups = new Set<string>()

  constructor(id: string, producerId: number, timeoutMs: number) {
    this.id = id
    this.#producerId = producerId
    this.#timeoutMs = timeoutMs
  }

  get state(): TransactionState {
    return this.#state
  }

  get timeoutMs(): number {
    return this.#timeoutMs
  }

  /** Who writes now; while the markers of an end are written, whose they are. */
  get identity(): ProducerIdentity {
    return { producerId: this.#producerId, producerEpoch: this.#producerEpoch }
  }

  /** Who the producer is from the end of this transaction on. */
  get nextIdentity(): ProducerIdentity {
    return this.#nextProducerId === none ? this.identity : { producerId: this.#nextProducerId, producerEpoch: 0 }
  }

  get participants(): Participants {
    return { partitions: [...this.#partitions.values()], groups: [...this.#groups] }
  }

  get isEnding(): boolean {
    return this.#state === 'PrepareCommit' || this.#state === 'PrepareAbort'
  }

  /** Makes the producer the only one of this id: raises its epoch. `'fence first'` when a transaction is open, which
   *  must be ended by `fence` before; the producer asks again then. */
  initialize(command: Initialization): ErrorCode | 'fence first' | undefined {
    const { expected } = command
    if (expected !== undefined && !this.#mayBe(expected)) return errorCode.producerFenced
    if (this.isEnding) return errorCode.concurrentTransactions
    if (this.#state === 'Ongoing') return 'fence first'
    const identity = this.#identityAfter(command)
    if (identity === undefined) return errorCode.producerFenced
    this.#previousProducerId = this.#producerId
    this.#producerId = identity.producerId
    this.#producerEpoch = identity.producerEpoch
    this.#timeoutMs = command.timeoutMs
    this.#state = 'Empty'
    return undefined
  }

  #mayBe({ producerId, producerEpoch }: ProducerIdentity): boolean {
    if (this.#producerEpoch === none || producerId === this.#producerId) return true
    return producerId === this.#previousProducerId && producerEpoch >= lastClientEpoch
  }

  /** Undefined if the producer is a former one. */
  #identityAfter({ expected, newProducerId }: Initialization): ProducerIdentity | undefined {
    const epoch = this.#producerEpoch
    if (expected !== undefined && epoch !== none && expected.producerEpoch !== epoch) {
      // It asked before and missed the answer: nothing is raised twice.
      return expected.producerEpoch === this.#lastProducerEpoch ? this.identity : undefined
    }
    this.#lastProducerEpoch = expected === undefined ? none : epoch
    if (epoch >= lastClientEpoch) return { producerId: newProducerId(), producerEpoch: 0 }
    return { producerId: this.#producerId, producerEpoch: epoch + 1 }
  }

  /** Takes partitions and groups into the transaction, and opens it if need be. */
  add(identity: ProducerIdentity, joining: Participants): ErrorCode {
    const refusal = this.#refusalOf(identity)
    if (refusal !== undefined) return refusal
    for (const each of joining.partitions) this.#partitions.set(keyOf(each), each)
    for (const group of joining.groups) this.#groups.add(group)
    this.#state = 'Ongoing'
    this.#previousProducerId = this.#producerId
    return errorCode.none
  }

  /** Whether everything has joined the transaction before. */
  verify(identity: ProducerIdentity, { partitions, groups }: Participants): ErrorCode {
    const refusal = this.#refusalOf(identity)
    if (refusal !== undefined) return refusal
    const areIn =
      partitions.every((each) => this.#partitions.has(keyOf(each))) && groups.every((each) => this.#groups.has(each))
    return areIn ? errorCode.none : errorCode.transactionAbortable
  }

  #refusalOf({ producerId, producerEpoch }: ProducerIdentity): ErrorCode | undefined {
    if (producerId !== this.#producerId) return errorCode.invalidProducerIdMapping
    if (producerEpoch !== this.#producerEpoch) return errorCode.producerFenced
    return this.isEnding ? errorCode.concurrentTransactions : undefined
  }

  end(identity: ProducerIdentity, ending: Ending): EndDecision {
    const decision =
      ending.protocol === 'classic' ? this.#classicEnd(identity, ending) : this.#bumpingEnd(identity, ending)
    if (decision === 'begun') this.#prepare(ending)
    return decision
  }

  #classicEnd({ producerId, producerEpoch }: ProducerIdentity, { outcome }: Ending): EndDecision {
    if (producerId !== this.#producerId) return errorCode.invalidProducerIdMapping
    if (producerEpoch !== this.#producerEpoch) return errorCode.producerFenced
    switch (this.#state) {
      case 'Ongoing':
        return 'begun'
      case 'Empty':
        return errorCode.invalidTxnState
      case 'PrepareCommit':
      case 'PrepareAbort':
        return this.#outcome === outcome ? errorCode.concurrentTransactions : errorCode.invalidTxnState
      case 'CompleteCommit':
      case 'CompleteAbort':
        return this.#outcome === outcome ? 'done' : errorCode.invalidTxnState
    }
  }

  #bumpingEnd({ producerId, producerEpoch }: ProducerIdentity, { outcome }: Ending): EndDecision {
    const isAcrossIds =
      producerId === this.#previousProducerId && producerEpoch === lastClientEpoch && this.#producerEpoch === 0
    if (producerId !== this.#producerId && !isAcrossIds) return errorCode.invalidProducerIdMapping
    const isCurrent = producerEpoch === this.#producerEpoch
    const isRepeated = isAcrossIds || producerEpoch + 1 === this.#producerEpoch
    switch (this.#state) {
      case 'Ongoing':
        return isCurrent ? 'begun' : errorCode.producerFenced
      case 'Empty':
        if (!isCurrent) return errorCode.producerFenced
        return outcome === 'abort' ? 'begun' : errorCode.invalidTxnState
      case 'PrepareCommit':
      case 'PrepareAbort':
        if (!isRepeated) return errorCode.producerFenced
        return this.#outcome === outcome ? errorCode.concurrentTransactions : errorCode.invalidTxnState
      case 'CompleteCommit':
      case 'CompleteAbort':
        if (!isCurrent && !isRepeated) return errorCode.producerFenced
        if (isRepeated) return this.#outcome === outcome ? 'done' : errorCode.invalidTxnState
        return outcome === 'abort' ? 'begun' : errorCode.invalidTxnState
    }
  }

  get #outcome(): Outcome {
    return this.#state === 'PrepareCommit' || this.#state === 'CompleteCommit' ? 'commit' : 'abort'
  }

  /** Aborts an open transaction against its producer: its time is over, or another producer has come. */
  fence(newProducerId: () => number): void {
    if (this.#state !== 'Ongoing') throw new Error(`expected an open transaction to fence, got state ${this.#state}`)
    this.#prepare({ outcome: 'abort', protocol: 'bumping', newProducerId })
  }

  #prepare({ outcome, protocol, newProducerId }: Ending): void {
    this.#state = outcome === 'commit' ? 'PrepareCommit' : 'PrepareAbort'
    this.#previousProducerId = this.#producerId
    if (protocol === 'classic') return
    if (this.#producerEpoch >= lastClientEpoch) this.#nextProducerId = newProducerId()
    this.#lastProducerEpoch = this.#producerEpoch
    this.#producerEpoch = Math.min(epochMax, this.#producerEpoch + 1)
  }

  /** The markers are written. */
  complete(): void {
    if (!this.isEnding) throw new Error(`expected a transaction that ends, got state ${this.#state}`)
    const next = this.nextIdentity
    this.#state = this.#outcome === 'commit' ? 'CompleteCommit' : 'CompleteAbort'
    this.#previousProducerId = this.#producerId
    this.#producerId = next.producerId
    this.#producerEpoch = next.producerEpoch
    this.#nextProducerId = none
    this.#partitions.clear()
    this.#groups.clear()
  }
}

function keyOf({ topic, partition }: TransactionPartition): string {
  return `${topic} ${partition}`
}
