/** Offsets of a group as a tool sees them: committed and read without being a member. */

import { type Ground, type Wire } from '../row.ts'
import { ClassicMember } from './classic-member.ts'

const asTool = { generationIdOrMemberEpoch: -1, memberId: '' }

/** A group that has offsets and nobody in it. */
export async function emptyGroup(ground: Ground, topics: readonly string[], partitions = 1): Promise<ClassicMember> {
  const tool = await ClassicMember.of(ground, ground.name('group'))
  for (const name of topics) {
    const offsets = Array.from({ length: partitions }, (_, partitionIndex) => ({
      partitionIndex,
      committedOffset: 5,
      committedMetadata: '',
    }))
    await tool.wire.call('OffsetCommit', 8, {
      groupId: tool.groupId,
      ...asTool,
      topics: [{ name, partitions: offsets }],
    })
  }
  return tool
}

/** Every partition for which the group has an offset. */
export async function offsetsOf(wire: Wire, groupId: string): Promise<readonly string[]> {
  const answer = await wire.call('OffsetFetch', 8, { groups: [{ groupId, topics: null }], requireStable: false })
  return (answer.groups[0]?.topics ?? []).flatMap(({ name, partitions }) =>
    partitions.map(({ partitionIndex }) => `${name} ${partitionIndex}`),
  )
}
