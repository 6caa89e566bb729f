/** What other tools do to a group and its topics, by raw requests and by kafkajs: read what is committed with its text, commit
 *  by hand, take a member out of its group, read a topic with every header. Holdfast has no part in it. */
import { type KafkaMessage } from 'kafkajs'
import { commitAsTool, committed, removeAsTool } from '../../facts/group.ts'
import { Wire } from '../../facts/wire.ts'
import { asAdmin, endOffsets, foreignKafka, uniqueName } from '../kafka-world.ts'

export type Committed = { readonly offset: number; readonly metadata: string | null }

/** What the group has committed, by `topic/partition`; offset −1 where nothing is. */
export async function committedTexts(
  bootstrap: string,
  group: string,
  topics: readonly string[],
): Promise<Map<string, Committed>> {
  const found = await asAdmin(bootstrap, (admin) => admin.fetchOffsets({ groupId: group, topics: [...topics] }))
  return new Map(
    found.flatMap(({ topic, partitions }) =>
      partitions.map(({ partition, offset, metadata }) => [
        `${topic}/${partition}`,
        { offset: Number(offset), metadata },
      ]),
    ),
  )
}

/** Commits for a group without members. */
export async function commitByHand(
  bootstrap: string,
  group: string,
  topic: string,
  { offset, metadata, partition = 0 }: { offset: number; metadata: string; partition?: number },
): Promise<void> {
  const wire = await Wire.open(bootstrap)
  try {
    const errorCode = await commitAsTool(wire, group, topic, offset, metadata, partition)
    if (errorCode !== 0) throw new Error(`a commit of ${offset} for ${topic}/${partition} was refused: ${errorCode}`)
  } finally {
    await wire.close()
  }
}

/** Resolves when Kafka has forgotten what the group committed for a topic that was deleted. */
export async function untilForgotten(bootstrap: string, group: string, topic: string): Promise<void> {
  const wire = await Wire.open(bootstrap)
  try {
    while ((await committed(wire, group, topic)).offset >= 0) continue
  } finally {
    await wire.close()
  }
}

/** Takes all members out of the group, as an operator does who knows that they are dead. Afterwards no commit of theirs is
 *  accepted, not even one that was on its way. */
export async function removeMembers(bootstrap: string, group: string): Promise<void> {
  const { groups } = await asAdmin(bootstrap, (admin) => admin.describeGroups([group]))
  const members = groups.flatMap((each) => each.members)
  const wire = await Wire.open(bootstrap)
  try {
    const memberIds = members.map(({ memberId }) => memberId)
    const errorCode = await removeAsTool(wire, group, memberIds)
    if (errorCode !== 0) throw new Error(`the members of ${group} could not be removed: ${errorCode}`)
  } finally {
    await wire.close()
  }
}

export type StoredRecord = KafkaMessage & { readonly partition: number }

/** Every record that is in the topic now, through a consumer of kafkajs. */
export async function readAll(bootstrap: string, topic: string): Promise<StoredRecord[]> {
  const ends = await endOffsets(bootstrap, topic)
  const records: StoredRecord[] = []
  const missing = new Set([...ends].filter(([, end]) => end > 0).map(([partition]) => partition))
  if (missing.size === 0) return records
  const { promise, resolve } = Promise.withResolvers<void>()
  const consumer = foreignKafka(bootstrap).consumer({ groupId: uniqueName('reader'), maxWaitTimeInMs: 100 })
  await consumer.connect()
  await consumer.subscribe({ topic, fromBeginning: true })
  await consumer.run({
    eachMessage: async ({ partition, message }) => {
      const end = ends.get(partition) ?? 0
      if (Number(message.offset) < end) records.push({ ...message, partition })
      if (Number(message.offset) >= end - 1) missing.delete(partition)
      if (missing.size === 0) resolve()
    },
  })
  await promise
  await consumer.disconnect()
  return records
}

/** The last header of this name as text. */
export function headerOf(record: StoredRecord, name: string): string | undefined {
  const value = record.headers?.[name]
  const last = Array.isArray(value) ? value.at(-1) : value
  return last?.toString()
}
