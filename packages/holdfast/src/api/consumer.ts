/** One `consume` call as its user holds it. It works before, during and after a run: what needs a running app says so. */
import { HoldfastError } from '../model/errors.ts'
import type { TopicPartition } from '../model/topic-partition.ts'
import type { MemberLoop } from '../runtime/member-loop.ts'
import type { SubscriptionStatus } from '../runtime/status.ts'
import { consumeDefaults } from './options.ts'
import { checkConcurrency } from './subscription-options.ts'

export type ConsumerStatus = SubscriptionStatus

export class Consumer {
  #topic: string
  /** What `concurrency` was set to, by option or later; undefined leaves the default. */
  #concurrency: number | undefined
  #isPaused = false
  #member: MemberLoop | null = null
  #isRunning = false

  constructor(topic: string, concurrency: number | undefined) {
    this.#topic = topic
    this.#concurrency = concurrency
  }

  /** What it consumes. How dead letters are called is known once the app has started. */
  get topic(): string {
    return this.#topic
  }

  /** Attempts that may run at once, over all partitions. May be set at any time, 1 to 100,000; a lower value takes effect
   *  as attempts end. Throws a RangeError. @default 64 */
  get concurrency(): number {
    return this.#concurrency ?? consumeDefaults.concurrency
  }

  set concurrency(value: number) {
    this.#concurrency = checkConcurrency(value)
    this.#member?.setConcurrency(this.topic, this.#concurrency)
  }

  /** Stops fetching and starting; attempts that run go on, and the membership stays alive however long it takes. Kept
   *  over rebalances and restarts until `resume`. Resolves when nothing new starts any more. */
  async pause(): Promise<void> {
    this.#isPaused = true
    this.#member?.pause(this.topic)
  }

  /** Takes back `pause`, and only that: a partition that is paused for another reason stays so. */
  async resume(): Promise<void> {
    this.#isPaused = false
    this.#member?.resume(this.topic)
  }

  /** One sentence for every partition that does not simply move: what blocks which offset, since when, why it is paused. */
  explain(): readonly string[] {
    return this.#isRunning && this.#member !== null
      ? this.#member.explain(this.topic)
      : [`${this.topic}: the app is not running`]
  }

  /** How it stands; after a stop, how it stood at the end. Null before the first start. */
  status(): ConsumerStatus | null {
    return this.#member?.status(this.topic) ?? null
  }

  /** Resolves with the partitions that this process owns, as soon as it has joined and knows where to start. That may be
   *  none: with more members than partitions, and in a cooperative group at first, until the others have given theirs back
   *  (`partition.assigned` tells). Rejects with NOT_STARTED or, when the app stops first, STOPPED. */
  async assigned(): Promise<readonly TopicPartition[]> {
    return this.#running().assigned(this.topic)
  }

  /** Resolves when every record that is in the owned partitions at this moment has its outcome. Rejects like `assigned`. */
  async whenCaughtUp(): Promise<void> {
    return this.#running().caughtUp(this.topic)
  }

  /** For the app: the member that serves this consumer from now on; what was set before it existed is passed on. */
  static attach(consumer: Consumer, member: MemberLoop, topic: string): void {
    consumer.#topic = topic
    consumer.#member = member
    consumer.#isRunning = true
    if (consumer.#concurrency !== undefined) member.setConcurrency(consumer.topic, consumer.#concurrency)
    if (consumer.#isPaused) member.pause(consumer.topic)
  }

  /** For the app: the member has ended. */
  static detach(consumer: Consumer): void {
    consumer.#isRunning = false
  }

  #running(): MemberLoop {
    if (this.#isRunning && this.#member !== null) return this.#member
    throw new HoldfastError('NOT_STARTED', `the consumer of ${this.topic} is not running`, {
      remedy: 'Await app.start() first.',
    })
  }
}
