/** For tests: what the coordinator says to a cooperative member, step by step. Record n of partition p has offset 100 p + n,
 *  so that what runs can be told apart. */
import type { GroupSettings } from '../model/settings.ts'
import { startAt } from '../model/next-offset.ts'
import type { TopicPartition } from '../model/topic-partition.ts'
import type { Claim } from './effects.ts'
import { admitted } from './engine-parts.fixture.ts'
import { chunkOf, MemberRig, noMarks, offsets } from './member-rig.fixture.ts'

export function partitionsOf(...numbers: readonly number[]): TopicPartition[] {
  return numbers.map((partition) => ({ topic: 'orders', partition }))
}

export function answerJoin(rig: MemberRig, generationId: number, errorCode = 0): void {
  rig.step({ kind: 'joined', stamp: rig.flow.membership.stamp, answer: { ...admitted, generationId, errorCode } })
}

export function answerSync(rig: MemberRig, given: readonly number[], errorCode = 0): void {
  const { stamp } = rig.flow.membership
  rig.step({ kind: 'synced', stamp, errorCode, partitions: partitionsOf(...given) })
}

/** Both answers. */
export function admit(rig: MemberRig, generation: number, given: readonly number[]): void {
  answerJoin(rig, generation)
  answerSync(rig, given)
}

/** Says where to start on these partitions: at their record `n`. */
export function position(rig: MemberRig, numbers: readonly number[], n = 0): void {
  const at = partitionsOf(0, 1, 2, 3)
  rig.step({ kind: 'leaders', leaders: at.map((each) => ({ ...each, nodeId: 1, leaderEpoch: 0, topicId: 'id' })) })
  const starts = partitionsOf(...numbers).map((each) => {
    const offset = startAt(100 * each.partition + n)
    return { ...each, position: offset, committed: offset, leaderEpoch: -1, ...noMarks, cutFrom: null }
  })
  rig.step({ kind: 'positioned', stamp: rig.flow.membership.stamp, starts })
}

/** A member of generation 1 that owns partitions 0, 1 and 2; three attempts may run for each. */
export function cooperativeRig(settings: Partial<GroupSettings> = {}): MemberRig {
  const rig = new MemberRig({ protocol: 'cooperative', ...settings })
  rig.step({ kind: 'start' })
  admit(rig, 1, [0, 1, 2])
  position(rig, [0, 1, 2])
  return rig
}

/** Records `ns` of a partition arrive with the newest fetch. */
export function bring(rig: MemberRig, partition: number, ...ns: readonly number[]): void {
  rig.deliver(chunkOf(offsets(...ns.map((n) => 100 * partition + n))), partition)
}

/** What the joins since the last look claimed. */
export function claims(rig: MemberRig): Claim[] {
  return rig.take().flatMap((effect) => (effect.verb === 'join' ? [effect.given[2]] : []))
}

export function claimOf(generation: number, ...numbers: readonly number[]): Claim {
  return { partitions: partitionsOf(...numbers), generation }
}

/** The group divides its partitions anew, as the heartbeat tells. */
export function disturb(rig: MemberRig): void {
  rig.step({ kind: 'partitionsChanged', reason: 'test' })
}

export function owned(rig: MemberRig): number[] {
  return [...rig.flow.partitions.values()].map(({ partition }) => partition).toSorted((a, b) => a - b)
}
