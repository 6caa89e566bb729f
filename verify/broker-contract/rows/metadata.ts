/** Rows about what Metadata, DescribeCluster and DescribeTopicPartitions show. */

import { expect } from 'vitest'
import { type DecodedResponse } from '../../../packages/broker/src/protocol/apis.ts'
import { type Ground, type Row, type Wire } from '../row.ts'
import { createTopics, nilUuid, topicMetadata, untilPartitions } from '../steps/admin.ts'

const seen = 'seen on 4.3.1'
const unknownUuid = '00000000-0000-4000-8000-000000000001'
/** What everybody may do where there is no authorizer. */
const topicOperations = 3_576
const clusterOperations = 8_096
const nobodyAsked = -(2 ** 31)

const metadata: readonly Row[] = [
  {
    id: 'metadata/every-version',
    api: 'Metadata',
    when: 'a topic is asked for in each of the versions 0 to 13',
    expect: 'its partitions with leaders; the leader epoch from 7, the id from 10',
    rule: 'protocol guide: Metadata',
    priority: 'P0',
    async run(ground) {
      const name = await ground.topic(2)
      const wire = await ground.node()
      const { topicId } = await topicMetadata(wire, name)
      for (let version = 0; version <= 13; version++) {
        const answer = await wire.call('Metadata', version, { topics: [{ name }], allowAutoTopicCreation: false })
        const [topic] = answer.topics
        expect(topic).toMatchObject({ errorCode: 0, name, isInternal: false })
        expect(topic?.topicId).toBe(version >= 10 ? topicId : nilUuid)
        const epochs = topic?.partitions.map(({ leaderEpoch }) => leaderEpoch)
        expect(epochs).toEqual(version >= 7 ? [0, 0] : [-1, -1])
        expect(topic?.partitions.every(({ leaderId, replicaNodes }) => replicaNodes.includes(leaderId))).toBe(true)
        expect(answer.brokers.map(({ nodeId }) => nodeId)).toContain(wire.nodeId)
        expect(answer.errorCode).toBe(0)
      }
    },
  },
  {
    id: 'metadata/all-topics',
    api: 'Metadata',
    when: 'topics are null (the empty list in version 0), or an empty list',
    expect: 'all topics; none',
    rule: 'protocol guide: Metadata',
    priority: 'P0',
    async run(ground) {
      const name = await ground.topic()
      const wire = await ground.node()
      const names = async (version: number, topics: null | []): Promise<(string | null)[]> =>
        (await wire.call('Metadata', version, { topics })).topics.map((topic) => topic.name)
      expect(await names(0, [])).toContain(name)
      expect(await names(12, null)).toContain(name)
      expect(await names(1, [])).toEqual([])
      expect(await names(12, [])).toEqual([])
    },
  },
  {
    id: 'metadata/named-twice',
    api: 'Metadata',
    when: 'a topic is named twice',
    expect: 'it is shown once',
    rule: seen,
    priority: 'P1',
    async run(ground) {
      const name = await ground.topic()
      const { topics } = await (await ground.node()).call('Metadata', 12, { topics: [{ name }, { name }] })
      expect(topics).toMatchObject([{ errorCode: 0, name }])
    },
  },
  {
    id: 'metadata/by-id',
    api: 'Metadata',
    when: 'a topic is asked for by its id, and by an id with the name of another',
    expect: 'its name; 100 UNKNOWN_TOPIC_ID without a name: the id counts',
    rule: 'KIP-516',
    priority: 'P0',
    async run(ground) {
      const name = await ground.topic()
      const wire = await ground.node()
      const { topicId } = await topicMetadata(wire, name)
      const found = await wire.call('Metadata', 12, { topics: [{ name: null, topicId }] })
      expect(found.topics).toMatchObject([{ errorCode: 0, name, topicId }])
      const both = await wire.call('Metadata', 12, { topics: [{ name, topicId: unknownUuid }] })
      expect(both.topics).toMatchObject([{ errorCode: 100, name: null, topicId: unknownUuid }])
    },
  },
  {
    id: 'metadata/by-id-too-early',
    api: 'Metadata',
    when: 'a topic is asked for by its id in version 11, beside another one by its name',
    expect: '42 INVALID_REQUEST for both, and nothing about the cluster',
    rule: seen,
    priority: 'P1',
    async run(ground) {
      const name = await ground.topic()
      const wire = await ground.node()
      const { topicId } = await topicMetadata(wire, name)
      const answer = await wire.call('Metadata', 11, { topics: [{ name: '', topicId }, { name }] })
      expect(answer.topics.map(({ errorCode }) => errorCode)).toEqual([42, 42])
      expect(answer).toMatchObject({ brokers: [], clusterId: null, controllerId: -1 })
    },
  },
  {
    id: 'metadata/authorized-operations',
    api: 'Metadata',
    when: 'operations are asked for and not asked for, in the versions 8, 10 and 12; nobody is restricted',
    expect: `${topicOperations} for topics, ${clusterOperations} for the cluster until 10; else −2³¹`,
    rule: 'KIP-430',
    priority: 'P1',
    async run(ground) {
      const name = await ground.topic()
      const wire = await ground.node()
      for (const version of [8, 10, 12]) {
        for (const isAsked of [true, false]) {
          const answer = await wire.call('Metadata', version, {
            topics: [{ name }],
            includeTopicAuthorizedOperations: isAsked,
            includeClusterAuthorizedOperations: isAsked,
          })
          expect(answer.topics[0]?.topicAuthorizedOperations).toBe(isAsked ? topicOperations : nobodyAsked)
          const ofCluster = isAsked && version <= 10 ? clusterOperations : nobodyAsked
          expect(answer.clusterAuthorizedOperations).toBe(ofCluster)
        }
      }
    },
  },
  {
    id: 'metadata/created-topics-have-default-counts',
    api: 'Metadata',
    when: 'a topic is created because it was asked for, in version 0',
    expect: '3 or 5 at first, then one partition',
    rule: 'auto.create.topics.enable, num.partitions',
    priority: 'P0',
    async run(ground) {
      const wire = await ground.node()
      const name = ground.name('made')
      await wire.call('Metadata', 0, { topics: [{ name }] })
      await untilPartitions(ground, wire, name, 1)
    },
  },
  {
    id: 'metadata/three-nodes-agree',
    api: 'Metadata',
    when: 'each of three nodes is asked for a topic',
    expect: 'the same cluster id, nodes, leaders and replicas from each',
    rule: 'protocol guide: Metadata',
    priority: 'P0',
    nodes: 3,
    async run(ground) {
      const name = await ground.topic(6)
      const seenBy = await Promise.all(
        [1, 2, 3].map(async (nodeId) => {
          const wire = await ground.node(nodeId)
          const answer = await wire.call('Metadata', 12, { topics: [{ name }] })
          const nodes = answer.brokers.map((node) => `${node.nodeId} ${node.host}:${node.port}`).toSorted()
          const partitions = answer.topics[0]?.partitions.map((each) => [each.partitionIndex, each.leaderId]) ?? []
          return { clusterId: answer.clusterId, nodes, partitions: Object.fromEntries(partitions) as object }
        }),
      )
      expect(seenBy[0]?.nodes.length).toBe(3)
      expect(seenBy[1]).toEqual(seenBy[0])
      expect(seenBy[2]).toEqual(seenBy[0])
    },
  },
]

const cluster: readonly Row[] = [
  {
    id: 'describe-cluster/every-version',
    api: 'DescribeCluster',
    when: 'asked in each of the versions 0 to 2',
    expect: '0 with the id and the nodes that Metadata shows; nobody is fenced',
    rule: 'KIP-700, KIP-919, KIP-1073',
    priority: 'P0',
    async run(ground) {
      const wire = await ground.node()
      const { brokers, clusterId } = await wire.call('Metadata', 12, { topics: [] })
      for (const version of [0, 1, 2]) {
        const answer = await wire.call('DescribeCluster', version, { includeFencedBrokers: version >= 2 })
        expect(answer).toMatchObject({ errorCode: 0, errorMessage: null, clusterId, endpointType: 1 })
        const nodes = brokers.map(({ nodeId, host, port, rack }) => ({
          brokerId: nodeId,
          host,
          port,
          rack,
          isFenced: false,
        }))
        const byId = (left: { brokerId: number }, right: { brokerId: number }): number => left.brokerId - right.brokerId
        expect(answer.brokers.toSorted(byId)).toEqual(nodes.toSorted(byId))
        expect(nodes.map(({ brokerId }) => brokerId)).toContain(answer.controllerId)
      }
    },
  },
  {
    id: 'describe-cluster/authorized-operations',
    api: 'DescribeCluster',
    when: 'operations are asked for and not asked for; nobody is restricted',
    expect: `${clusterOperations}; −2³¹`,
    rule: 'KIP-430',
    priority: 'P1',
    async run(ground) {
      const wire = await ground.node()
      const asked = await wire.call('DescribeCluster', 1, { includeClusterAuthorizedOperations: true })
      expect(asked.clusterAuthorizedOperations).toBe(clusterOperations)
      const notAsked = await wire.call('DescribeCluster', 1, {})
      expect(notAsked.clusterAuthorizedOperations).toBe(nobodyAsked)
    },
  },
  {
    id: 'describe-cluster/wrong-endpoint',
    api: 'DescribeCluster',
    when: 'a broker is asked for controllers, or for something that does not exist',
    expect: '114 MISMATCHED_ENDPOINT_TYPE; 115 UNSUPPORTED_ENDPOINT_TYPE',
    rule: 'KIP-919',
    priority: 'P1',
    async run(ground) {
      const wire = await ground.node()
      const controllers = await wire.call('DescribeCluster', 1, { endpointType: 2 })
      expect(controllers).toMatchObject({ errorCode: 114, clusterId: '', controllerId: -1, brokers: [] })
      const nothing = await wire.call('DescribeCluster', 1, { endpointType: 3 })
      expect(nothing).toMatchObject({ errorCode: 115, brokers: [] })
    },
  },
]

type Page = DecodedResponse<'DescribeTopicPartitions'>
type Cursor = { readonly topicName: string; readonly partitionIndex: number }

/** Three topics in alphabetical order, with three, one and two partitions. */
async function threeTopics(ground: Ground): Promise<{ wire: Wire; names: readonly [string, string, string] }> {
  const prefix = ground.name('pages')
  const names = [`${prefix}-a`, `${prefix}-b`, `${prefix}-c`] as const
  const wire = await ground.node()
  await createTopics(
    wire,
    names.map((name, index) => ({ name, numPartitions: [3, 1, 2][index] })),
  )
  for (const [index, name] of names.entries()) await untilPartitions(ground, wire, name, [3, 1, 2][index] ?? 0)
  return { wire, names }
}

async function page(
  wire: Wire,
  names: readonly string[],
  limit: number,
  cursor: Cursor | null = null,
): Promise<{
  readonly topics: readonly (readonly [string | null, readonly number[]])[]
  readonly next: Cursor | null
}> {
  const answer = await ask(wire, names, limit, cursor)
  expect(answer.topics.map(({ errorCode }) => errorCode)).toEqual(answer.topics.map(() => 0))
  const topics = answer.topics.map(
    ({ name, partitions }) => [name, partitions.map(({ partitionIndex }) => partitionIndex)] as const,
  )
  return { topics, next: answer.nextCursor }
}

function ask(wire: Wire, names: readonly string[], limit = 2_000, cursor: Cursor | null = null): Promise<Page> {
  const topics = names.map((name) => ({ name }))
  return wire.call('DescribeTopicPartitions', 0, { topics, responsePartitionLimit: limit, cursor })
}

const pages: readonly Row[] = [
  {
    id: 'describe-topic-partitions/topics-by-name',
    api: 'DescribeTopicPartitions',
    when: 'three topics are asked for in no order, one of them twice, and one that does not exist',
    expect: 'each once with its partitions; 3 UNKNOWN_TOPIC_OR_PARTITION; no cursor',
    rule: 'KIP-966',
    priority: 'P1',
    async run(ground) {
      const { wire, names } = await threeTopics(ground)
      const [a, b, c] = names
      const { topicId } = await topicMetadata(wire, b)
      const answer = await ask(wire, [c, b, `${c}-missing`, a, b])
      expect(answer.nextCursor).toBeNull()
      const byName = new Map(answer.topics.map((topic) => [topic.name, topic]))
      expect(byName.get(`${c}-missing`)).toMatchObject({ errorCode: 3, partitions: [], topicId: nilUuid })
      expect(answer.topics.length).toBe(4)
      expect(byName.get(b)).toMatchObject({
        errorCode: 0,
        topicId,
        isInternal: false,
        topicAuthorizedOperations: topicOperations,
        partitions: [{ errorCode: 0, partitionIndex: 0, leaderEpoch: 0, eligibleLeaderReplicas: [], lastKnownElr: [] }],
      })
      expect(byName.get(a)?.partitions.length).toBe(3)
    },
  },
  {
    id: 'describe-topic-partitions/pages',
    api: 'DescribeTopicPartitions',
    when: 'six partitions of three topics are read two at a time',
    expect: 'pages by name and partition; each cursor says where the next begins; none at the end',
    rule: 'KIP-966',
    priority: 'P1',
    async run(ground) {
      const { wire, names } = await threeTopics(ground)
      const [a, b, c] = names
      const first = await page(wire, names, 2)
      expect(first).toEqual({ topics: [[a, [0, 1]]], next: { topicName: a, partitionIndex: 2 } })
      const second = await page(wire, names, 2, first.next)
      expect(second.topics).toEqual([
        [a, [2]],
        [b, [0]],
      ])
      expect(second.next).toEqual({ topicName: c, partitionIndex: 0 })
      expect(await page(wire, names, 2, second.next)).toEqual({ topics: [[c, [0, 1]]], next: null })
    },
  },
  {
    id: 'describe-topic-partitions/limit-below-one',
    api: 'DescribeTopicPartitions',
    when: 'the limit is 0 or −1',
    expect: 'one partition, and a cursor',
    rule: seen,
    priority: 'P1',
    async run(ground) {
      const { wire, names } = await threeTopics(ground)
      const [a] = names
      for (const limit of [0, -1]) {
        expect(await page(wire, names, limit)).toEqual({
          topics: [[a, [0]]],
          next: { topicName: a, partitionIndex: 1 },
        })
      }
    },
  },
  {
    id: 'describe-topic-partitions/wrong-cursor',
    api: 'DescribeTopicPartitions',
    when: 'the cursor names a topic that was not asked for, or a partition below 0',
    expect: '42 INVALID_REQUEST for each topic',
    rule: seen,
    priority: 'P1',
    async run(ground) {
      const { wire, names } = await threeTopics(ground)
      const [a, b, c] = names
      const wrong = [
        { topicName: `${a}a`, partitionIndex: 0 },
        { topicName: `${c}z`, partitionIndex: 0 },
        { topicName: b, partitionIndex: -1 },
      ]
      for (const cursor of wrong) {
        const { topics } = await ask(wire, names, 2_000, cursor)
        expect(topics.map(({ errorCode }) => errorCode)).toEqual([42, 42, 42])
      }
    },
  },
  {
    id: 'describe-topic-partitions/cursor-behind-the-end',
    api: 'DescribeTopicPartitions',
    when: 'the cursor names a partition behind the last one',
    expect: 'that topic without partitions, then the others',
    rule: seen,
    priority: 'P1',
    async run(ground) {
      const { wire, names } = await threeTopics(ground)
      const [a, b] = names
      const found = await page(wire, [a, b], 2_000, { topicName: a, partitionIndex: 7 })
      expect(found.topics).toEqual([
        [a, []],
        [b, [0]],
      ])
    },
  },
  {
    id: 'describe-topic-partitions/illegal-name',
    api: 'DescribeTopicPartitions',
    when: 'a name is not legal, beside one that is',
    expect: '17 INVALID_TOPIC_EXCEPTION for it, 0 for the other',
    rule: seen,
    priority: 'P1',
    async run(ground) {
      const { wire, names } = await threeTopics(ground)
      const { topics } = await ask(wire, ['a b', names[1]])
      const codes = Object.fromEntries(topics.map(({ name, errorCode }) => [name, errorCode]))
      expect(codes).toEqual({ 'a b': 17, [names[1]]: 0 })
    },
  },
  {
    id: 'describe-topic-partitions/no-names-are-all',
    api: 'DescribeTopicPartitions',
    when: 'no topic is named, and the cursor names one',
    expect: 'all topics from there on',
    rule: 'KIP-966',
    priority: 'P1',
    async run(ground) {
      const { wire, names } = await threeTopics(ground)
      const [a, b, c] = names
      const { topics } = await ask(wire, [], 2_000, { topicName: b, partitionIndex: 0 })
      const shown = topics.map(({ name }) => name)
      expect(shown).not.toContain(a)
      expect(shown.slice(0, 2)).toEqual([b, c])
    },
  },
]

export const metadataRows: readonly Row[] = [...metadata, ...cluster, ...pages]
