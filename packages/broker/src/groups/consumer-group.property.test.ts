import fc from 'fast-check'
import { expect, test } from 'vitest'

import { errorCode } from '../protocol/error-code.ts'
import { VirtualClock } from '../testing/virtual-clock.ts'
import { ConsumerGroup } from './consumer-group.ts'
import { awayEpoch, type HeartbeatAnswer, joiningEpoch, leavingEpoch } from './consumer-member.ts'
import type { GroupTopic } from './subscriptions.ts'
import { has, noPartitions, type TopicPartitions } from './topic-partitions.ts'

const sessionTimeoutMs = 6_000
const rebalanceTimeoutMs = 4_000
const heartbeatMs = 1_000

/** Two topics that grow and never go. */
class World {
  readonly clock = new VirtualClock()
  readonly actors: Actor[] = []
  readonly violations: string[] = []
  readonly group: ConsumerGroup
  #topics: readonly GroupTopic[] = [
    { name: 'a', id: 'id-a', partitions: { length: 3 } },
    { name: 'b', id: 'id-b', partitions: { length: 1 } },
  ]
  #ids = 0

  constructor(assignmentIntervalMs: number) {
    const settings = { sessionTimeoutMs, heartbeatIntervalMs: heartbeatMs, assignmentIntervalMs, membersMax: 8 }
    this.group = new ConsumerGroup('g', {
      clock: this.clock,
      settings: () => settings,
      topics: () => this.#topics,
      newMemberId: () => this.newId(),
      onAssigned: () => {},
    })
  }

  newId(): string {
    return `m-${++this.#ids}`
  }

  grow(name: string): void {
    this.#topics = this.#topics.map((topic) =>
      topic.name === name ? { ...topic, partitions: { length: topic.partitions.length + 1 } } : topic,
    )
  }

  get places(): readonly { readonly topicId: string; readonly partition: number }[] {
    return this.#topics.flatMap(({ id, partitions }) =>
      Array.from({ length: partitions.length }, (_, partition) => ({ topicId: id, partition })),
    )
  }

  /** Members that work on it. Who is no member any more and has not heard of it yet is a zombie. */
  holders(topicId: string, partition: number): readonly Actor[] {
    const members = new Set(this.group.members.map(({ memberId }) => memberId))
    return this.actors.filter(
      (actor) => actor.isAlive && members.has(actor.memberId) && has(actor.owned, topicId, partition),
    )
  }

  look(): void {
    for (const { topicId, partition } of this.places) {
      const holders = this.holders(topicId, partition)
      if (holders.length < 2) continue
      this.violations.push(
        `${topicId}-${partition} belongs to ${holders.map(({ memberId }) => memberId).join(' and ')}`,
      )
    }
  }
}

/** A plain client: sends heartbeats, gives up what it is told to and says so, joins again when it is fenced. It may dawdle
 *  before it gives up, and crash, after which it only commits. */
class Actor {
  memberId: string
  isAlive = true
  owned: TopicPartitions = noPartitions
  readonly #world: World
  readonly #instanceId: string | null
  readonly #topics: readonly string[]
  readonly #revokeMs: number
  readonly #sent: { readonly epoch: number; readonly owned: TopicPartitions }[] = []
  #epoch = joiningEpoch
  #wanted: TopicPartitions = noPartitions

  constructor(world: World, given: { instance: string | null; topics: readonly string[]; revokeMs: number }) {
    this.#world = world
    this.memberId = world.newId()
    this.#instanceId = given.instance
    this.#topics = given.topics
    this.#revokeMs = given.revokeMs
    this.#join()
  }

  #send(memberEpoch: number, isFull: boolean): HeartbeatAnswer {
    return this.#world.group.heartbeat({
      memberId: this.memberId,
      memberEpoch,
      instanceId: this.#instanceId,
      rackId: null,
      clientId: 'c',
      rebalanceTimeoutMs: isFull ? rebalanceTimeoutMs : -1,
      topicNames: isFull ? this.#topics : null,
      topicRegex: null,
      assignor: null,
      owned: this.owned,
    })
  }

  #join(): void {
    this.owned = noPartitions
    this.#wanted = noPartitions
    this.#take(this.#send(joiningEpoch, true))
  }

  #take(answer: HeartbeatAnswer): void {
    const { errorCode: code, memberEpoch, assignment } = answer
    // Somebody else has this place, or there is none: as good as dead.
    if (code === errorCode.unreleasedInstanceId || code === errorCode.fencedInstanceId) return this.crash()
    if (code === errorCode.groupMaxSizeReached) return this.crash()
    if (code !== errorCode.none) return this.#join()
    this.#epoch = memberEpoch
    this.#beat()
    if (assignment === null) return
    this.#wanted = assignment
    if (this.#revokeMs === 0) return this.#obey(assignment)
    // It goes on working, and says so, until it has finished what it must give up.
    this.#world.clock.setTimer(this.#revokeMs, () => this.#obey(assignment))
  }

  #obey(assignment: TopicPartitions): void {
    if (!this.isAlive || this.#wanted !== assignment) return
    this.owned = assignment
    this.#world.look()
  }

  #beat(): void {
    this.#world.clock.setTimer(heartbeatMs, () => {
      if (this.isAlive) this.#take(this.#send(this.#epoch, false))
    })
  }

  /** Whatever it ever held may still be on the wire as a commit, under the epoch in which it was sent. */
  commit(): void {
    this.#sent.push({ epoch: this.#epoch, owned: this.owned })
    for (const { epoch, owned } of this.#sent) {
      const stamp = { memberId: this.memberId, groupInstanceId: this.#instanceId, generationId: epoch }
      for (const { topicId, partition } of this.#world.places) {
        const other = this.#world.holders(topicId, partition).find((actor) => actor !== this)
        if (!has(owned, topicId, partition) || other === undefined) continue
        const code = this.#world.group.checkCommit(stamp, 9, new Map([[topicId, new Set([partition])]]))
        if (code !== errorCode.none) continue
        this.#world.violations.push(`${this.memberId} committed ${topicId}-${partition} of ${other.memberId}`)
      }
    }
  }

  crash(): void {
    this.isAlive = false
  }

  leave(): void {
    if (this.isAlive) this.#send(leavingEpoch, false)
    this.isAlive = false
  }

  goAway(): void {
    if (this.isAlive) this.#send(this.#instanceId === null ? leavingEpoch : awayEpoch, false)
    this.isAlive = false
  }
}

const step = fc.oneof(
  fc.record({
    do: fc.constant('join' as const),
    instance: fc.constantFrom(null, null, 'i', 'j'),
    topics: fc.constantFrom(['a'], ['a', 'b'], ['a', 'b']),
    revokeMs: fc.constantFrom(0, 0, 300, 9_000),
  }),
  fc.record({ do: fc.constantFrom('crash' as const, 'leave' as const, 'goAway' as const), actor: fc.nat(9) }),
  fc.record({ do: fc.constant('grow' as const), topic: fc.constantFrom('a', 'b') }),
  fc.record({ do: fc.constant('wait' as const), ms: fc.constantFrom(0, 400, 1_500, 7_000) }),
)

test('a partition has one owner at any time, nobody commits what another has, and in the end everything is owned', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 30 }), fc.constantFrom(0, 1_000), async (script, intervalMs) => {
      const world = new World(intervalMs)
      for (const each of script) {
        if (each.do === 'join') world.actors.push(new Actor(world, each))
        else if (each.do === 'wait') await world.clock.advance(each.ms)
        else if (each.do === 'grow') world.grow(each.topic)
        else world.actors[each.actor % Math.max(1, world.actors.length)]?.[each.do]()
        for (const actor of world.actors) actor.commit()
      }
      // Who dawdles longer than the rebalance timeout is thrown out again and again; without it the group comes to rest.
      await world.clock.advance(60_000)
      expect(world.violations).toEqual([])
      if (script.some((each) => each.do === 'join' && each.revokeMs > rebalanceTimeoutMs)) return
      const living = world.actors.filter(({ isAlive }) => isAlive)
      expect(world.group.state).toBe(living.length === 0 ? 'empty' : 'stable')
      const wanted = world.places.filter(({ topicId }) => living.length > 0 && isWanted(world, topicId))
      expect(wanted.filter(({ topicId, partition }) => world.holders(topicId, partition).length !== 1)).toEqual([])
    }),
    { numRuns: 300 },
  )
})

function isWanted({ group }: World, topicId: string): boolean {
  return group.isSubscribedTo(topicId.replace('id-', ''))
}
