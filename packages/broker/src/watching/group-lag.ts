/** How far a group is behind: for each partition that it has committed or been given, the end of the log less the committed
 *  offset. A partition without a commit counts from its start, so that a group that has not begun is not taken for done. */

import type { BrokerCore } from '../core/broker-core.ts'

export type PartitionLag = {
  readonly topic: string
  readonly partition: number
  readonly committed: number | undefined
  readonly endOffset: number
  readonly lag: number
}

export function lagOf(core: BrokerCore, groupId: string): readonly PartitionLag[] {
  const committed = new Map(core.committed(groupId).map((each) => [keyOf(each.topic, each.partition), each.offset]))
  const topics = new Map(core.topics().map((topic) => [topic.name, topic]))
  const wanted = new Map<string, readonly [string, number]>()
  for (const { topic, partition } of core.committed(groupId)) wanted.set(keyOf(topic, partition), [topic, partition])
  for (const { assignment } of core.group(groupId)?.members ?? []) {
    for (const [topic, partitions] of Object.entries(assignment)) {
      for (const partition of partitions) wanted.set(keyOf(topic, partition), [topic, partition])
    }
  }
  return [...wanted].flatMap(([key, [topic, partition]]) => {
    const log = topics.get(topic)?.partitions[partition]?.log
    if (log === undefined) return []
    const offset = committed.get(key)
    const lag = log.endOffset - Math.max(offset ?? log.startOffset, log.startOffset)
    return [{ topic, partition, committed: offset, endOffset: log.endOffset, lag }]
  })
}

function keyOf(topic: string, partition: number): string {
  return `${topic} ${partition}`
}
