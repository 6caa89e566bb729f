/** For tests: several members of one group, a network that is late or loses what it carries, logs that never change, and the
 *  laws of ownership checked at every start of a handler. Nobody reads here what commits tell besides the offset, so what was
 *  finished above it is handled again:
 *  - nothing below the committed offset of its partition is begun;
 *  - no other member of the group has an attempt of that partition that was not told to end;
 *  - no committed offset goes back, and no partition has two committers in one generation (`ModelGroup`). */
import { startAt } from '../model/next-offset.ts'
import type { GroupSettings } from '../model/settings.ts'
import { partitionName, type TopicPartition } from '../model/topic-partition.ts'
import type { Entry } from './entry.ts'
import type { FetchOrder } from './fetch-session.ts'
import { MemberFlow } from './member-flow.ts'
import type { MemberEvent } from './member-events.ts'
import { chunkOf, noMarks, offsets, testGroup, testSubscription, type TestRecord } from './member-rig.fixture.ts'
import { ModelGroup } from './model-group.fixture.ts'
import { Recorded, type RecordedEffect } from './recorded.fixture.ts'

type Event = MemberEvent<TestRecord>
/** `ask` is called when the request reaches the coordinator; its answer may take as long as it likes. */
type Request = { readonly ask: (answer: (event: Event) => void) => void; readonly fail: Event | null; isAsked: boolean }
type Member = {
  readonly name: string
  readonly flow: MemberFlow<TestRecord>
  readonly running: Set<Entry<TestRecord>>
  readonly aborted: Set<Entry<TestRecord>>
  /** What was sent and not answered, in order. */
  readonly requests: Request[]
  readonly answers: { readonly request: Request; readonly event: Event }[]
  fetch: FetchOrder | null
  life: 'runs' | 'stops' | 'gone'
}

export const worldPartitions = 4
export const recordsOfPartition = 40

const settings: GroupSettings = {
  ...testGroup,
  subscriptions: [{ ...testSubscription, concurrency: 4, inPlaceDelaysMs: [100, 100, 100, 100, 100, 100, 100] }],
  sessionTimeoutMs: 10_000,
  heartbeatIntervalMs: 3_000,
  rebalanceTimeoutMs: 12_000,
  drainAtRevokeMs: 3_000,
}

const view = {
  offset: (each: TestRecord) => each.offset,
  hasKey: () => false,
  keyHash: () => 0,
  handedOff: () => ({ attempts: 1, dueMs: 0 }),
}
const logs: readonly TopicPartition[] = Array.from({ length: worldPartitions }, (_, partition) => ({
  topic: 'orders',
  partition,
}))

export class GroupWorld {
  readonly members: Member[] = []
  readonly done = new Set<number>()
  readonly group: ModelGroup
  readonly #protocol: 'eager' | 'cooperative'
  readonly #recorded = new Recorded<TestRecord>()
  #nowMs = 1_000

  constructor(protocol: 'eager' | 'cooperative') {
    this.#protocol = protocol
    const isCooperative = protocol === 'cooperative'
    this.group = new ModelGroup({ ...settings, partitions: logs, isCooperative })
    for (const { partition } of logs) this.group.committed.set(`orders/${partition}`, firstOf(partition))
  }

  // ── what may happen ──

  start(): void {
    const flow = new MemberFlow({ ...settings, protocol: this.#protocol }, view, () => 0.5)
    const name = `app ${this.members.length}`
    const empty = {
      running: new Set<Entry<TestRecord>>(),
      aborted: new Set<Entry<TestRecord>>(),
      requests: [],
      answers: [],
      fetch: null,
    }
    const member: Member = { name, flow, life: 'runs', ...empty }
    this.members.push(member)
    const leaders = logs.map((each) => ({ ...each, nodeId: 1, leaderEpoch: 0, topicId: 'id' }))
    this.#step(member, { kind: 'leaders', leaders })
    this.#step(member, { kind: 'start' })
  }

  stop(member: Member): void {
    if (member.life !== 'runs') return
    member.life = 'stops'
    this.#step(member, { kind: 'drain', drainMs: 5_000 })
  }

  /** It never says another word; what was on its way still arrives. */
  kill(member: Member): void {
    member.life = 'gone'
  }

  ask(member: Member, pick: number): void {
    const unasked = member.requests.filter((request) => !request.isAsked)
    const request = unasked[pick % Math.max(1, unasked.length)]
    if (request === undefined) return
    request.isAsked = true
    request.ask((event) => member.answers.push({ request, event }))
  }

  answer(member: Member, pick: number): void {
    const [answered] = member.answers.splice(pick % Math.max(1, member.answers.length), 1)
    if (answered === undefined || !this.#isOpen(member, answered.request)) return
    member.requests.splice(member.requests.indexOf(answered.request), 1)
    this.#step(member, answered.event)
  }

  /** A request that may or may not have arrived has no answer. */
  lose(member: Member, pick: number): void {
    const request = member.requests[pick % Math.max(1, member.requests.length)]
    if (request === undefined || request.fail === null) return
    member.requests.splice(member.requests.indexOf(request), 1)
    this.#step(member, request.fail)
  }

  #isOpen(member: Member, request: Request): boolean {
    return member.requests.includes(request)
  }

  fetch(member: Member): void {
    const order = member.fetch
    if (order === null) return
    member.fetch = null
    const partitions = [...order.targets.values()].map((target) => {
      const at = { topic: target.topic, partition: target.partition }
      const end = firstOf(at.partition) + recordsOfPartition
      const from = target.fetchOffset
      const few = Array.from({ length: Math.min(3, end - from) }, (_, n) => from + n)
      const chunk = few.length === 0 ? null : chunkOf(offsets(...few))
      return { at, target, errorCode: 0, endOffset: end, chunk, divergesAt: null, corruption: null }
    })
    this.#step(member, { kind: 'fetched', nodeId: order.nodeId, stamp: order.stamp, sessionId: 7, partitions })
  }

  end(member: Member, pick: number): void {
    const entry = [...member.running][pick % Math.max(1, member.running.size)]
    if (entry === undefined || member.life === 'gone') return
    member.running.delete(entry)
    if (!member.aborted.delete(entry)) this.done.add(entry.offset)
    member.flow.attemptEnded(entry, 'done', null, this.#nowMs, this.#recorded.effects)
    member.flow.settle(this.#nowMs, this.#recorded.effects)
    this.#carryOut(member)
  }

  advance(ms: number): void {
    const untilMs = this.#nowMs + ms
    for (;;) {
      const alive = this.members.filter((member) => member.life !== 'gone')
      const wakeMs = Math.min(this.#nowMs + 1_000, ...alive.map((member) => member.flow.nextWakeMs))
      if (wakeMs > untilMs) break
      this.#nowMs = Math.max(this.#nowMs + 1, wakeMs)
      for (const member of alive) if (member.flow.nextWakeMs <= this.#nowMs) this.#step(member, { kind: 'tick' })
      this.group.expire(this.#nowMs)
    }
    this.#nowMs = Math.max(this.#nowMs, untilMs)
    this.group.expire(this.#nowMs)
  }

  /** Every partition has one owner, and every record was handled. */
  get isComplete(): boolean {
    const hasOwners = this.owners().every((owners) => owners.length === 1)
    return hasOwners && this.done.size === worldPartitions * recordsOfPartition
  }

  /** What was sent is answered, and what may be fetched arrives. */
  exchange(): void {
    for (const member of this.members) {
      for (const _ of [...member.requests]) this.ask(member, 0)
    }
    for (const member of this.members) {
      for (const _ of [...member.answers]) this.answer(member, 0)
      this.fetch(member)
    }
  }

  /** All is well from now on: every request is answered, every attempt ends, and time passes. */
  settle(): void {
    for (let round = 0; round < 1_000 && !this.isComplete; round++) {
      this.exchange()
      for (const member of this.members) for (const _ of [...member.running]) this.end(member, 0)
      this.advance(200)
    }
  }

  // ── what members ask for ──

  #step(member: Member, event: Event): void {
    if (member.life === 'gone') return
    member.flow.step(event, this.#nowMs, this.#recorded.effects)
    this.#carryOut(member)
  }

  #carryOut(member: Member): void {
    for (const effect of this.#recorded.take()) this.#perform(member, effect)
  }

  #perform(member: Member, effect: RecordedEffect<TestRecord>): void {
    const send = (fail: Event | null, ask: Request['ask']): void =>
      void member.requests.push({ ask, fail, isAsked: false })
    switch (effect.verb) {
      case 'start':
        return this.#started(member, effect.given[0])
      case 'abort':
        return void member.aborted.add(effect.given[0])
      case 'join': {
        const [stamp, memberId, claim] = effect.given
        send({ kind: 'joinFailed', stamp }, (answer) =>
          this.group.join(memberId, claim, this.#nowMs, (told) => answer({ kind: 'joined', stamp, answer: told })),
        )
        return this.#step(member, { kind: 'joinSent', stamp })
      }
      case 'sync': {
        const [stamp, { memberId, generationId: generation }] = effect.given
        send({ kind: 'joinFailed', stamp }, (answer) =>
          this.group.sync({ memberId, generation }, this.#nowMs, (errorCode, partitions) =>
            answer({ kind: 'synced', stamp, errorCode, partitions }),
          ),
        )
        return this.#step(member, { kind: 'joinSent', stamp })
      }
      case 'heartbeat': {
        const [stamp, identity, sentMs] = effect.given
        return send({ kind: 'heartbeatFailed', stamp, sentMs }, (answer) => {
          const errorCode = this.group.heartbeat(identity, this.#nowMs)
          answer({ kind: 'heartbeatAnswered', stamp, sentMs, errorCode })
        })
      }
      case 'commit': {
        const [stamp, identity, given] = effect.given
        return send({ kind: 'commitFailed', stamp, reason: 'lost' }, (answer) => {
          const errorCode = this.group.commit(identity, given, this.#nowMs)
          answer({ kind: 'committed', stamp, identity, results: given.map((each) => ({ ...each, errorCode })) })
        })
      }
      case 'resolvePositions': {
        const [stamp, , partitions] = effect.given
        return send(null, (answer) => answer({ kind: 'positioned', stamp, starts: this.#startsOf(partitions) }))
      }
      case 'leave':
        return send(null, () => this.group.leave(effect.given[0], this.#nowMs))
      case 'fetch':
        member.fetch = effect.given[0]
        return
      case 'drained':
        return this.#step(member, { kind: 'leave', budgetMs: 3_000 })
      case 'finished':
        member.life = 'gone'
        return
      case 'fail':
        throw effect.given[0]
      default:
    }
  }

  #startsOf(partitions: readonly TopicPartition[]) {
    return partitions.map((at) => {
      const position = startAt(this.group.committed.get(partitionName(at)) ?? 0)
      return { ...at, position, committed: position, leaderEpoch: -1, cutFrom: null, ...noMarks }
    })
  }

  #started(member: Member, entry: Entry<TestRecord>): void {
    const { partition } = entry.owner
    const name = `orders/${partition} at ${entry.offset}`
    const committed = this.group.committed.get(`orders/${partition}`) ?? 0
    if (entry.offset < committed) throw new Error(`${member.name} begins ${name}, committed up to ${committed}`)
    for (const other of this.members) {
      // Who was dropped and has not heard of it runs on: R14 allows that overlap, which nobody can prevent.
      const isDropped = !this.group.members.has(other.flow.membership.memberId)
      if (other === member || other.life === 'gone' || isDropped) continue
      const beside = [...other.running].filter((each) => each.owner.partition === partition && !other.aborted.has(each))
      if (beside.length > 0)
        throw new Error(`${member.name} begins ${name} beside ${beside[0]?.offset} of ${other.name}`)
    }
    member.running.add(entry)
  }

  /** Which members of those that run own each partition. */
  owners(): string[][] {
    const alive = this.members.filter((member) => member.life === 'runs')
    return logs.map((at) => alive.filter((each) => each.flow.partitions.has(partitionName(at))).map(({ name }) => name))
  }
}

function firstOf(partition: number): number {
  return 1_000 * partition
}
