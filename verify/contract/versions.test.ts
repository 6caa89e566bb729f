/** Every version that we and the embedded broker share is spoken once: rolling upgrades and older clusters choose them. */

import { EmbeddedKafka } from '@holdfast/broker'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type KafkaApi, type RequestOf } from '../../packages/holdfast/src/kafka/port.ts'
import { apiRows } from '../../packages/holdfast/src/kafka/platformatic/api-rows.ts'
import { createSocketPort } from '../../packages/holdfast/src/kafka/socket-port.ts'
import { batchOf, fetchOf, joinOf, PortFixture, produceOf, textsOf, type Topic, uniqueName } from './port-fixture.ts'

let broker: EmbeddedKafka
let reference: PortFixture
let topic: Topic

beforeAll(async () => {
  broker = await EmbeddedKafka.start()
  reference = await fixture()
  topic = await reference.createTopic()
  await reference.call('Produce', produceOf(topic, { [topic.first]: batchOf(['stored']) }))
  await reference.call('OffsetCommit', {
    ...standalone('committed'),
    topics: [{ name: topic.name, partitions: [commit] }],
  })
})

afterAll(async () => {
  await reference.close()
  await broker.stop()
})

async function fixture(): Promise<PortFixture> {
  const port = await createSocketPort({ clientId: 'versions' })
  const [host = '', portNumber = ''] = broker.bootstrap.split(':')
  const close = (): Promise<void> => Promise.resolve(port.close())
  return new PortFixture({ port, nodes: [{ host, port: Number(portNumber) }], close })
}

const commit = { partitionIndex: 0, committedOffset: 7, committedLeaderEpoch: -1, committedMetadata: 'm' }

function standalone(groupId: string): Omit<RequestOf<'OffsetCommit'>, 'topics'> {
  return { groupId, generationIdOrMemberEpoch: -1, memberId: '', groupInstanceId: null }
}

/** A request of each API, and what must be in its answer whatever the version. */
const cases: { readonly [A in KafkaApi]: () => readonly [request: RequestOf<A>, expected: object] } = {
  Metadata: () => [
    { topics: [topic.name], allowAutoTopicCreation: false },
    { topics: [{ errorCode: 0, name: topic.name, partitions: [{ leaderId: 1 }, { leaderId: 1 }] }] },
  ],
  FindCoordinator: () => [
    { keyType: 0, keys: ['some group'] },
    { coordinators: [{ key: 'some group', nodeId: 1, errorCode: 0, port: reference.node.port }] },
  ],
  JoinGroup: () => [joinOf(uniqueName('group'), 'stranger', ['t']), { errorCode: 25 }],
  SyncGroup: () => [
    {
      ...{ groupId: 'nobody', generationId: 3, memberId: 'stranger', groupInstanceId: null },
      ...{ protocolType: 'consumer', protocolName: 'range', assignments: [] },
    },
    { errorCode: 25 },
  ],
  Heartbeat: () => [
    { groupId: 'nobody', generationId: 3, memberId: 'stranger', groupInstanceId: null },
    { errorCode: 25 },
  ],
  LeaveGroup: () => [
    { groupId: 'nobody', members: [{ memberId: 'stranger', groupInstanceId: null, reason: null }] },
    { members: [{ memberId: 'stranger', errorCode: 25 }] },
  ],
  OffsetCommit: () => [
    { ...standalone('other'), topics: [{ name: topic.name, partitions: [commit] }] },
    { topics: [{ name: topic.name, partitions: [{ partitionIndex: 0, errorCode: 0 }] }] },
  ],
  OffsetFetch: () => [
    {
      requireStable: true,
      groups: [
        {
          ...{ groupId: 'committed', memberId: null, memberEpoch: -1 },
          topics: [{ name: topic.name, partitionIndexes: [0] }],
        },
      ],
    },
    {
      groups: [
        {
          ...{ groupId: 'committed', errorCode: 0 },
          topics: [{ partitions: [{ committedOffset: 7, metadata: 'm', errorCode: 0 }] }],
        },
      ],
    },
  ],
  Fetch: () => [
    fetchOf(topic, { [topic.first]: 0 }),
    { errorCode: 0, responses: [{ partitions: [{ partitionIndex: 0, errorCode: 0, highWatermark: 1 }] }] },
  ],
  ListOffsets: () => [
    {
      isolationLevel: 0,
      topics: [{ name: topic.name, partitions: [{ partitionIndex: 0, currentLeaderEpoch: -1, timestamp: -1 }] }],
    },
    { topics: [{ name: topic.name, partitions: [{ partitionIndex: 0, errorCode: 0, offset: 1 }] }] },
  ],
  OffsetForLeaderEpoch: () => [
    { topics: [{ topic: topic.name, partitions: [{ partition: 0, currentLeaderEpoch: -1, leaderEpoch: 0 }] }] },
    { topics: [{ topic: topic.name, partitions: [{ partition: 0, errorCode: 0, endOffset: 1 }] }] },
  ],
  Produce: () => [
    produceOf(topic, { [topic.second]: batchOf(['x']) }),
    { responses: [{ name: topic.name, partitions: [{ index: topic.second, errorCode: 0 }] }] },
  ],
  InitProducerId: () => [
    { transactionalId: null, transactionTimeoutMs: 0, producerId: -1, producerEpoch: -1 },
    { errorCode: 0, producerEpoch: 0 },
  ],
  CreateTopics: () => [
    {
      topics: [{ name: topic.name, numPartitions: 1, replicationFactor: 1, configs: [] }],
      ...{ timeoutMs: 1_000, validateOnly: true },
    },
    { topics: [{ name: topic.name, errorCode: 36 }] },
  ],
  DeleteTopics: () => [
    { topicNames: ['missing'], timeoutMs: 1_000 },
    { responses: [{ name: 'missing', errorCode: 3 }] },
  ],
  DescribeConfigs: () => [
    { resources: [{ resourceType: 2, resourceName: topic.name, configurationKeys: ['cleanup.policy'] }] },
    { results: [{ errorCode: 0, configs: [{ name: 'cleanup.policy', value: 'delete' }] }] },
  ],
}

/** Speaks one version of one API only: the broker is made to offer no other. */
async function callInVersion<A extends KafkaApi>(
  api: A,
  version: number,
): Promise<readonly [unknown, object, number[]]> {
  const { key } = apiRows[api]
  const spoken: number[] = []
  const remove = [
    broker.core.intercept('ApiVersions', () => ({
      errorCode: 0,
      apiKeys: [{ apiKey: key, minVersion: version, maxVersion: version }],
      throttleTimeMs: 0,
    })),
    broker.core.intercept(api, (_request, context) => void spoken.push(context.version)),
  ]
  const kafka = await fixture()
  try {
    const [request, expected] = cases[api]()
    return [await kafka.call(api, request), expected, spoken]
  } finally {
    for (const each of remove) each()
    await kafka.close()
  }
}

const offered = Object.entries(apiRows).map(([api, { versions }]) => ({ api: api as KafkaApi, ...versions }))

describe.each(offered)('$api', ({ api, min, max }) => {
  const versions = Array.from({ length: max - min + 1 }, (_, index) => min + index)

  test.each(versions)('version %i says the same as any other', async (version) => {
    const [answer, expected, spoken] = await callInVersion(api, version)

    expect(spoken).toEqual([version])
    expect(answer).toMatchObject(expected)
  })
})

test('records are the same bytes in every version of Fetch', async () => {
  const { min, max } = apiRows.Fetch.versions
  for (let version = min; version <= max; version++) {
    const [answer] = await callInVersion('Fetch', version)
    expect(textsOf(answer as Parameters<typeof textsOf>[0]), `version ${version}`).toEqual(['stored'])
  }
})
