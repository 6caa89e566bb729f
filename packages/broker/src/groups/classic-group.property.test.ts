import fc from 'fast-check'
import { expect, test } from 'vitest'

import { errorCode } from '../protocol/error-code.ts'
import { VirtualClock } from '../testing/virtual-clock.ts'
import { ClassicGroup } from './classic-group.ts'

const partitions = [0, 1, 2, 3]
const sessionTimeoutMs = 6_000
const heartbeatMs = 1_000
const membersMax = 8

type Owner = { readonly identity: string; readonly memberId: string }

/** Who owns what, as far as members have been told: the naive model that the coordinator must never contradict. */
class Ownership {
  readonly violations: string[] = []
  readonly #ownerOf = new Map<string, Owner>()
  /** The newest generation in which somebody was told to own a partition. */
  readonly #newest = new Map<number, number>()

  /** A static member that comes back keeps its generation under another member id: the same owner, newly named. */
  told(owner: Owner, generation: number, owned: readonly number[]): void {
    for (const partition of owned) {
      const other = this.#ownerOf.get(`${generation} ${partition}`)
      if (other !== undefined && other.identity !== owner.identity) {
        this.violations.push(`${partition} belongs to ${other.memberId} and ${owner.memberId} in ${generation}`)
      }
      this.#ownerOf.set(`${generation} ${partition}`, owner)
      this.#newest.set(partition, Math.max(generation, this.#newest.get(partition) ?? 0))
    }
  }

  committed(memberId: string, generation: number, partition: number): void {
    const owner = this.#ownerOf.get(`${generation} ${partition}`)
    const newest = this.#newest.get(partition)
    if (owner?.memberId === memberId && newest === generation) return
    this.violations.push(
      `${memberId} committed ${partition} in ${generation}, owned by ${owner?.memberId} in ${newest}`,
    )
  }
}

/** A plain consumer: joins, syncs, sends heartbeats, joins again when told to. It can crash and then only commits. */
class Actor {
  readonly #group: ClassicGroup
  readonly #clock: VirtualClock
  readonly #ownership: Ownership
  readonly #instance: string | null
  #isAlive = true
  #memberId = ''
  #generation = -1
  #owned: readonly number[] = []

  constructor(group: ClassicGroup, clock: VirtualClock, ownership: Ownership, instance: string | null) {
    this.#group = group
    this.#clock = clock
    this.#ownership = ownership
    this.#instance = instance
    void this.#join()
  }

  get #stamp(): { memberId: string; groupInstanceId: string | null; generationId: number } {
    return { memberId: this.#memberId, groupInstanceId: this.#instance, generationId: this.#generation }
  }

  async #join(): Promise<void> {
    const answer = await this.#group.join({
      memberId: this.#memberId,
      groupInstanceId: this.#instance,
      clientId: 'a',
      sessionTimeoutMs,
      rebalanceTimeoutMs: 10_000,
      protocolType: 'consumer',
      protocols: [{ name: 'range', metadata: Buffer.alloc(0) }],
      mustKnowMemberId: true,
      canSkipAssignment: true,
    })
    if (!this.#isAlive) return
    if (answer.errorCode === errorCode.memberIdRequired) this.#memberId = answer.memberId
    else if (answer.errorCode === errorCode.unknownMemberId) this.#memberId = ''
    else if (answer.errorCode === errorCode.fencedInstanceId) return this.crash()
    if (answer.errorCode !== errorCode.none) return this.#join()
    this.#memberId = answer.memberId
    this.#generation = answer.generationId
    await this.#sync(answer.members.map((member) => member.memberId))
  }

  async #sync(memberIds: readonly string[]): Promise<void> {
    const assignments = memberIds.map((memberId, index) => ({
      memberId,
      assignment: Buffer.from(partitions.filter((partition) => partition % memberIds.length === index)),
    }))
    const answer = await this.#group.sync({ ...this.#stamp, protocolType: null, protocolName: null, assignments })
    if (!this.#isAlive) return
    if (answer.errorCode === errorCode.fencedInstanceId) return this.crash()
    if (answer.errorCode !== errorCode.none) return this.#join()
    this.#owned = [...answer.assignment]
    const owner = { identity: this.#instance ?? this.#memberId, memberId: this.#memberId }
    this.#ownership.told(owner, this.#generation, this.#owned)
    this.#beat()
  }

  #beat(): void {
    this.#clock.setTimer(heartbeatMs, () => {
      if (!this.#isAlive) return
      const code = this.#group.heartbeat(this.#stamp)
      if (code === errorCode.none) this.#beat()
      else if (code === errorCode.fencedInstanceId) this.crash()
      else void this.#join()
    })
  }

  /** Living or not: a crashed process may still have a commit on the wire. */
  commit(): void {
    const code = this.#group.checkCommit(this.#stamp)
    if (code !== errorCode.none || this.#generation < 0) return
    for (const partition of this.#owned) this.#ownership.committed(this.#memberId, this.#generation, partition)
  }

  crash(): void {
    this.#isAlive = false
  }

  leave(): void {
    this.#isAlive = false
    this.#group.leave(this.#memberId, this.#instance)
  }
}

const step = fc.oneof(
  fc.record({ do: fc.constant('join' as const), instance: fc.constantFrom(null, null, 'i', 'j') }),
  fc.record({ do: fc.constantFrom('crash' as const, 'leave' as const), actor: fc.nat(9) }),
  fc.record({ do: fc.constant('commit' as const), actor: fc.nat(9) }),
  fc.record({ do: fc.constant('wait' as const), ms: fc.constantFrom(0, 500, 1_500, 7_000, 12_000) }),
)

test('a partition has one owner in a generation, and nobody commits after a later owner was told', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40 }), fc.constantFrom(0, 3_000), async (script, rebalanceDelayMs) => {
      const clock = new VirtualClock()
      let ids = 0
      const newMemberId = (prefix: string): string => `${prefix}-${++ids}`
      const group = new ClassicGroup('g', { clock, rebalanceDelayMs, membersMax, newMemberId, onAssigned: () => {} })
      const ownership = new Ownership()
      const actors: Actor[] = []
      for (const each of script) {
        if (each.do === 'join') actors.push(new Actor(group, clock, ownership, each.instance))
        else if (each.do === 'wait') await clock.advance(each.ms)
        else actors[each.actor % Math.max(1, actors.length)]?.[each.do]()
        for (const actor of actors) actor.commit()
      }
      // Left alone, the group comes to rest: everybody who is left has an assignment, or nobody is left.
      await clock.advance(400_000)
      expect(['stable', 'empty']).toContain(group.state)
      expect(ownership.violations).toEqual([])
    }),
    { numRuns: 300 },
  )
})
