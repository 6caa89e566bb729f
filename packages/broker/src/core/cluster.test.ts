import { beforeEach, describe, expect, test } from 'vitest'

import { errorCode, Refusal } from '../protocol/error-code.ts'
import { VirtualClock } from '../testing/virtual-clock.ts'
import { Cluster, type Partition, type TopicSpec } from './cluster.ts'

let cluster: Cluster

beforeEach(() => {
  const nodes = [1, 2, 3].map((nodeId) => ({ nodeId, host: '127.0.0.1', port: 9_000 + nodeId }))
  cluster = new Cluster(nodes, new VirtualClock())
})

function partitionsOf(spec: TopicSpec): readonly Partition[] {
  return cluster.createTopic('orders', spec).partitions
}

function refusalOf(action: () => unknown): number | undefined {
  try {
    action()
  } catch (error) {
    if (error instanceof Refusal) return error.code
    throw error
  }
  return undefined
}

describe('replicas', () => {
  test('are as many as asked for, on nodes of their own, the leader first', () => {
    const partitions = partitionsOf({ partitions: 4, replicationFactor: 2 })
    expect(partitions.map(({ replicas }) => replicas)).toEqual([
      [1, 2],
      [2, 3],
      [3, 1],
      [1, 2],
    ])
    expect(partitions.map(({ leaderId }) => leaderId)).toEqual([1, 2, 3, 1])
  })

  test('are never more than there are nodes', () => {
    const code = refusalOf(() => partitionsOf({ partitions: 1, replicationFactor: 4 }))
    expect(code).toBe(errorCode.invalidReplicationFactor)
    expect(cluster.topic('orders')).toBeUndefined()
  })

  test('of added partitions go on where the topic ended', () => {
    cluster.createTopic('before', 1)
    partitionsOf({ partitions: 1, replicationFactor: 2 })
    const topic = cluster.topic('orders')!
    cluster.addPartitions(topic, cluster.placePartitions(topic, 1, 3, 2))
    expect(topic.partitions.map(({ index, leaderId }) => [index, leaderId])).toEqual([
      [0, 2],
      [1, 3],
      [2, 1],
    ])
  })

  test('stay where they are when one of them becomes leader, and follow the leader elsewhere', () => {
    const [partition] = partitionsOf({ partitions: 1, replicationFactor: 2 }) as [Partition]
    cluster.moveLeader('orders', 0, 2)
    expect([partition.leaderId, partition.replicas]).toEqual([2, [1, 2]])
    cluster.moveLeader('orders', 0, 3)
    expect([partition.leaderId, partition.replicas]).toEqual([3, [1, 3]])
    expect(partition.leaderEpoch).toBe(2)
  })

  test('are in sync while their node is up, and one of these becomes leader when the leader stops', () => {
    const [partition] = partitionsOf({ partitions: 1, replicationFactor: 2 }) as [Partition]
    cluster.moveLeader('orders', 0, 2)
    cluster.stopNode(2)
    expect([partition.leaderId, cluster.inSync(partition)]).toEqual([1, [1]])
    cluster.startNode(2)
    expect([partition.leaderId, cluster.inSync(partition)]).toEqual([1, [1, 2]])
  })
})

describe('a topic', () => {
  test.each(['', '.', '..', 'a b', 'ä', 'x'.repeat(250)])('is not called %j', (name) => {
    expect(refusalOf(() => cluster.createTopic(name, 1))).toBe(errorCode.invalidTopic)
  })

  test('has no name that differs from another one in dots and underscores only', () => {
    cluster.createTopic('a.b', 1)
    expect(refusalOf(() => cluster.createTopic('a_b', 1))).toBe(errorCode.invalidTopic)
    expect(refusalOf(() => cluster.createTopic('a.b', 1))).toBe(errorCode.topicAlreadyExists)
  })

  test('has the settings that Kafka would show, or is not created', () => {
    const topic = cluster.createTopic('odd', { partitions: 1, configs: { 'retention.ms': ' +5 ' } })
    expect(topic.configs.get('retention.ms')).toBe('5')
    const code = refusalOf(() => cluster.createTopic('wrong', { partitions: 1, configs: { 'retention.ms': '-2' } }))
    expect([code, cluster.topic('wrong')]).toEqual([errorCode.invalidConfig, undefined])
  })

  test.each([0, -1, 1.5, 10_001])('does not have %d partitions', (partitions) => {
    expect(refusalOf(() => cluster.createTopic('wide', partitions))).toBe(errorCode.invalidPartitions)
  })
})
