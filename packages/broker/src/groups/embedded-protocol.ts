/** What consumers write into the opaque bytes of the classic protocol: the topics they want, the partitions they got. The
 *  coordinator needs it in two places only: which topics a group wants, and showing assignments to a test. */

import { WireReader, WireWriter } from '../protocol/wire.ts'

/** Topics of a subscription; undefined if the bytes are none. All versions begin alike. */
export function subscribedTopics(metadata: Buffer): readonly string[] | undefined {
  try {
    const reader = new WireReader(metadata)
    const version = reader.int16()
    if (version < 0) return undefined
    const topics: string[] = []
    for (let left = reader.int32(); left > 0; left--) topics.push(reader.utf8(reader.int16()))
    return topics
  } catch {
    return undefined
  }
}

/** The partitions of an assignment by topic; none if the bytes are no assignment of consumers. All versions begin alike. */
export function assignedPartitions(assignment: Buffer): Record<string, number[]> {
  // What every member has before it is given something: an error for each look at it would cost more than the look.
  if (assignment.length === 0) return {}
  const assigned: Record<string, number[]> = {}
  try {
    const reader = new WireReader(assignment)
    reader.int16()
    for (let left = reader.int32(); left > 0; left--) {
      const topic = reader.utf8(reader.int16())
      const partitions: number[] = []
      for (let more = reader.int32(); more > 0; more--) partitions.push(reader.int32())
      assigned[topic] = partitions
    }
    return assigned
  } catch {
    return {}
  }
}

/** An assignment in version 0, without user data. */
export function encodeAssignment(
  topics: readonly { readonly topic: string; readonly partitions: Iterable<number> }[],
): Buffer {
  const writer = new WireWriter()
  writer.int16(0)
  writer.int32(topics.length)
  for (const { topic, partitions } of topics) {
    writer.string(topic, false)
    const indexes = [...partitions]
    writer.int32(indexes.length)
    for (const index of indexes) writer.int32(index)
  }
  writer.int32(-1)
  return Buffer.from(writer.result())
}
