/** What one run of `expectDelivery` leaves behind: everything that an observer outside Holdfast could see, in order.
 *  The guarantees are judged by it, and people read it as a story. Of Holdfast's own events it keeps when a retry
 *  was announced, because nobody else can say when it is due, and when a partition left or a record was handed off,
 *  which Holdfast must live up to. */

export type Place = { readonly topic: string; readonly partition: number }
export type At = Place & { readonly offset: number }

/** What the headers of a copy in a topic of ours say. */
export type Copy = {
  readonly group: string
  readonly source: At
  /** Attempts that were made before. */
  readonly attempts: number
  /** Null for dead letters. On the clock of the log. */
  readonly dueMs: number | null
  /** What the last attempt failed with. */
  readonly reason: string | null
}

/** One machine in one group. */
type Member = { readonly machine: string; readonly group: string }

/** What a call of the downstream did, and how it ended for whoever made it. */
export type CallEnd = 'answered' | 'failedBefore' | 'failedAfter' | 'hungBefore' | 'hungAfter' | 'threw'

export type DeliveryEvent = { readonly atMs: number } &
  /** A record was stored in a topic, whoever sent it. `shown` is what a reader recognises it by. */
  (
    | ({
        readonly kind: 'appended'
        readonly key: string | null
        readonly shown: string
        readonly copy: Copy | null
      } & At)
    /** A handler was called. `run` is unique for each call; `source` is where the message says that it comes from. */
    | ({ readonly kind: 'began'; readonly run: number; readonly attempt: number; readonly source: At } & Member & At)
    | ({
        readonly kind: 'ended'
        readonly run: number
        readonly result: 'done' | 'failed' | 'filtered'
        readonly reason: string | null
      } & Member &
        At)
    /** Within a handler, or outside of any (`run` is null then). */
    | {
        readonly kind: 'called'
        readonly machine: string
        readonly run: number | null
        readonly call: string
        readonly end: CallEnd
      }
    | ({ readonly kind: 'timedOut'; readonly attempt: number } & Member & At)
    /** Null: no further wait is due, because the record leaves or the attempt did not count. */
    | ({ readonly kind: 'retryAnnounced'; readonly attempt: number; readonly dueMs: number | null } & Member & At)
    | ({ readonly kind: 'handedOff' } & Member & At)
    | ({ readonly kind: 'left' } & Member & Place)
    /** A member asks what is committed, since it is about to read partitions. */
    | ({ readonly kind: 'asked' } & Member)
    /** Applied by the broker; `offset` is the next one to read. */
    | ({ readonly kind: 'committed'; readonly group: string } & At)
    | { readonly kind: 'started' | 'crashed' | 'stopping' | 'stopped'; readonly machine: string }
    | { readonly kind: 'failed'; readonly machine: string; readonly reason: string }
    /** Everything is committed. */
    | { readonly kind: 'drained' }
    | { readonly kind: 'stuck'; readonly reason: string }
  )

type Unstamped<E> = E extends unknown ? Omit<E, 'atMs'> : never

export class DeliveryLog {
  readonly events: DeliveryEvent[] = []
  readonly #nowMs: () => number
  #runs = 0

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs
  }

  /** Gives its place in the log. */
  add(event: Unstamped<DeliveryEvent>): number {
    return this.events.push({ atMs: this.#nowMs(), ...event }) - 1
  }

  nextRun(): number {
    return ++this.#runs
  }
}

export function placeName({ topic, partition }: Place): string {
  return `${topic} ${partition}`
}

export function addressOf({ topic, partition, offset }: At): string {
  return `${topic} ${partition}/${offset}`
}
