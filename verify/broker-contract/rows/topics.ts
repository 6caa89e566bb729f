/** Rows about CreateTopics. */

import { expect } from 'vitest'
import { type Row } from '../row.ts'
import {
  createTopic,
  createTopics,
  describeConfigs,
  nilUuid,
  resource,
  topicMetadata,
  untilPartitions,
  type WantedTopic,
} from '../steps/admin.ts'

const guide = 'protocol guide: CreateTopics'
const seen = 'seen on 4.3.1'
const byHand = { numPartitions: -1, replicationFactor: -1 } as const

type Refused = {
  readonly id: string
  readonly when: string
  readonly expect: string
  readonly code: number
  readonly topic: Partial<WantedTopic>
}

const assignments = (...brokers: readonly (readonly [index: number, brokerIds: readonly number[]])[]): WantedTopic => ({
  ...byHand,
  assignments: brokers.map(([partitionIndex, brokerIds]) => ({ partitionIndex, brokerIds })),
})
const config = (name: string, value: string | null): Partial<WantedTopic> => ({ configs: [{ name, value }] })

const invalidName = '17 INVALID_TOPIC_EXCEPTION'
const invalidPartitions = '37 INVALID_PARTITIONS'
const invalidFactor = '38 INVALID_REPLICATION_FACTOR'
const invalidAssignment = '39 INVALID_REPLICA_ASSIGNMENT'
const invalidConfig = '40 INVALID_CONFIG'
const invalidRequest = '42 INVALID_REQUEST'

/** A legal new topic but for one thing. */
const refused: readonly Refused[] = [
  { id: 'empty-name', when: 'the name is empty', expect: invalidName, code: 17, topic: { name: '' } },
  { id: 'name-of-dots', when: 'the name is `..`', expect: invalidName, code: 17, topic: { name: '..' } },
  { id: 'name-with-a-slash', when: 'the name has a slash', expect: invalidName, code: 17, topic: { name: 'a/b' } },
  {
    id: 'name-too-long',
    when: 'the name has 250 characters',
    expect: invalidName,
    code: 17,
    topic: { name: 'x'.repeat(250) },
  },
  {
    id: 'metadata-topic',
    when: 'the name is `__cluster_metadata`',
    expect: invalidRequest,
    code: 42,
    topic: { name: '__cluster_metadata' },
  },
  { id: 'no-partitions', when: '0 partitions', expect: invalidPartitions, code: 37, topic: { numPartitions: 0 } },
  {
    id: 'negative-partitions',
    when: '−2 partitions',
    expect: invalidPartitions,
    code: 37,
    topic: { numPartitions: -2 },
  },
  {
    id: 'too-many-partitions',
    when: '20,000 partitions',
    expect: '44 POLICY_VIOLATION',
    code: 44,
    topic: { numPartitions: 20_000 },
  },
  { id: 'no-replicas', when: 'replication factor 0', expect: invalidFactor, code: 38, topic: { replicationFactor: 0 } },
  {
    id: 'more-replicas-than-nodes',
    when: 'replication factor 4 on three nodes or one',
    expect: invalidFactor,
    code: 38,
    topic: { replicationFactor: 4 },
  },
  {
    id: 'replicas-before-partitions',
    when: 'neither replication factor nor partitions are legal',
    expect: invalidFactor,
    code: 38,
    topic: { replicationFactor: 0, numPartitions: 0 },
  },
  {
    id: 'assignment-and-partitions',
    when: 'replicas are assigned and partitions counted',
    expect: invalidRequest,
    code: 42,
    topic: { ...assignments([0, [1]]), numPartitions: 1 },
  },
  {
    id: 'assignment-and-factor',
    when: 'replicas are assigned and counted',
    expect: invalidRequest,
    code: 42,
    topic: { ...assignments([0, [1]]), replicationFactor: 1 },
  },
  {
    id: 'assignment-with-a-gap',
    when: 'partitions 0 and 2 are assigned',
    expect: invalidAssignment,
    code: 39,
    topic: assignments([0, [1]], [2, [1]]),
  },
  {
    id: 'assignment-twice',
    when: 'partition 0 is assigned twice',
    expect: invalidAssignment,
    code: 39,
    topic: assignments([0, [1]], [0, [1]]),
  },
  {
    id: 'assignment-of-nothing',
    when: 'a partition is assigned no node',
    expect: invalidAssignment,
    code: 39,
    topic: assignments([0, []]),
  },
  {
    id: 'assignment-to-nobody',
    when: 'a partition is assigned a node that does not exist',
    expect: invalidAssignment,
    code: 39,
    topic: assignments([0, [99]]),
  },
  {
    id: 'assignment-of-a-node-twice',
    when: 'a partition is assigned the same node twice',
    expect: invalidAssignment,
    code: 39,
    topic: assignments([0, [1, 1]]),
  },
  {
    id: 'unknown-config',
    when: 'a setting has a name that nobody knows',
    expect: invalidConfig,
    code: 40,
    topic: config('no.such.setting', '1'),
  },
  {
    id: 'null-config',
    when: 'a setting has no value',
    expect: invalidConfig,
    code: 40,
    topic: config('retention.ms', null),
  },
  {
    id: 'config-out-of-bounds',
    when: '`segment.bytes` is below 1 MiB',
    expect: invalidConfig,
    code: 40,
    topic: config('segment.bytes', '1048575'),
  },
  {
    id: 'config-before-replicas',
    when: 'neither a setting nor the replication factor is legal',
    expect: invalidConfig,
    code: 40,
    topic: { ...config('no.such.setting', '1'), replicationFactor: 0 },
  },
]

export const topicRows: readonly Row[] = [
  ...refused.map(({ id, when, expect: expected, code, topic }): Row => ({
    id: `create-topics/${id}`,
    api: 'CreateTopics',
    when,
    expect: expected,
    rule: seen,
    priority: 'P0',
    async run(ground) {
      const wire = await ground.node()
      const name = ground.name('refused')
      const created = await createTopic(wire, { name, ...topic })
      expect(created).toMatchObject({ errorCode: code, topicId: nilUuid, numPartitions: -1, replicationFactor: -1 })
      expect(created.errorMessage).toBeTruthy()
      expect(await topicMetadata(wire, name)).toMatchObject({ errorCode: 3 })
    },
  })),
  {
    id: 'create-topics/every-version',
    api: 'CreateTopics',
    when: 'a topic is created in each of the versions 2 to 7',
    expect: '0; counts and settings in the answer from 5, the id that Metadata shows from 7',
    rule: guide,
    priority: 'P0',
    async run(ground) {
      const wire = await ground.node()
      for (const version of [2, 3, 4, 5, 6, 7]) {
        const name = ground.name('made')
        const created = await createTopic(wire, { name, numPartitions: 2 }, { version })
        expect(created).toMatchObject({ name, errorCode: 0, errorMessage: null })
        expect(created.numPartitions).toBe(version >= 5 ? 2 : -1)
        const shown = await untilPartitions(ground, wire, name, 2)
        expect(created.topicId).toBe(version >= 7 ? shown.topicId : nilUuid)
      }
    },
  },
  {
    id: 'create-topics/default-counts',
    api: 'CreateTopics',
    when: 'partitions and replication factor are −1',
    expect: '0 with `num.partitions` and `default.replication.factor` of the brokers',
    rule: 'KIP-464',
    priority: 'P0',
    async run(ground) {
      const wire = await ground.node()
      const names = ['default.replication.factor', 'num.partitions']
      const { configs } = await describeConfigs(wire, resource.broker, String(wire.nodeId), names)
      const value = (name: string): number => Number(configs.find((each) => each.name === name)?.value)
      const created = await createTopic(wire, { name: ground.name('made'), ...byHand })
      expect(created).toMatchObject({ errorCode: 0, numPartitions: value('num.partitions') })
      expect(created.replicationFactor).toBe(value('default.replication.factor'))
    },
  },
  {
    id: 'create-topics/exists',
    api: 'CreateTopics',
    when: 'a topic of that name exists, also if the request is wrong otherwise or only validates',
    expect: '36 TOPIC_ALREADY_EXISTS',
    rule: guide,
    priority: 'P0',
    async run(ground) {
      const name = await ground.topic()
      const wire = await ground.node()
      expect(await createTopic(wire, { name })).toMatchObject({ errorCode: 36, topicId: nilUuid })
      expect(await createTopic(wire, { name, numPartitions: 0 })).toMatchObject({ errorCode: 36 })
      expect(await createTopic(wire, { name }, { validateOnly: true })).toMatchObject({ errorCode: 36 })
    },
  },
  {
    id: 'create-topics/name-collides',
    api: 'CreateTopics',
    when: 'a topic exists whose name differs only in `.` and `_`',
    expect: '17 INVALID_TOPIC_EXCEPTION',
    rule: seen,
    priority: 'P0',
    async run(ground) {
      const name = ground.name('dots')
      const wire = await ground.node()
      expect(await createTopic(wire, { name: `${name}.a` })).toMatchObject({ errorCode: 0 })
      expect(await createTopic(wire, { name: `${name}_a` })).toMatchObject({ errorCode: 17 })
    },
  },
  {
    id: 'create-topics/names-collide-within-a-request',
    api: 'CreateTopics',
    when: 'two new topics of one request differ only in `.` and `_`',
    expect: '0 for both: only those that exist already count',
    rule: seen,
    priority: 'P1',
    async run(ground) {
      const name = ground.name('dots')
      const wire = await ground.node()
      const created = await createTopics(wire, [{ name: `${name}.a` }, { name: `${name}_a` }])
      expect(created.map(({ errorCode }) => errorCode)).toEqual([0, 0])
    },
  },
  {
    id: 'create-topics/named-twice',
    api: 'CreateTopics',
    when: 'a topic is named twice in one request, beside another one',
    expect: '42 INVALID_REQUEST once, and it is not created; the other one is',
    rule: seen,
    priority: 'P0',
    async run(ground) {
      const [twice, once] = [ground.name('twice'), ground.name('once')]
      const wire = await ground.node()
      const created = await createTopics(wire, [{ name: twice }, { name: twice }, { name: once }])
      const codes = Object.fromEntries(created.map(({ name, errorCode }) => [name, errorCode]))
      expect([created.length, codes]).toEqual([2, { [twice]: 42, [once]: 0 }])
      expect(await topicMetadata(wire, twice)).toMatchObject({ errorCode: 3 })
    },
  },
  {
    id: 'create-topics/validate-only',
    api: 'CreateTopics',
    when: 'a legal topic is only validated',
    expect: '0 with counts, settings and a made-up id; the topic does not exist',
    rule: guide,
    priority: 'P0',
    async run(ground) {
      const wire = await ground.node()
      const name = ground.name('validated')
      const created = await createTopic(wire, { name, numPartitions: 3 }, { validateOnly: true })
      expect(created).toMatchObject({ errorCode: 0, numPartitions: 3, replicationFactor: 1 })
      expect(created.topicId).not.toBe(nilUuid)
      expect(created.configs?.length).toBeGreaterThan(30)
      expect(await topicMetadata(wire, name)).toMatchObject({ errorCode: 3 })
    },
  },
  {
    id: 'create-topics/tells-settings',
    api: 'CreateTopics',
    when: 'a topic is created with settings that are written oddly',
    expect: 'the answer has them as given, in alphabetical order with all others; DescribeConfigs as Kafka writes them',
    rule: 'KIP-525; seen on 4.3.1',
    priority: 'P1',
    async run(ground) {
      const wire = await ground.node()
      const configs = [
        { name: 'retention.ms', value: ' 5 ' },
        { name: 'cleanup.policy', value: ' compact , delete ' },
        { name: 'preallocate', value: 'TRUE' },
        { name: 'min.cleanable.dirty.ratio', value: '1' },
      ]
      const name = ground.name('odd')
      const created = await createTopic(wire, { name, configs })
      const told = created.configs ?? []
      expect(told.map((each) => each.name)).toEqual(told.map((each) => each.name).toSorted())
      const own = told.filter(({ configSource }) => configSource === 1)
      expect(Object.fromEntries(own.map((each) => [each.name, each.value]))).toEqual(
        Object.fromEntries(configs.map((each) => [each.name, each.value])),
      )
      await untilPartitions(ground, wire, name, 1)
      const described = await describeConfigs(
        wire,
        resource.topic,
        name,
        own.map((each) => each.name),
      )
      expect(Object.fromEntries(described.configs.map((each) => [each.name, each.value]))).toEqual({
        'retention.ms': '5',
        'cleanup.policy': 'compact,delete',
        preallocate: 'true',
        'min.cleanable.dirty.ratio': '1.0',
      })
    },
  },
  {
    id: 'create-topics/last-value-of-a-setting-counts',
    api: 'CreateTopics',
    when: 'a setting is given twice',
    expect: '0; the last value counts',
    rule: seen,
    priority: 'P1',
    async run(ground) {
      const wire = await ground.node()
      const configs = ['1', '2'].map((value) => ({ name: 'retention.ms', value }))
      const created = await createTopic(wire, { name: ground.name('twice'), configs })
      expect(created.errorCode).toBe(0)
      expect(created.configs?.find(({ name }) => name === 'retention.ms')?.value).toBe('2')
    },
  },
  {
    id: 'create-topics/by-hand',
    api: 'CreateTopics',
    when: 'replicas of two partitions are assigned, in no order',
    expect: '0 with the counts that follow; the first replica leads',
    rule: guide,
    priority: 'P0',
    nodes: 3,
    async run(ground) {
      const wire = await ground.node()
      const name = ground.name('assigned')
      const created = await createTopic(wire, { name, ...assignments([1, [3, 1]], [0, [2, 3]]) })
      expect(created).toMatchObject({ errorCode: 0, numPartitions: 2, replicationFactor: 2 })
      await untilPartitions(ground, wire, name, 2)
      await ground.until(async () => {
        const { partitions } = await topicMetadata(wire, name)
        return partitions.every(({ isrNodes }) => isrNodes.length === 2)
      }, 'both replicas are in sync')
      const { partitions } = await topicMetadata(wire, name)
      const shown = partitions.toSorted((left, right) => left.partitionIndex - right.partitionIndex)
      expect(shown).toMatchObject([
        { partitionIndex: 0, leaderId: 2, replicaNodes: [2, 3] },
        { partitionIndex: 1, leaderId: 3, replicaNodes: [3, 1] },
      ])
    },
  },
  {
    id: 'create-topics/by-hand-unequal',
    api: 'CreateTopics',
    when: 'one partition is assigned two replicas, another one',
    expect: invalidAssignment,
    rule: seen,
    priority: 'P1',
    nodes: 3,
    async run(ground) {
      const wire = await ground.node()
      const created = await createTopic(wire, { name: ground.name('refused'), ...assignments([0, [1, 2]], [1, [3]]) })
      expect(created.errorCode).toBe(39)
    },
  },
  {
    id: 'create-topics/three-replicas',
    api: 'CreateTopics',
    when: 'replication factor 3 on three nodes',
    expect: 'each partition is on all three, is led by the first of its replicas, and all are in sync',
    rule: guide,
    priority: 'P0',
    nodes: 3,
    async run(ground) {
      const wire = await ground.node()
      const name = ground.name('replicated')
      expect(await createTopic(wire, { name, numPartitions: 3, replicationFactor: 3 })).toMatchObject({ errorCode: 0 })
      await untilPartitions(ground, wire, name, 3)
      const { partitions } = await topicMetadata(wire, name)
      for (const { leaderId, replicaNodes, isrNodes } of partitions) {
        expect(leaderId).toBe(replicaNodes[0])
        expect(new Set(replicaNodes)).toEqual(new Set([1, 2, 3]))
        expect(new Set(isrNodes)).toEqual(new Set([1, 2, 3]))
      }
      // The leaders are spread.
      expect(new Set(partitions.map(({ leaderId }) => leaderId)).size).toBe(3)
    },
  },
  {
    id: 'create-topics/every-node-takes-it',
    api: 'CreateTopics',
    when: 'each of three nodes is asked',
    expect: '0 from each: there is no NOT_CONTROLLER',
    rule: 'KIP-590',
    priority: 'P0',
    nodes: 3,
    async run(ground) {
      for (const nodeId of [1, 2, 3]) {
        const wire = await ground.node(nodeId)
        const name = ground.name('made')
        expect(await createTopic(wire, { name })).toMatchObject({ errorCode: 0 })
        await untilPartitions(ground, await ground.node((nodeId % 3) + 1), name, 1)
      }
    },
  },
]
