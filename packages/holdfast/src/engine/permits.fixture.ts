/** For tests: a subscription with one partition, beside it lists of what it started and what runs, and the laws of permits
 *  and attempts checked after every act. */
import { expect } from 'vitest'
import { feed, partitionFlow } from './engine-parts.fixture.ts'
import type { Entry } from './entry.ts'
import { chunkOf, testSubscription, type TestRecord } from './member-rig.fixture.ts'
import type { PartitionFlow } from './partition-flow.ts'
import { Recorded } from './recorded.fixture.ts'
import { SubscriptionFlow } from './subscription-flow.ts'

export type PermitsAct = {
  readonly kind: 'deliver' | 'done' | 'fail' | 'time' | 'permits' | 'abort' | 'end'
  readonly pick: number
}

export class Permits {
  readonly subscription = new SubscriptionFlow<TestRecord>({ ...testSubscription, concurrency: 2 }, () => 0.5)
  readonly #recorded = new Recorded<TestRecord>()
  readonly #starts = new Map<Entry<TestRecord>, number>()
  readonly #fails = new Map<Entry<TestRecord>, number>()
  readonly #running = new Set<Entry<TestRecord>>()
  #partition: PartitionFlow<TestRecord> = partitionFlow()
  #nowMs = 0

  act({ kind, pick }: PermitsAct): void {
    const entry = [...this.#running][pick % Math.max(1, this.#running.size)]
    if (kind === 'deliver') this.#deliver(1 + (pick % 4))
    if ((kind === 'done' || kind === 'fail') && entry !== undefined) this.#settle(entry, kind)
    if (kind === 'time') this.#nowMs += pick % 20_000
    if (kind === 'permits') this.subscription.concurrency = 1 + (pick % 4)
    if (kind === 'abort') this.subscription.abortAll(this.#partition, 'stopped', this.#nowMs, this.#recorded.effects)
    if (kind === 'end') this.#endOwnership()
    this.subscription.expire(this.#nowMs, this.#recorded.effects)
    const before = this.subscription.running
    this.subscription.dispatch(this.#nowMs, this.#recorded.effects)
    expect(this.subscription.running).toBeLessThanOrEqual(Math.max(before, this.subscription.concurrency))
    this.#check()
  }

  #deliver(count: number): void {
    const { position } = this.#partition.ledger
    const records = Array.from({ length: count }, (_, at) => ({ offset: position + at, key: null }))
    for (const entry of feed(this.#partition, chunkOf(records))) this.subscription.enqueue(entry)
  }

  #settle(entry: Entry<TestRecord>, how: 'done' | 'fail'): void {
    this.#running.delete(entry)
    if (!this.subscription.release(entry)) return
    if (how === 'done') this.subscription.finish(entry, 'done', this.#nowMs)
    else {
      this.#fails.set(entry, (this.#fails.get(entry) ?? 0) + 1)
      this.subscription.fail(entry, new Error('test'), this.#nowMs, this.#recorded.effects)
    }
  }

  #endOwnership(): void {
    this.subscription.abortAll(this.#partition, 'lost', this.#nowMs, this.#recorded.effects)
    this.#partition.close()
    this.#partition = partitionFlow()
  }

  #check(): void {
    for (const effect of this.#recorded.take()) {
      if (effect.verb !== 'start') continue
      const [entry] = effect.given
      expect(this.#running).not.toContain(entry)
      this.#running.add(entry)
      this.#starts.set(entry, (this.#starts.get(entry) ?? 0) + 1)
      // Every start follows a failure, but for the first.
      expect(this.#starts.get(entry)).toBe((this.#fails.get(entry) ?? 0) + 1)
    }
    for (const [entry, starts] of this.#starts) expect(entry.attempt).toBe(starts)
    const zombies = [...this.#running].filter((entry) => entry.phase === 'zombie')
    expect(this.subscription.zombies).toBe(zombies.length)
    expect(this.subscription.running).toBe(this.#running.size - zombies.length)
    const own = [...this.#running].filter((entry) => entry.owner === this.#partition)
    expect(this.#partition.running + this.#partition.zombies).toBe(own.length)
    const states = [...this.#starts.keys()].filter((entry) => entry.owner === this.#partition)
    expect(this.#partition.parked).toBe(states.filter((entry) => entry.state === 'parked').length)
    expect(this.#partition.blocked).toBe(states.filter((entry) => entry.state === 'blocked').length)
  }
}
