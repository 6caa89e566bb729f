/** One accepted record on its way through the engine. The engine never looks into `record`; what it needs to know arrives
 *  as numbers. Every structure of the engine (ledger, lanes, deadlines) links entries to each other instead of holding
 *  nodes of its own, so that accepting a record allocates one object and finishing it frees all of them. Its times are whole
 *  milliseconds, because a fraction would be an object of its own: what must not come early is rounded up. */
import type { Destination } from '../model/destination.ts'
import type { PartitionFlow } from './partition-flow.ts'

/** waiting: in a delay topic and not due · queued: waits for its lane or for a permit · running: an attempt is under way ·
 *  parked: waits in place for its next attempt · leaving: being written to a delay topic or to the dead letters · blocked:
 *  out of attempts, with nowhere to go · finished: has its outcome */
export type EntryState = 'waiting' | 'queued' | 'running' | 'parked' | 'leaving' | 'blocked' | 'finished'

/** How far the clock has come with a running attempt. */
export type AttemptPhase = 'none' | 'timed' | 'aborting' | 'zombie'

/** What a fetch answer brought for one partition; entries keep it alive, and its bytes count, until the last one ends. */
export type Holding = {
  readonly bytes: number
  readonly leaderEpoch: number
  /** Entries made of it that have no outcome yet. */
  unfinished: number
  /** Whether every record in it became an entry. */
  isTaken: boolean
}

/** Why a running attempt was told to end. */
export type AbortReason = 'timeout' | 'revoked' | 'lost' | 'stopped'

export class Entry<R> {
  readonly record: R
  readonly offset: number
  /** Hash of the key; meaningless when `hasLane` is false. */
  readonly laneId: number
  /** False for a record without a key under key order, and for every record under no order. */
  readonly hasLane: boolean
  /** Counts the records that this partition accepted, so that distances can be measured in records. */
  readonly arrival: number
  readonly holding: Holding
  /** The ownership of the partition under which it was accepted; over when `owner.isOver` (G5). */
  readonly owner: PartitionFlow<R>

  /** Counts the records that its subscription accepted, over all partitions: who has waited longest. */
  turn = 0
  state: EntryState = 'queued'
  phase: AttemptPhase = 'none'
  /** Attempts started so far, those of earlier ownerships and in other topics of ours included. */
  attempt = 0
  /** How many of them its own headers tell of. */
  attemptsTold = 0
  /** When it entered its state. */
  sinceMs = 0
  /** When a waiting or parked entry may start; 0 for one that never had to wait. */
  dueMs = 0
  /** Where a leaving entry goes. */
  destination: Destination | null = null
  /** When its current deadline began to run: at the start of the attempt, then at the abort. */
  timedFromMs = 0
  abortReason: AbortReason | null = null
  /** What the last failed attempt threw. */
  error: unknown = undefined

  /** The runtime's handle on the running attempt; the engine never looks into it. */
  handle: unknown = null

  /** Ledger: the neighbours among the unfinished. */
  older: Entry<R> | null = null
  newer: Entry<R> | null = null
  /** Lanes: who may start when this one ends. */
  behind: Entry<R> | null = null
  /** Deadlines: the neighbours in order of deadline. */
  sooner: Entry<R> | null = null
  later: Entry<R> | null = null

  constructor(
    record: R,
    offset: number,
    laneId: number,
    hasLane: boolean,
    arrival: number,
    holding: Holding,
    owner: PartitionFlow<R>,
  ) {
    this.record = record
    this.offset = offset
    this.laneId = laneId
    this.hasLane = hasLane
    this.arrival = arrival
    this.holding = holding
    this.owner = owner
  }

  /** Attempts that failed. */
  get failures(): number {
    return this.state === 'running' ? this.attempt - 1 : this.attempt
  }
}
