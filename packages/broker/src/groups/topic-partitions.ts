/** Sets of partitions, by topic id. Values that are never changed: every operation makes a new one without empty topics. */

export type TopicPartitions = ReadonlyMap<string, ReadonlySet<number>>

export const noPartitions: TopicPartitions = new Map()

type WirePartitions = readonly { readonly topicId: string; readonly partitions: readonly number[] }[]

export function fromWire(topics: WirePartitions): TopicPartitions {
  return new Map(topics.map(({ topicId, partitions }) => [topicId, new Set(partitions)]))
}

export function toWire(partitions: TopicPartitions): { topicId: string; partitions: number[] }[] {
  return [...partitions].map(([topicId, indexes]) => ({ topicId, partitions: [...indexes].toSorted((a, b) => a - b) }))
}

export function has(partitions: TopicPartitions, topicId: string, partition: number): boolean {
  return partitions.get(topicId)?.has(partition) ?? false
}

/** Keeps the partitions for which `isKept` holds. */
export function filtered(
  partitions: TopicPartitions,
  isKept: (topicId: string, partition: number) => boolean,
): TopicPartitions {
  const kept = new Map<string, ReadonlySet<number>>()
  for (const [topicId, indexes] of partitions) {
    const left = new Set([...indexes].filter((partition) => isKept(topicId, partition)))
    if (left.size > 0) kept.set(topicId, left)
  }
  return kept
}

export function common(left: TopicPartitions, right: TopicPartitions): TopicPartitions {
  return filtered(left, (topicId, partition) => has(right, topicId, partition))
}

export function without(left: TopicPartitions, right: TopicPartitions): TopicPartitions {
  return filtered(left, (topicId, partition) => !has(right, topicId, partition))
}

export function joined(left: TopicPartitions, right: TopicPartitions): TopicPartitions {
  const all = new Map(left)
  for (const [topicId, indexes] of right) all.set(topicId, new Set([...(all.get(topicId) ?? []), ...indexes]))
  return all
}

export function areEqual(left: TopicPartitions, right: TopicPartitions): boolean {
  return without(left, right).size === 0 && without(right, left).size === 0
}
