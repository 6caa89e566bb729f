/** The assignor `cooperative-sticky`: whom each partition should go to, and how much of that may happen at once (R3).
 *
 *  Members say what they own and since which generation. A claim counts only if no other member claims the same partition
 *  from a newer generation: who missed a generation does not know that its partition went on (KIP-792). Two claims of the
 *  same generation contradict each other, so neither counts: the partition is taken from both and given out in the next round.
 *
 *  A partition goes to its next owner in two rounds: in the first nobody has it, and whoever owned it gives it back and joins
 *  again; in the second nobody claims it any more. */
import { partitionName, type TopicPartition } from '../model/topic-partition.ts'
import { type Assignment, assignEvenly, type Assignor, type GroupMember } from './assignors.ts'

/** Even, and with as few moves as that takes. This is where partitions belong, not yet what may be handed out. */
export const assignStickily: Assignor = (members, partitionCounts) => {
  const claims = claimsOf(members)
  return assignEvenly(members, partitionCounts, (at) => claims.get(partitionName(at))?.owner ?? null)
}

/** What of an assignment may be handed out now. `together` gives the partitions that must not have two owners: none of them
 *  arrives before all are free. */
export function inTwoRounds(
  targets: Assignment,
  members: readonly GroupMember[],
  together: (at: TopicPartition) => readonly TopicPartition[] = (at) => [at],
): Map<string, TopicPartition[]> {
  const claims = claimsOf(members)
  const mayHave = (memberId: string, at: TopicPartition): boolean => {
    const claim = claims.get(partitionName(at))
    return claim === undefined || claim.owner === memberId
  }
  return new Map(
    [...targets].map(([memberId, share]) => [
      memberId,
      share.filter((at) => {
        const isOwn = claims.get(partitionName(at))?.owner === memberId
        return isOwn || together(at).every((part) => mayHave(memberId, part))
      }),
    ]),
  )
}

/** By partition that somebody says to own: whose it is; null if the newest claims contradict each other. */
export function claimsOf(members: readonly GroupMember[]): ReadonlyMap<string, Claimed> {
  const claims = new Map<string, Claimed>()
  for (const { memberId, owned = [], generation = -1 } of members) {
    for (const name of new Set(owned.map(partitionName))) {
      const other = claims.get(name)
      if (other === undefined || generation > other.generation) claims.set(name, { owner: memberId, generation })
      else if (generation === other.generation) claims.set(name, { owner: null, generation })
    }
  }
  return claims
}

type Claimed = { readonly owner: string | null; readonly generation: number }
