/** Decides which records leave together, when, under which sequence number, and what every answer means for them. Pure:
 *  time arrives in events, work leaves through `ProducerEffects`; it sees sizes and deadlines of records, never bytes.
 *
 *  What becomes of a batch that was sent (R30), line by line:
 *
 *  the process dies        whoever had sent it was never told that it succeeded and sends again: under a new producer id,
 *                          so it may be stored twice. At least once, as everywhere.
 *  the answer is lost      the same bytes again under the same sequence: the broker stores them once and says so (0 or 46).
 *  the broker answers late the connection is gone by then, so the answer is never read; as above.
 *  the leader moves        as above at the new leader, who knows our sequences from the log that it copied.
 *  the deadline passes     its records are rejected: `ambiguous` unless no attempt can have stored them. If ambiguous, the
 *                          next sequence of the partition is anybody's guess, so it goes on under a new producer id, from
 *                          0, and not before the last attempt has ended, because until then it could still overtake.
 *  the broker lost count   (45, 47, 59) the same at once.
 *  somebody fenced us      (90) the end: everything is rejected.
 *
 *  Other partitions finish what they sent under the old id and begin at 0 under the new one with their next batch. */
import { exponentialDelayMs } from './backoff.ts'
import { answerTo } from './produce-answers.ts'
import type {
  BatchResult,
  ProducerEffects,
  ProducerEvent,
  ProducerGiven,
  ProducerRules,
  SendFailure,
} from './producer-events.ts'
import { type BatchStamp, type FlowRecord, type Identity, type ProducerBatch, ProducerLane } from './producer-lane.ts'

/** Sequences are 31-bit numbers; after the last comes 0. */
const sequencesEnd = 2 ** 31

/** Batches of many partitions travel together up to here: far below the 100 MiB at which brokers refuse a request, and
 *  small enough for a slow line to carry within the request timeout. */
const requestBytesMax = 16 * 1024 * 1024

type FailedAttempt = { readonly reason: string; readonly remedy?: string | undefined; readonly nowMs: number }

type FinalAnswer = {
  readonly reason: string
  readonly remedy?: string
  readonly isCertain?: boolean
  readonly retriable?: boolean
  readonly isTooLarge?: boolean
}

export class ProducerFlow<R extends FlowRecord> {
  readonly #rules: ProducerRules
  readonly #leaderOf: ProducerGiven['leaderOf']
  readonly #random: () => number
  readonly #lanes = new Map<string, ProducerLane<R>[]>()
  /** Lanes that hold records. */
  readonly #busy = new Set<ProducerLane<R>>()
  #identity: Identity | undefined
  #isIdentifying = false
  /** Nothing was under way when the oldest record came: it has no company to wait for but what comes in the same turn, so
   *  that a caller who awaits each of his sends never waits for the linger time. */
  #isRested = true
  /** Why nothing is accepted any more. */
  #end: string | undefined

  constructor(rules: ProducerRules, given: ProducerGiven) {
    this.#rules = rules
    this.#leaderOf = given.leaderOf
    this.#random = given.random
  }

  step(event: ProducerEvent<R>, effects: ProducerEffects<R>): void {
    switch (event.kind) {
      case 'added':
        this.#add(event.topic, event.partition, event.record, event.nowMs, effects)
        return
      case 'ticked':
        this.#expire(event.nowMs, effects)
        break
      case 'answered':
        for (const result of event.results) this.#answer(result, event.nowMs, effects)
        break
      case 'unanswered':
        for (const batch of event.batches) this.#unanswered(batch, event, effects)
        break
      case 'identified':
        this.#identity = event.identity
        this.#isIdentifying = false
        break
      case 'unidentified':
        this.#isIdentifying = false
        this.#refuseAllUnstamped(event.reason, event.remedy, effects)
        break
      case 'leadersChanged':
        this.#retryLeaderless()
        break
      case 'flushed':
        for (const lane of this.#busy) if (lane.open !== undefined) lane.open.lingerUntilMs = event.nowMs
        break
      case 'closed':
        this.#finish(event.reason, effects)
        return
    }
    this.#sendDue(event.nowMs, effects)
    this.#askToBeWoken(effects)
  }

  #add(topic: string, partition: number, record: R, nowMs: number, effects: ProducerEffects<R>): void {
    const lane = this.#laneOf(topic, partition)
    if (this.#end !== undefined) {
      effects.reject([record], failureOf(lane, { reason: this.#end, ambiguous: false }))
      return
    }
    if (this.#lacksIdentity(lane)) this.#identify(effects)
    if (this.#busy.size === 0) this.#isRested = true
    const lingerUntilMs = this.#isRested ? nowMs : nowMs + this.#rules.lingerMs
    const hasOpened = lane.add(record, lingerUntilMs, this.#rules.batchBytesMax)
    if (!hasOpened) return
    this.#busy.add(lane)
    if (lane.closed.length > 0 && !lane.isOnTheWire) this.#sendDue(nowMs, effects)
    effects.wakeAt(Math.min(lingerUntilMs, record.deadlineMs))
  }

  #laneOf(topic: string, partition: number): ProducerLane<R> {
    let lanes = this.#lanes.get(topic)
    if (lanes === undefined) this.#lanes.set(topic, (lanes = []))
    return (lanes[partition] ??= new ProducerLane<R>(topic, partition))
  }

  /** Once one partition of a node is due, every other one of that node that has a batch goes along: the request is paid
   *  for, and the longer a batch would linger, the more it would cost. */
  #sendDue(nowMs: number, effects: ProducerEffects<R>): void {
    const dueNodes = new Set<number>()
    const ready: { readonly lane: ProducerLane<R>; readonly nodeId: number }[] = []
    for (const lane of this.#busy) {
      if (lane.isOnTheWire || lane.notBeforeMs > nowMs || !this.#maySend(lane)) continue
      const isDue = lane.dueAtMs <= nowMs
      const nodeId = this.#leaderOf(lane.topic, lane.partition)
      if (nodeId !== undefined) {
        ready.push({ lane, nodeId })
        if (isDue) dueNodes.add(nodeId)
      } else if (isDue) {
        this.#backOff(lane, { reason: 'no leader is elected', nowMs })
        effects.refreshMetadata(`${lane.topic}/${lane.partition} has no leader`)
      }
    }
    if (dueNodes.size > 0) this.#isRested = false
    for (const dueNode of dueNodes) {
      const lanes = ready.filter(({ nodeId }) => nodeId === dueNode).map(({ lane }) => lane)
      this.#sendTogether(dueNode, lanes, effects)
    }
  }

  #sendTogether(nodeId: number, lanes: readonly ProducerLane<R>[], effects: ProducerEffects<R>): void {
    let batches: ProducerBatch<R>[] = []
    let sizeInBytes = 0
    for (const lane of lanes) {
      const batch = lane.advance()
      batch.stamp ??= this.#stamp(lane)
      batch.phase = 'onTheWire'
      if (batches.length > 0 && sizeInBytes + batch.sizeInBytes > requestBytesMax) {
        effects.send(nodeId, batches)
        batches = []
        sizeInBytes = 0
      }
      batches.push(batch)
      sizeInBytes += batch.sizeInBytes
    }
    if (batches.length > 0) effects.send(nodeId, batches)
  }

  /** A batch that has its stamp may always be sent again; a new one needs an identity that is not spoiled here. */
  #maySend(lane: ProducerLane<R>): boolean {
    return lane.head !== undefined || !this.#lacksIdentity(lane)
  }

  #lacksIdentity(lane: ProducerLane<R>): boolean {
    return this.#identity === undefined || this.#identity === lane.spoiled
  }

  #stamp(lane: ProducerLane<R>): BatchStamp {
    if (this.#identity === undefined) throw new RangeError('a batch cannot be stamped without a producer id')
    if (lane.identity !== this.#identity) {
      lane.identity = this.#identity
      lane.nextSequence = 0
    }
    return { ...lane.identity, baseSequence: lane.nextSequence }
  }

  #answer(result: BatchResult<R>, nowMs: number, effects: ProducerEffects<R>): void {
    const { batch } = result
    const { lane } = batch
    // Its records were rejected at the deadline; what matters now is only that the attempt is over.
    if (batch.phase === 'abandoned') return this.#release(batch, effects)
    const answer = answerTo(result.errorCode)
    const reason = result.errorMessage === null ? answer.name : `${answer.name}: ${result.errorMessage}`
    switch (answer.verdict) {
      case 'stored':
        lane.nextSequence = ((batch.stamp?.baseSequence ?? 0) + batch.records.length) % sequencesEnd
        effects.acknowledge(batch, result.baseOffset, result.logAppendTimeMs)
        return this.#release(batch, effects)
      case 'resend':
        return this.#resendLater(batch, { ...answer, reason, mayBeStored: answer.isCertain !== true, nowMs }, effects)
      case 'tooLarge':
        if (batch.records.length === 1) return this.#giveUp(batch, { ...answer, reason, isTooLarge: true }, effects)
        if (batch.mayBeStored) return this.#giveUp(batch, { ...answer, reason }, effects)
        lane.split()
        return effects.discard(batch)
      case 'unknown':
        batch.mayBeStored = true
        return this.#giveUp(batch, { ...answer, reason, retriable: true }, effects)
      case 'refused':
        return this.#giveUp(batch, { ...answer, reason }, effects)
      case 'fenced':
        batch.phase = 'resting'
        return this.#finish(`another producer took over (${reason})`, effects)
    }
  }

  #unanswered(
    batch: ProducerBatch<R>,
    event: FailedAttempt & { readonly mayBeStored: boolean },
    effects: ProducerEffects<R>,
  ): void {
    if (batch.phase === 'abandoned') this.#release(batch, effects)
    else this.#resendLater(batch, event, effects)
  }

  #resendLater(
    batch: ProducerBatch<R>,
    attempt: FailedAttempt & { readonly mayBeStored: boolean },
    effects: ProducerEffects<R>,
  ): void {
    batch.mayBeStored ||= attempt.mayBeStored
    batch.phase = 'resting'
    this.#backOff(batch.lane, attempt)
    effects.willResend(batch, attempt.reason)
    effects.refreshMetadata(attempt.reason)
  }

  #backOff(lane: ProducerLane<R>, attempt: FailedAttempt): void {
    lane.failures++
    lane.lastFailure = attempt
    lane.notBeforeMs = attempt.nowMs + exponentialDelayMs(this.#rules.backoff, lane.failures, this.#random)
  }

  /** Ends a batch whose last attempt is over. Its sequence is free for other records only if no attempt can have used it:
   *  the broker would take them for what it has already, and they would be lost with an acknowledgement. */
  #giveUp(batch: ProducerBatch<R>, end: FinalAnswer, effects: ProducerEffects<R>): void {
    const ambiguous = batch.mayBeStored
    effects.reject(batch.records, failureOf(batch.lane, { ...end, ambiguous }))
    if (ambiguous || end.isCertain !== true) this.#spoil(batch.lane, effects)
    this.#release(batch, effects)
  }

  /** The sequence of this lane is lost. If it was left under the present identity, a new one is needed. */
  #spoil(lane: ProducerLane<R>, effects: ProducerEffects<R>): void {
    lane.spoiled = lane.identity
    if (lane.identity === this.#identity) this.#identify(effects)
  }

  #identify(effects: ProducerEffects<R>): void {
    if (this.#isIdentifying) return
    this.#isIdentifying = true
    effects.requestIdentity()
  }

  #release(batch: ProducerBatch<R>, effects: ProducerEffects<R>): void {
    const { lane } = batch
    lane.head = undefined
    lane.failures = 0
    lane.lastFailure = undefined
    lane.notBeforeMs = 0
    if (lane.isEmpty) this.#busy.delete(lane)
    effects.discard(batch)
  }

  #expire(nowMs: number, effects: ProducerEffects<R>): void {
    for (const lane of this.#busy) {
      if (lane.deadlineMs > nowMs) continue
      const { head } = lane
      if (head !== undefined && head.phase !== 'abandoned') this.#expireHead(head, effects)
      const expired = lane.takeExpired(nowMs)
      if (expired.length > 0) effects.reject(expired, failureOf(lane, tooLate(lane, { ambiguous: false })))
      if (lane.isEmpty) this.#busy.delete(lane)
    }
  }

  #expireHead(batch: ProducerBatch<R>, effects: ProducerEffects<R>): void {
    const isOnTheWire = batch.phase === 'onTheWire'
    const ambiguous = isOnTheWire || batch.mayBeStored
    effects.reject(batch.records, failureOf(batch.lane, tooLate(batch.lane, { ambiguous })))
    if (ambiguous) this.#spoil(batch.lane, effects)
    if (isOnTheWire) batch.phase = 'abandoned'
    else this.#release(batch, effects)
  }

  /** Without a producer id the batches that were never sent cannot be; the others may go on. */
  #refuseAllUnstamped(reason: string, remedy: string, effects: ProducerEffects<R>): void {
    for (const lane of this.#busy) {
      if (!this.#lacksIdentity(lane)) continue
      const records = lane.takeExpired(Infinity)
      if (records.length > 0) effects.reject(records, failureOf(lane, { reason, ambiguous: false, remedy }))
      if (lane.isEmpty) this.#busy.delete(lane)
    }
  }

  #retryLeaderless(): void {
    for (const lane of this.#busy) {
      if (lane.head === undefined && this.#leaderOf(lane.topic, lane.partition) !== undefined) lane.notBeforeMs = 0
    }
  }

  #finish(reason: string, effects: ProducerEffects<R>): void {
    this.#end = reason
    for (const lane of this.#busy) {
      const { head } = lane
      if (head !== undefined && head.phase !== 'abandoned') {
        const ambiguous = head.phase === 'onTheWire' || head.mayBeStored
        effects.reject(head.records, failureOf(lane, { reason, ambiguous }))
      }
      // What is on the wire still has its end to come, which must find an abandoned batch.
      if (lane.isOnTheWire && head !== undefined) head.phase = 'abandoned'
      else if (head !== undefined) this.#release(head, effects)
      const unsent = lane.takeExpired(Infinity)
      if (unsent.length > 0) effects.reject(unsent, failureOf(lane, { reason, ambiguous: false }))
      if (lane.isEmpty) this.#busy.delete(lane)
    }
  }

  #askToBeWoken(effects: ProducerEffects<R>): void {
    let atMs = Infinity
    for (const lane of this.#busy) {
      atMs = Math.min(atMs, lane.deadlineMs)
      if (this.#maySend(lane)) atMs = Math.min(atMs, lane.dueAtMs)
    }
    if (atMs < Infinity) effects.wakeAt(atMs)
  }
}

type Failure = Omit<SendFailure, 'topic' | 'partition' | 'retriable' | 'remedy' | 'isTooLarge'> & {
  readonly remedy?: string | undefined
  readonly retriable?: boolean
  readonly isTooLarge?: boolean
}

function failureOf(lane: { readonly topic: string; readonly partition: number }, failure: Failure): SendFailure {
  const { reason, ambiguous, remedy, retriable = false, isTooLarge = false } = failure
  return { topic: lane.topic, partition: lane.partition, reason, remedy, ambiguous, retriable, isTooLarge }
}

/** The deadline is only when it ended; what users need to know is why it took so long. */
function tooLate(lane: Pick<ProducerLane<never>, 'lastFailure'>, options: { readonly ambiguous: boolean }): Failure {
  const { lastFailure } = lane
  const because = lastFailure === undefined ? '' : `; last there was: ${lastFailure.reason}`
  return {
    reason: `no acknowledgement within the delivery timeout${because}`,
    remedy: lastFailure?.remedy ?? 'Check the brokers; if they are healthy but slow, raise the delivery timeout.',
    ambiguous: options.ambiguous,
    retriable: true,
  }
}
