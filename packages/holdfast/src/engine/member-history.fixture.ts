/** For tests: a log that never changes, a group that may lose its member, and the engine's laws checked after every act. */
import { expect } from 'vitest'
import type { Order } from '../model/settings.ts'
import { kafkaErrors } from '../model/kafka-errors.ts'
import { chunkOf, MemberRig, type TestRecord } from './member-rig.fixture.ts'
import { subscriptionStatus } from './status.ts'

export class HistoryWorld {
  readonly #rig: MemberRig
  readonly #order: Order
  readonly #concurrency: number
  readonly #done = new Set<number>()
  #committed = 0
  #generation = 1
  #leftovers: { offset: number; key: number }[] = []
  #answered = 0

  constructor(order: Order, concurrency: number) {
    this.#order = order
    this.#concurrency = concurrency
    this.#rig = new MemberRig({
      subscription: { order, concurrency, bufferedRecordsMax: 8, inPlaceDelaysMs: Array(50).fill(100) },
    })
    this.#rig.assign()
  }

  act({ kind, pick }: { kind: string; pick: number }): void {
    const rig = this.#rig
    const offset = [...rig.running.keys()][pick % Math.max(1, rig.running.size)]
    if (kind === 'end' && offset !== undefined) {
      const wasAborted = rig.running.get(offset)!.phase === 'aborting'
      rig.end(offset)
      if (!wasAborted) this.#done.add(offset)
    }
    if (kind === 'fail' && offset !== undefined) rig.end(offset, 'failed')
    if (kind === 'time') rig.advance(pick)
    if (kind === 'deliver') this.#deliver(pick)
    if (kind === 'commit' && rig.commits.length > this.#answered) this.#answer(pick)
    if (kind === 'lose') this.#lose()
    this.#check()
  }

  #deliver(count: number): void {
    const order = this.#rig.fetches.at(-1)
    const flow = this.#rig.flow.partitions.get('orders/0')
    const target = order?.targets.get('orders/0')
    if (order === undefined || flow === undefined || target?.epoch !== flow.epoch) return
    if (target.fetchOffset !== flow.fetchPosition) return
    const records: TestRecord[] = Array.from({ length: count }, (_, at) => {
      const offset = target.fetchOffset + at * 2
      return { offset, key: offset % 3 }
    })
    this.#rig.deliver(chunkOf(records, target.fetchOffset + count * 2))
  }

  #answer(code: number): void {
    const commit = this.#rig.commits.at(-1)!
    this.#answered = this.#rig.commits.length
    // What an acknowledged commit of a membership that is over says, Kafka has refused.
    if (code === 0 && commit.stamp === this.#rig.flow.membership.stamp) this.#committed = commit.offsets[0]!.offset
    this.#rig.answerCommit(code)
    this.#rejoin()
  }

  #lose(): void {
    const { stamp } = this.#rig.flow.membership
    this.#rig.step({ kind: 'refused', stamp, errorCode: kafkaErrors.UNKNOWN_MEMBER_ID, what: 'test' })
    this.#rejoin()
  }

  #rejoin(): void {
    const rig = this.#rig
    if (rig.flow.membership.phase !== 'joining' && rig.flow.membership.phase !== 'waiting') return
    rig.advance(10_000)
    if (rig.flow.membership.phase !== 'joining') return
    const stillRunning = [...rig.running.values()].map((entry) => ({ offset: entry.offset, key: entry.laneId }))
    this.#leftovers = [...this.#leftovers, ...stillRunning]
    // Attempts of the old ownership never settle in this world: what they hold must stay held.
    rig.running.clear()
    rig.assign(1, this.#committed, ++this.#generation)
    this.#answered = rig.commits.length
  }

  #check(): void {
    const rig = this.#rig
    const running = [...rig.running.values()]
    const permits = running.filter((entry) => entry.phase !== 'zombie' && !entry.owner.isOver)
    expect(permits.length).toBeLessThanOrEqual(this.#concurrency)
    const lanes = running.map((entry) => this.#laneOf(entry))
    expect(new Set(lanes).size).toBe(lanes.length)
    for (const leftover of this.#leftovers) expect(lanes).not.toContain(this.#laneOf(leftover))
    for (const entry of running) {
      for (let below = this.#committed; below < entry.offset; below++) {
        const sameLane = below % 2 === 0 && this.#laneOf({ offset: below, key: below % 3 }) === this.#laneOf(entry)
        if (sameLane) expect(this.#done).toContain(below)
      }
    }
    for (const commit of rig.commits.splice(0, rig.commits.length - 1)) this.#checkCommit(commit.offsets[0]!.offset)
    this.#answered = Math.min(this.#answered, rig.commits.length)
    const last = rig.commits.at(-1)
    if (last !== undefined) this.#checkCommit(last.offsets[0]!.offset)
  }

  #checkCommit(offset: number): void {
    for (let below = 0; below < offset; below += 2) expect(this.#done).toContain(below)
  }

  #laneOf(entry: { offset: number; key?: number; laneId?: number }): string {
    if (this.#order === 'partition') return 'all'
    return this.#order === 'key' ? `key ${entry.key ?? entry.laneId}` : `record ${entry.offset}`
  }

  /** When every attempt ends and time passes, everything that was delivered gets its turn. Attempts that outlived an
   *  ownership never settle in this world, so what they hold stays held. */
  drain(): void {
    for (let round = 0; round < 200 && this.#leftovers.length === 0 && this.#unfinished > 0; round++) {
      for (const offset of [...this.#rig.running.keys()])
        this.act({ kind: 'end', pick: [...this.#rig.running.keys()].indexOf(offset) })
      if (this.#rig.commits.length > this.#answered) this.act({ kind: 'commit', pick: 0 })
      this.act({ kind: 'time', pick: 500 })
    }
    if (this.#leftovers.length === 0) expect(this.#unfinished).toBe(0)
  }

  get #unfinished(): number {
    return this.#rig.flow.partitions.get('orders/0')?.ledger.size ?? 0
  }

  checkSums(): void {
    const counts = subscriptionStatus(this.#rig.flow, 'orders', this.#rig.nowMs)!.counts
    const { accepted, ...outcomes } = counts
    const sum = Object.values(outcomes).reduce((a, b) => a + b, 0)
    expect(sum + this.#unfinished).toBe(accepted)
  }
}
