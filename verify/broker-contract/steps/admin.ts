/** What rows about topics and configuration ask for again and again. */

import { type DecodedResponse, type GivenRequest } from '../../../packages/broker/src/protocol/apis.ts'
import { encodeBatch } from '../../../packages/broker/src/log/record-batch.ts'
import { type NewRecord } from '../../../packages/broker/src/log/records.ts'
import { type Ground, type Wire } from '../row.ts'

export const nilUuid = '00000000-0000-0000-0000-000000000000'
const timeoutMs = 30_000

export type WantedTopic = NonNullable<NonNullable<GivenRequest<'CreateTopics'>['topics']>[number]>
export type CreatedTopic = DecodedResponse<'CreateTopics'>['topics'][number]

/** One partition, one replica, unless `topic` says otherwise. */
export async function createTopics(
  wire: Wire,
  topics: readonly WantedTopic[],
  { version = 7, validateOnly = false }: { readonly version?: number; readonly validateOnly?: boolean } = {},
): Promise<readonly CreatedTopic[]> {
  const wanted = topics.map((topic) => ({ numPartitions: 1, replicationFactor: 1, ...topic }))
  return (await wire.call('CreateTopics', version, { topics: wanted, timeoutMs, validateOnly })).topics
}

export async function createTopic(
  wire: Wire,
  topic: WantedTopic,
  options: { readonly version?: number; readonly validateOnly?: boolean } = {},
): Promise<CreatedTopic> {
  const [created] = await createTopics(wire, [topic], options)
  if (created === undefined) throw new Error('CreateTopics answered nothing')
  return created
}

export type WantedPartitions = NonNullable<NonNullable<GivenRequest<'CreatePartitions'>['topics']>[number]>

export async function createPartitions(
  wire: Wire,
  topics: readonly WantedPartitions[],
  { version = 3, validateOnly = false }: { readonly version?: number; readonly validateOnly?: boolean } = {},
): Promise<DecodedResponse<'CreatePartitions'>['results']> {
  const wanted = topics.map((topic) => ({ assignments: null, ...topic }))
  return (await wire.call('CreatePartitions', version, { topics: wanted, timeoutMs, validateOnly })).results
}

export async function deleteTopics(
  wire: Wire,
  topics: readonly { readonly name?: string | null; readonly topicId?: string }[],
): Promise<DecodedResponse<'DeleteTopics'>['responses']> {
  const wanted = topics.map(({ name = null, topicId = nilUuid }) => ({ name, topicId }))
  return (await wire.call('DeleteTopics', 6, { topics: wanted, timeoutMs })).responses
}

export type TopicMetadata = DecodedResponse<'Metadata'>['topics'][number]

export async function topicMetadata(wire: Wire, name: string): Promise<TopicMetadata> {
  const { topics } = await wire.call('Metadata', 12, { topics: [{ name }], allowAutoTopicCreation: false })
  return topics[0] as TopicMetadata
}

/** Waits until the node shows the topic with this number of partitions; 0 means not at all. */
export async function untilPartitions(ground: Ground, wire: Wire, name: string, count: number): Promise<TopicMetadata> {
  let found = await topicMetadata(wire, name)
  await ground.until(async () => {
    found = await topicMetadata(wire, name)
    return found.partitions.length === count
  }, `node ${wire.nodeId} shows ${count} partitions of ${name}`)
  return found
}

export const resource = { topic: 2, broker: 4, group: 32 } as const
export const operation = { set: 0, delete: 1, append: 2, subtract: 3 } as const

export type Config = DecodedResponse<'DescribeConfigs'>['results'][number]['configs'][number]
type Described = DecodedResponse<'DescribeConfigs'>['results'][number]

export async function describeConfigs(
  wire: Wire,
  resourceType: number,
  resourceName: string,
  configurationKeys: readonly string[] | null = null,
  { version = 4, includeSynonyms = true }: { readonly version?: number; readonly includeSynonyms?: boolean } = {},
): Promise<Described> {
  const resources = [{ resourceType, resourceName, configurationKeys: configurationKeys?.slice() ?? null }]
  const { results } = await wire.call('DescribeConfigs', version, { resources, includeSynonyms })
  return results[0] as Described
}

/** The values that were set for a topic itself. */
export async function ownConfigs(wire: Wire, topic: string): Promise<Readonly<Record<string, string | null>>> {
  const { configs } = await describeConfigs(wire, resource.topic, topic)
  const own = configs.filter(({ configSource }) => configSource === 1)
  return Object.fromEntries(own.map(({ name, value }) => [name, value]))
}

type Altered = { readonly errorCode: number; readonly errorMessage: string | null }
export type Change = readonly [name: string, operation: number, value: string | null]

export async function changeConfigs(
  wire: Wire,
  resourceType: number,
  resourceName: string,
  changes: readonly Change[],
  { version = 1, validateOnly = false }: { readonly version?: number; readonly validateOnly?: boolean } = {},
): Promise<Altered> {
  const configs = changes.map(([name, configOperation, value]) => ({ name, configOperation, value }))
  const resources = [{ resourceType, resourceName, configs }]
  const { responses } = await wire.call('IncrementalAlterConfigs', version, { resources, validateOnly })
  return responses[0] as Altered
}

export async function replaceConfigs(
  wire: Wire,
  resourceName: string,
  values: Readonly<Record<string, string | null>>,
  { version = 2, validateOnly = false }: { readonly version?: number; readonly validateOnly?: boolean } = {},
): Promise<Altered> {
  const configs = Object.entries(values).map(([name, value]) => ({ name, value }))
  const resources = [{ resourceType: resource.topic, resourceName, configs }]
  const { responses } = await wire.call('AlterConfigs', version, { resources, validateOnly })
  return responses[0] as Altered
}

export type Produced = DecodedResponse<'Produce'>['responses'][number]['partitions'][number]

/** One batch into one partition. `wire` leads to its leader. */
export async function produceTo(wire: Wire, name: string, records: readonly NewRecord[], index = 0): Promise<Produced> {
  const batch = encodeBatch(records, { nowMs: Date.now() })
  const topics = [{ name, partitions: [{ index, records: batch }] }]
  const { responses } = await wire.call('Produce', 9, { acks: -1, timeoutMs, topics })
  return responses[0]?.partitions[0] as Produced
}
