/** The contract of Metadata, CreateTopics, DeleteTopics and DescribeConfigs. */

import { describe, expect, test } from 'vitest'
import { kafkaErrors as code } from '../../packages/holdfast/src/model/kafka-errors.ts'
import { nilUuid, type PortFixture, uniqueName } from './port-fixture.ts'

export function topicLaws(kafkaOf: () => PortFixture): void {
  describe('topics', () => {
    metadataLaws(kafkaOf)
    adminLaws(kafkaOf)
  })
}

function metadataLaws(kafkaOf: () => PortFixture): void {
  test('a created topic appears with an id, its partitions and their leaders', async () => {
    const kafka = kafkaOf()
    const topic = await kafka.createTopic()
    const { brokers, topics } = await kafka.call('Metadata', { topics: [topic.name], allowAutoTopicCreation: false })

    expect(topics).toHaveLength(1)
    expect(topics[0]).toMatchObject({ errorCode: 0, name: topic.name, isInternal: false })
    expect(topics[0]?.topicId).toMatch(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/)
    expect(topics[0]?.topicId).not.toBe(nilUuid)
    const partitions = topics[0]?.partitions.toSorted((a, b) => a.partitionIndex - b.partitionIndex) ?? []
    expect(partitions.map(({ partitionIndex }) => partitionIndex)).toEqual([...Array(2 * brokers.length).keys()])
    const nodeIds = brokers.map(({ nodeId }) => nodeId)
    expect(partitions.every(({ errorCode, leaderId }) => errorCode === 0 && nodeIds.includes(leaderId))).toBe(true)
  })

  test('a missing topic does not hide the one beside it', async () => {
    const kafka = kafkaOf()
    const topic = await kafka.createTopic()
    const missing = uniqueName('missing')
    const { topics } = await kafka.call('Metadata', { topics: [missing, topic.name], allowAutoTopicCreation: false })

    expect(new Map(topics.map((each) => [each.name, each.errorCode]))).toEqual(
      new Map<string, number>([
        [missing, code.UNKNOWN_TOPIC_OR_PARTITION],
        [topic.name, 0],
      ]),
    )
  })

  test('null asks for all topics, an empty list for none', async () => {
    const kafka = kafkaOf()
    const topic = await kafka.createTopic()
    const all = await kafka.call('Metadata', { topics: null, allowAutoTopicCreation: false })
    const none = await kafka.call('Metadata', { topics: [], allowAutoTopicCreation: false })

    expect(all.topics.map((each) => each.name)).toContain(topic.name)
    expect([none.topics, none.brokers.length > 0]).toEqual([[], true])
  })
}

function adminLaws(kafkaOf: () => PortFixture): void {
  test('creating tells of each topic by itself, and validating creates nothing', async () => {
    const kafka = kafkaOf()
    const existing = await kafka.createTopic()
    const fresh = uniqueName('fresh')
    const rowOf = (topic: string): { name: string; numPartitions: number; replicationFactor: number; configs: [] } => ({
      name: topic,
      numPartitions: 1,
      replicationFactor: 1,
      configs: [],
    })
    const create = (validateOnly: boolean): ReturnType<typeof kafka.call<'CreateTopics'>> =>
      kafka.call('CreateTopics', {
        topics: [rowOf(existing.name), rowOf(fresh), rowOf('not a legal name')],
        timeoutMs: 10_000,
        validateOnly,
      })
    const expected = new Map<string, number>([
      [existing.name, code.TOPIC_ALREADY_EXISTS],
      [fresh, 0],
      ['not a legal name', code.INVALID_TOPIC_EXCEPTION],
    ])

    const validated = await create(true)
    expect(new Map(validated.topics.map((each) => [each.name, each.errorCode]))).toEqual(expected)
    // Would be refused as existing if validating had created it.
    const created = await create(false)
    expect(new Map(created.topics.map((each) => [each.name, each.errorCode]))).toEqual(expected)
  })

  test('deleting tells of each topic by itself', async () => {
    const kafka = kafkaOf()
    const topic = await kafka.createTopic()
    const missing = uniqueName('missing')
    const { responses } = await kafka.call('DeleteTopics', { topicNames: [missing, topic.name], timeoutMs: 10_000 })

    expect(new Map(responses.map((each) => [each.name, each.errorCode]))).toEqual(
      new Map<string, number>([
        [missing, code.UNKNOWN_TOPIC_OR_PARTITION],
        [topic.name, 0],
      ]),
    )
  })

  test('the configuration of a topic is told by name, a missing topic is an error value', async () => {
    const kafka = kafkaOf()
    const topic = await kafka.createTopic([{ name: 'retention.ms', value: '12345678' }])
    const resourceOf = (
      resourceName: string,
    ): { resourceType: 2; resourceName: string; configurationKeys: string[] } => ({
      resourceType: 2,
      resourceName,
      configurationKeys: ['retention.ms'],
    })
    const { results } = await kafka.call('DescribeConfigs', {
      resources: [resourceOf(topic.name), resourceOf(uniqueName('missing'))],
    })

    expect(results.map((each) => each.errorCode)).toEqual([0, code.UNKNOWN_TOPIC_OR_PARTITION])
    expect(results[0]?.configs.map(({ name, value }) => [name, value])).toEqual([['retention.ms', '12345678']])
  })
}
