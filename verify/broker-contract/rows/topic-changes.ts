/** Rows about DeleteTopics and CreatePartitions. */

import { expect } from 'vitest'
import { type Ground, type Row, type Wire } from '../row.ts'
import {
  createPartitions,
  createTopic,
  deleteTopics,
  nilUuid,
  produceTo,
  topicMetadata,
  untilPartitions,
  type WantedPartitions,
} from '../steps/admin.ts'

const deleteGuide = 'protocol guide: DeleteTopics'
const partitionsGuide = 'protocol guide: CreatePartitions; KIP-195'
const seen = 'seen on 4.3.1'
const unknownUuid = '00000000-0000-4000-8000-000000000001'
const timeoutMs = 30_000

async function topicWithId(ground: Ground): Promise<{ wire: Wire; name: string; topicId: string }> {
  const name = await ground.topic()
  const wire = await ground.node()
  return { wire, name, topicId: (await topicMetadata(wire, name)).topicId }
}

const deletions: readonly Row[] = [
  {
    id: 'delete-topics/every-version',
    api: 'DeleteTopics',
    when: 'a topic and one that does not exist are deleted in each of the versions 1 to 6',
    expect: '0 and 3 UNKNOWN_TOPIC_OR_PARTITION; a message from 5, the id from 6',
    rule: deleteGuide,
    priority: 'P0',
    async run(ground) {
      const missing = ground.name('missing')
      for (const version of [1, 2, 3, 4, 5, 6]) {
        const { wire, name, topicId } = await topicWithId(ground)
        const topicNames = [name, missing]
        const topics = topicNames.map((each) => ({ name: each, topicId: nilUuid }))
        const request = version >= 6 ? { topics, timeoutMs } : { topicNames, timeoutMs }
        const { responses } = await wire.call('DeleteTopics', version, request)
        const deleted = responses.find((each) => each.name === name)
        const refused = responses.find((each) => each.name === missing)
        expect(deleted).toMatchObject({ errorCode: 0, topicId: version >= 6 ? topicId : nilUuid })
        expect(refused).toMatchObject({ errorCode: 3 })
        expect(refused?.errorMessage === null).toBe(version < 5)
        await untilPartitions(ground, wire, name, 0)
      }
    },
  },
  {
    id: 'delete-topics/by-id',
    api: 'DeleteTopics',
    when: 'a topic is named by its id, and one by an id that nobody has',
    expect: '0 with the name; 100 UNKNOWN_TOPIC_ID without one',
    rule: 'KIP-516',
    priority: 'P0',
    async run(ground) {
      const { wire, name, topicId } = await topicWithId(ground)
      const responses = await deleteTopics(wire, [{ topicId }, { topicId: unknownUuid }])
      expect(responses.find((each) => each.topicId === topicId)).toMatchObject({ name, errorCode: 0 })
      expect(responses.find((each) => each.topicId === unknownUuid)).toMatchObject({ name: null, errorCode: 100 })
      await untilPartitions(ground, wire, name, 0)
    },
  },
  {
    id: 'delete-topics/name-and-id',
    api: 'DeleteTopics',
    when: 'a topic is named by its name and its id at once',
    expect: '42 INVALID_REQUEST; the topic stays',
    rule: seen,
    priority: 'P1',
    async run(ground) {
      const { wire, name, topicId } = await topicWithId(ground)
      expect(await deleteTopics(wire, [{ name, topicId }])).toMatchObject([{ name, topicId, errorCode: 42 }])
      expect(await topicMetadata(wire, name)).toMatchObject({ errorCode: 0 })
    },
  },
  {
    id: 'delete-topics/neither-name-nor-id',
    api: 'DeleteTopics',
    when: 'a topic has neither a name nor an id',
    expect: '42 INVALID_REQUEST',
    rule: seen,
    priority: 'P1',
    async run(ground) {
      expect(await deleteTopics(await ground.node(), [{}])).toMatchObject([{ name: null, errorCode: 42 }])
    },
  },
  {
    id: 'delete-topics/named-twice',
    api: 'DeleteTopics',
    when: 'a topic is named twice: by name, by id, by both',
    expect: '42 INVALID_REQUEST once each; the topic stays',
    rule: seen,
    priority: 'P1',
    async run(ground) {
      const { wire, name, topicId } = await topicWithId(ground)
      const ways = [
        [{ name }, { name }],
        [{ topicId }, { topicId }],
        [{ name }, { topicId }],
      ]
      for (const way of ways) {
        const codes = (await deleteTopics(wire, way)).map(({ errorCode }) => errorCode)
        expect(codes).toEqual([42])
      }
      expect(await topicMetadata(wire, name)).toMatchObject({ errorCode: 0 })
    },
  },
  {
    id: 'delete-topics/takes-everything-with-it',
    api: 'DeleteTopics',
    when: 'a topic with records is deleted and made again',
    expect: 'Produce answers 3 in between; the new topic has another id and begins at 0',
    rule: 'KIP-516',
    priority: 'P0',
    async run(ground) {
      const { wire, name, topicId } = await topicWithId(ground)
      const leader = await ground.leader(name)
      expect(await produceTo(leader, name, [{ value: 'a' }])).toMatchObject({ errorCode: 0, baseOffset: 0 })
      expect(await deleteTopics(wire, [{ name }])).toMatchObject([{ errorCode: 0 }])
      await ground.until(async () => {
        const { errorCode } = await produceTo(leader, name, [{ value: 'b' }])
        expect([0, 3, 6]).toContain(errorCode)
        return errorCode === 3
      }, 'the leader has forgotten the topic')
      expect(await createTopic(wire, { name })).toMatchObject({ errorCode: 0 })
      const again = await untilPartitions(ground, wire, name, 1)
      expect(again.topicId).not.toBe(topicId)
      const next = await ground.leader(name)
      await ground.until(async () => {
        const { errorCode, baseOffset } = await produceTo(next, name, [{ value: 'c' }])
        expect([0, 3, 6]).toContain(errorCode)
        if (errorCode === 0) expect(baseOffset).toBe(0)
        return errorCode === 0
      }, 'the leader knows the new topic')
    },
  },
  {
    id: 'delete-topics/every-node-takes-it',
    api: 'DeleteTopics',
    when: 'each of three nodes is asked',
    expect: '0 from each, and all of them forget the topic',
    rule: 'KIP-590',
    priority: 'P0',
    nodes: 3,
    async run(ground) {
      for (const nodeId of [1, 2, 3]) {
        const name = await ground.topic()
        expect(await deleteTopics(await ground.node(nodeId), [{ name }])).toMatchObject([{ errorCode: 0 }])
        await untilPartitions(ground, await ground.node((nodeId % 3) + 1), name, 0)
      }
    },
  },
]

type Refused = {
  readonly id: string
  readonly when: string
  readonly code: number
  readonly expect: string
  readonly topic: Omit<WantedPartitions, 'name'>
}

const to = (brokerIds: readonly number[]): { readonly brokerIds: readonly number[] } => ({ brokerIds })
const invalidPartitions = '37 INVALID_PARTITIONS'
const invalidAssignment = '39 INVALID_REPLICA_ASSIGNMENT'

/** Asked of a topic of two partitions. */
const refused: readonly Refused[] = [
  {
    id: 'same-count',
    when: 'the topic has that many already',
    code: 37,
    expect: invalidPartitions,
    topic: { count: 2 },
  },
  { id: 'fewer', when: 'the topic has more', code: 37, expect: invalidPartitions, topic: { count: 1 } },
  { id: 'negative-count', when: 'the count is −1', code: 37, expect: invalidPartitions, topic: { count: -1 } },
  {
    id: 'too-few-assignments',
    when: 'two partitions are added and one is assigned',
    code: 39,
    expect: invalidAssignment,
    topic: { count: 4, assignments: [to([1])] },
  },
  {
    id: 'too-many-assignments',
    when: 'one partition is added and two are assigned',
    code: 39,
    expect: invalidAssignment,
    topic: { count: 3, assignments: [to([1]), to([1])] },
  },
  {
    id: 'assignment-of-nothing',
    when: 'a partition is assigned no node',
    code: 39,
    expect: invalidAssignment,
    topic: { count: 3, assignments: [to([])] },
  },
  {
    id: 'assignment-to-nobody',
    when: 'a partition is assigned a node that does not exist',
    code: 39,
    expect: invalidAssignment,
    topic: { count: 3, assignments: [to([99])] },
  },
  {
    id: 'assignment-of-a-node-twice',
    when: 'a partition is assigned the same node twice',
    code: 39,
    expect: invalidAssignment,
    topic: { count: 3, assignments: [to([1, 1])] },
  },
]

const additions: readonly Row[] = [
  ...refused.map(({ id, when, code, expect: expected, topic }): Row => ({
    id: `create-partitions/${id}`,
    api: 'CreatePartitions',
    when,
    expect: expected,
    rule: seen,
    priority: 'P0',
    async run(ground) {
      const name = await ground.topic(2)
      const wire = await ground.node()
      expect(await createPartitions(wire, [{ name, ...topic }])).toMatchObject([{ name, errorCode: code }])
      expect((await topicMetadata(wire, name)).partitions.length).toBe(2)
    },
  })),
  {
    id: 'create-partitions/every-version',
    api: 'CreatePartitions',
    when: 'a topic is made wider in each of the versions 0 to 3',
    expect: '0; Metadata shows the new partitions',
    rule: partitionsGuide,
    priority: 'P0',
    async run(ground) {
      const name = await ground.topic(1)
      const wire = await ground.node()
      for (const version of [0, 1, 2, 3]) {
        const count = version + 2
        const results = await createPartitions(wire, [{ name, count }], { version })
        expect(results).toEqual([{ name, errorCode: 0, errorMessage: null }])
        await untilPartitions(ground, wire, name, count)
      }
    },
  },
  {
    id: 'create-partitions/take-records',
    api: 'CreatePartitions',
    when: 'a topic with records is made wider',
    expect: 'its old partition keeps them, the new one begins at 0',
    rule: partitionsGuide,
    priority: 'P0',
    async run(ground) {
      const name = await ground.topic(1)
      const wire = await ground.node()
      const old = await ground.leader(name)
      expect(await produceTo(old, name, [{ value: 'a' }])).toMatchObject({ baseOffset: 0 })
      expect(await createPartitions(wire, [{ name, count: 2 }])).toMatchObject([{ errorCode: 0 }])
      await untilPartitions(ground, wire, name, 2)
      const leader = await ground.leader(name, 1)
      await ground.until(async () => {
        const { errorCode, baseOffset } = await produceTo(leader, name, [{ value: 'b' }], 1)
        expect([0, 3, 6]).toContain(errorCode)
        if (errorCode === 0) expect(baseOffset).toBe(0)
        return errorCode === 0
      }, 'the new partition takes records')
      expect(await produceTo(old, name, [{ value: 'c' }])).toMatchObject({ baseOffset: 1 })
    },
  },
  {
    id: 'create-partitions/unknown-topic',
    api: 'CreatePartitions',
    when: 'the topic does not exist, or has a name that is not legal',
    expect: '3 UNKNOWN_TOPIC_OR_PARTITION for both',
    rule: seen,
    priority: 'P0',
    async run(ground) {
      const wire = await ground.node()
      for (const name of [ground.name('missing'), 'not/legal']) {
        expect(await createPartitions(wire, [{ name, count: 3 }])).toMatchObject([{ name, errorCode: 3 }])
      }
    },
  },
  {
    id: 'create-partitions/named-twice',
    api: 'CreatePartitions',
    when: 'a topic is named twice',
    expect: '42 INVALID_REQUEST once; the topic stays as it is',
    rule: seen,
    priority: 'P1',
    async run(ground) {
      const name = await ground.topic(1)
      const wire = await ground.node()
      const twice = [2, 3].map((count) => ({ name, count }))
      expect(await createPartitions(wire, twice)).toMatchObject([{ name, errorCode: 42 }])
      expect((await topicMetadata(wire, name)).partitions.length).toBe(1)
    },
  },
  {
    id: 'create-partitions/validate-only',
    api: 'CreatePartitions',
    when: 'a legal request only validates',
    expect: '0; the topic stays as it is',
    rule: partitionsGuide,
    priority: 'P0',
    async run(ground) {
      const name = await ground.topic(1)
      const wire = await ground.node()
      const results = await createPartitions(wire, [{ name, count: 3 }], { validateOnly: true })
      expect(results).toMatchObject([{ name, errorCode: 0 }])
      expect((await topicMetadata(wire, name)).partitions.length).toBe(1)
    },
  },
  {
    id: 'create-partitions/by-hand',
    api: 'CreatePartitions',
    when: 'a topic with two replicas is made wider: assigned, not assigned, assigned one replica only',
    expect: '0 as assigned; 0 with two replicas; 39 INVALID_REPLICA_ASSIGNMENT',
    rule: partitionsGuide,
    priority: 'P1',
    nodes: 3,
    async run(ground) {
      const wire = await ground.node()
      const name = ground.name('wide')
      await createTopic(wire, { name, replicationFactor: 2 })
      await untilPartitions(ground, wire, name, 1)
      const assigned = [{ name, count: 2, assignments: [to([3, 1])] }]
      expect(await createPartitions(wire, assigned)).toMatchObject([{ errorCode: 0 }])
      expect(await createPartitions(wire, [{ name, count: 3 }])).toMatchObject([{ errorCode: 0 }])
      const short = [{ name, count: 4, assignments: [to([3])] }]
      expect(await createPartitions(wire, short)).toMatchObject([{ errorCode: 39 }])
      const { partitions } = await untilPartitions(ground, wire, name, 3)
      const replicas = partitions.toSorted((left, right) => left.partitionIndex - right.partitionIndex)
      expect(replicas[1]?.replicaNodes).toEqual([3, 1])
      expect(new Set(replicas[2]?.replicaNodes).size).toBe(2)
    },
  },
]

export const topicChangeRows: readonly Row[] = [...deletions, ...additions]
