/** The engine with its runner and nothing around it: `MemberFlow`, the queue of effects and the attempts, as the owner loop
 *  holds them together, with a coordinator and a broker that agree to everything. Fetch answers come from memory, one turn of
 *  the event loop after they were asked for. */
import { type FetchOrder } from '../../packages/holdfast/src/engine/fetch-session.ts'
import { type FetchedPartition } from '../../packages/holdfast/src/engine/fetches.ts'
import { MemberFlow, type MemberEvent } from '../../packages/holdfast/src/engine/member-flow.ts'
import { startAt } from '../../packages/holdfast/src/model/next-offset.ts'
import { type KafkaRecord } from '../../packages/holdfast/src/model/record.ts'
import { type GroupSettings, type Order } from '../../packages/holdfast/src/model/settings.ts'
import { partitionName, type TopicPartition } from '../../packages/holdfast/src/model/topic-partition.ts'
import { Attempts, type RecordHandler } from '../../packages/holdfast/src/runtime/attempts.ts'
import { systemClock } from '../../packages/holdfast/src/runtime/clock.ts'
import { EffectQueue } from '../../packages/holdfast/src/runtime/effect-queue.ts'
import { EndedAttempts } from '../../packages/holdfast/src/runtime/ended-attempts.ts'
import { chunkOf } from '../../packages/holdfast/src/runtime/intake.ts'
import { answerFor, codecWithoutCrc } from './prepared-answers.ts'

const topic = 'orders'
const topicId = '0a1b2c3d-0000-4000-8000-00000000beef'
const hashSeed = 0x5eed

type Performer = ConstructorParameters<typeof EffectQueue>[0]

export class EngineRig {
  readonly #batches: readonly Buffer[][]
  readonly #flow: MemberFlow<KafkaRecord>
  readonly #queue: EffectQueue
  readonly #attempts: Attempts
  readonly #ended: EndedAttempts

  constructor(batches: readonly Buffer[][], order: Order, concurrency: number, handler: RecordHandler) {
    this.#batches = batches
    const view = {
      offset: (record: KafkaRecord) => record.offset,
      hasKey: (record: KafkaRecord) => record.hasKey,
      keyHash: (record: KafkaRecord) => record.keyHash(hashSeed),
      handedOff: () => ({ attempts: 0, dueMs: 0 }),
    }
    this.#flow = new MemberFlow(settingsFor(order, concurrency), view, () => 0.5)
    const silent = { trace: ignore, debug: ignore, info: ignore, warn: ignore, error: ignore, fatal: ignore }
    this.#attempts = new Attempts(new Map([[topic, handler]]), silent, () => queueMicrotask(this.#ended.take))
    this.#queue = new EffectQueue(this.#performer(), () => false)
    this.#ended = new EndedAttempts({
      clock: systemClock,
      flow: this.#flow,
      attempts: this.#attempts,
      effects: this.#queue.effects,
      perform: () => this.#queue.perform(),
    })
  }

  /** Joins, and gets every partition from its beginning. */
  start(): void {
    const { membership } = this.#flow
    const partitions = this.#batches.map((_, partition) => ({ topic, partition }))
    this.#step({ kind: 'start' })
    const answer = { errorCode: 0, generationId: 1, memberId: 'm', leader: 'm', protocolName: 'range', members: [] }
    this.#step({ kind: 'joined', stamp: membership.stamp, answer })
    this.#step({ kind: 'synced', stamp: membership.stamp, errorCode: 0, partitions })
    const leaders = partitions.map((at) => ({ ...at, nodeId: 1, leaderEpoch: 0, topicId }))
    this.#step({ kind: 'leaders', leaders })
    const starts = partitions.map((at) => ({
      ...at,
      position: startAt(0),
      committed: startAt(0),
      leaderEpoch: -1,
      startMark: '',
      inherited: null,
      ignoredMarks: null,
      cutFrom: null,
    }))
    this.#step({ kind: 'positioned', stamp: membership.stamp, starts })
  }

  #step(event: MemberEvent<KafkaRecord>): void {
    this.#flow.step(event, performance.now(), this.#queue.effects)
    this.#queue.perform()
  }

  #performer(): Performer {
    const later = (event: MemberEvent<KafkaRecord>): void => void setImmediate(() => this.#step(event))
    return {
      start: (entry) => this.#attempts.start(entry),
      fetch: (order) => void setImmediate(() => this.#answer(order)),
      commit: (stamp, identity, offsets) =>
        later({ kind: 'committed', stamp, identity, results: offsets.map((each) => ({ ...each, errorCode: 0 })) }),
      heartbeat: (stamp, _, sentMs) => later({ kind: 'heartbeatAnswered', stamp, sentMs, errorCode: 0 }),
      fail: (error) => {
        throw error
      },
      abort: ignore,
      ended: ignore,
      timedOut: ignore,
      zombie: ignore,
      attemptFailed: ignore,
      handOff: ignore,
      blocked: ignore,
      join: ignore,
      sync: ignore,
      leave: ignore,
      forgetCoordinator: ignore,
      resolvePositions: ignore,
      relocate: ignore,
      refreshMetadata: ignore,
      drained: ignore,
      finished: ignore,
      emit: ignore,
    }
  }

  #answer({ nodeId, stamp, targets }: FetchOrder): void {
    const partitions: FetchedPartition<KafkaRecord>[] = []
    for (const [partition, batches] of this.#batches.entries()) {
      const at: TopicPartition = { topic, partition }
      const target = targets.get(partitionName(at))
      if (target === undefined) continue
      const answer = answerFor(batches, partition, target.fetchOffset)
      const chunk = chunkOf(answer, target.fetchOffset, codecWithoutCrc, 'readCommitted')
      const { errorCode, lastStableOffset: endOffset } = answer
      if (chunk !== null)
        partitions.push({ at, target, errorCode, endOffset, chunk, divergesAt: null, corruption: null })
    }
    // With nothing left to bring, the broker would hold the request; the run is over before it answers.
    if (partitions.length > 0) this.#step({ kind: 'fetched', nodeId, stamp, sessionId: 7, partitions })
  }
}

function ignore(): void {}

/** The defaults of an app. */
function settingsFor(order: Order, concurrency: number): GroupSettings {
  return {
    group: 'billing',
    protocol: 'eager',
    ownTopics: 'ignore',
    subscriptions: [
      {
        topic,
        order,
        concurrency,
        attemptTimeoutMs: 30_000,
        abortGraceMs: 5_000,
        from: 'earliest',
        inPlaceDelaysMs: [100, 1_000, 5_000],
        delaysMs: [],
        delayTopics: [],
        whileRetrying: 'overtake',
        deadLetters: null,
        bufferedRecordsMax: 256,
        parkedRecordsMax: 256,
      },
    ],
    sessionTimeoutMs: 45_000,
    heartbeatIntervalMs: 3_000,
    rebalanceTimeoutMs: 60_000,
    requestTimeoutMs: 10_000,
    commitIntervalMs: 1_000,
    commitRecords: 1_000,
    commitGapMs: 100,
    drainAtRevokeMs: 10_000,
    loopTimeoutMs: 30_000,
    fetch: {
      maxWaitMs: 500,
      pressedWaitMs: 20,
      requestBytesMax: 8 * 1_048_576,
      partitionBytesMax: 1_048_576,
      heldBytesMax: 64 * 1_048_576,
      isolationLevel: 'readCommitted',
    },
  }
}
