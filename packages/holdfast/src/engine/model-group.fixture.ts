/** For tests: a group coordinator so simple that it is obviously right, and an assignor that moves partitions around as much
 *  as it can. It answers requests in the order in which it is asked; what is late or lost, the world around it decides. */
import { kafkaErrors } from '../model/kafka-errors.ts'
import { partitionName, type TopicPartition } from '../model/topic-partition.ts'
import type { Claim, CommitOffset, Identity, JoinAnswer } from './effects.ts'

type Member = {
  readonly id: string
  claim: Claim
  lastHeardMs: number
  join: ((answer: JoinAnswer) => void) | null
  sync: ((errorCode: number, given: readonly TopicPartition[]) => void) | null
}

const codes = kafkaErrors

export class ModelGroup {
  generation = 0
  state: 'empty' | 'preparing' | 'completing' | 'stable' = 'empty'
  readonly committed = new Map<string, number>()
  /** Who committed a partition in which generation; two of them would be two owners. */
  readonly committers = new Map<string, string>()
  readonly members = new Map<string, Member>()
  readonly #partitions: readonly TopicPartition[]
  readonly #sessionTimeoutMs: number
  readonly #rebalanceTimeoutMs: number
  readonly #isCooperative: boolean
  #nextId = 1
  #preparingSinceMs = 0
  #given: ReadonlyMap<string, readonly TopicPartition[]> | null = null

  constructor(given: {
    partitions: readonly TopicPartition[]
    sessionTimeoutMs: number
    rebalanceTimeoutMs: number
    isCooperative: boolean
  }) {
    this.#partitions = given.partitions
    this.#sessionTimeoutMs = given.sessionTimeoutMs
    this.#rebalanceTimeoutMs = given.rebalanceTimeoutMs
    this.#isCooperative = given.isCooperative
  }

  get #all(): readonly Member[] {
    return [...this.members.values()]
  }

  get #leader(): string {
    return this.#all[0]?.id ?? ''
  }

  join(memberId: string, claim: Claim, nowMs: number, answer: (answer: JoinAnswer) => void): void {
    const refuse = (errorCode: number, id: string): void =>
      answer({ errorCode, generationId: -1, memberId: id, leader: '', protocolName: null, members: [] })
    let member = this.members.get(memberId)
    if (memberId !== '' && member === undefined) return refuse(codes.UNKNOWN_MEMBER_ID, memberId)
    if (member === undefined) {
      member = { id: `m${this.#nextId++}`, claim, lastHeardMs: nowMs, join: null, sync: null }
      this.members.set(member.id, member)
    }
    Object.assign(member, { claim, lastHeardMs: nowMs, join: answer })
    this.#prepare(nowMs)
    this.#completeIfAll()
  }

  #prepare(nowMs: number): void {
    if (this.state === 'preparing') return
    this.state = 'preparing'
    this.#preparingSinceMs = nowMs
    for (const member of this.#all) this.#answerSync(member, codes.REBALANCE_IN_PROGRESS, nowMs)
  }

  #answerSync(member: Member, errorCode: number, nowMs: number): void {
    if (member.sync !== null) member.lastHeardMs = nowMs
    member.sync?.(errorCode, errorCode === 0 ? (this.#given?.get(member.id) ?? []) : [])
    member.sync = null
  }

  #completeIfAll(): void {
    if (this.state !== 'preparing' || this.#all.some((member) => member.join === null)) return
    this.generation += 1
    this.#given = null
    this.state = this.members.size === 0 ? 'empty' : 'completing'
    for (const member of this.#all) {
      member.join?.({
        errorCode: 0,
        generationId: this.generation,
        memberId: member.id,
        leader: this.#leader,
        protocolName: 'model',
        members: [],
      })
      member.join = null
    }
  }

  sync(identity: Identity, nowMs: number, answer: (errorCode: number, given: readonly TopicPartition[]) => void): void {
    const errorCode = this.#judge(identity, nowMs)
    if (errorCode !== 0) return answer(errorCode, [])
    const member = this.members.get(identity.memberId)
    if (member === undefined) return
    if (this.state === 'preparing') return answer(codes.REBALANCE_IN_PROGRESS, [])
    if (this.state === 'stable') return answer(0, this.#given?.get(member.id) ?? [])
    member.sync = answer
    if (member.id !== this.#leader) return
    this.#given = this.#divide()
    this.state = 'stable'
    for (const each of this.#all) this.#answerSync(each, 0, nowMs)
  }

  /** Partition p goes to a member that changes with every generation, as soon as nobody else claims it. */
  #divide(): Map<string, TopicPartition[]> {
    const ids = this.#all.map(({ id }) => id).sort()
    const given = new Map(ids.map((id): [string, TopicPartition[]] => [id, []]))
    for (const at of this.#partitions) {
      const claimants = this.#all.filter(({ claim }) =>
        claim.partitions.some((each) => partitionName(each) === partitionName(at)),
      )
      const newest = Math.max(...claimants.map(({ claim }) => claim.generation))
      const owners = claimants.filter(({ claim }) => claim.generation === newest)
      const target = ids[(at.partition + Math.floor(this.generation / 3)) % ids.length] ?? ''
      const isFree = claimants.length === 0 || (owners.length === 1 && owners[0]?.id === target)
      if (!this.#isCooperative || isFree) given.get(target)?.push(at)
    }
    return given
  }

  /** What is wrong with who it says it is. */
  #judge({ memberId, generation }: Identity, nowMs: number): number {
    const member = this.members.get(memberId)
    if (member === undefined) return codes.UNKNOWN_MEMBER_ID
    if (generation !== this.generation) return codes.ILLEGAL_GENERATION
    member.lastHeardMs = nowMs
    return 0
  }

  heartbeat(identity: Identity, nowMs: number): number {
    const errorCode = this.#judge(identity, nowMs)
    if (errorCode !== 0) return errorCode
    return this.state === 'preparing' ? codes.REBALANCE_IN_PROGRESS : 0
  }

  commit(identity: Identity, offsets: readonly CommitOffset[], nowMs: number): number {
    const errorCode = this.#judge(identity, nowMs)
    if (errorCode !== 0) return errorCode
    if (this.state === 'completing') return codes.REBALANCE_IN_PROGRESS
    for (const at of offsets) {
      const name = partitionName(at)
      const before = this.committed.get(name) ?? 0
      if (at.offset < before) throw new Error(`${name} went back from ${before} to ${at.offset}`)
      const key = `${name} in ${this.generation}`
      const committer = this.committers.get(key) ?? identity.memberId
      if (committer !== identity.memberId) throw new Error(`${key}: ${committer} and ${identity.memberId} committed`)
      this.committers.set(key, identity.memberId)
      this.committed.set(name, at.offset)
    }
    return 0
  }

  leave(memberId: string, nowMs: number): void {
    if (!this.members.has(memberId)) return
    this.#expel(memberId)
    this.#prepare(nowMs)
    this.#completeIfAll()
  }

  #expel(memberId: string): void {
    const member = this.members.get(memberId)
    this.members.delete(memberId)
    const errorCode = codes.UNKNOWN_MEMBER_ID
    member?.join?.({ errorCode, generationId: -1, memberId, leader: '', protocolName: null, members: [] })
    member?.sync?.(errorCode, [])
  }

  /** Sessions end, and who does not join in time is dropped. */
  expire(nowMs: number): void {
    for (const member of this.#all) {
      const isWaiting = member.join !== null || member.sync !== null
      if (!isWaiting && nowMs - member.lastHeardMs >= this.#sessionTimeoutMs) this.leave(member.id, nowMs)
    }
    if (this.state !== 'preparing' || nowMs - this.#preparingSinceMs < this.#rebalanceTimeoutMs) return
    for (const member of this.#all) if (member.join === null) this.#expel(member.id)
    this.#completeIfAll()
  }
}
