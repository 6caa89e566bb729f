import { beforeEach, describe, expect, test } from 'vitest'

import { BrokerCore } from '../core/broker-core.ts'
import { type ApiName, apiNames, codecOf, schemas, servedVersions } from '../protocol/apis.ts'
import { type Fields, parseSpec } from '../protocol/schema.ts'
import { WireReader, WireWriter } from '../protocol/wire.ts'
import { VirtualClock } from '../testing/virtual-clock.ts'

const code = 53

let core: BrokerCore

beforeEach(() => {
  const brokers = [{ nodeId: 1, host: 'a', port: 1 }]
  core = new BrokerCore({ brokers, clock: new VirtualClock(), topics: { orders: 2 } })
})

/** A request that names one of everything. */
function requestFor(fields: Fields, version: number): Record<string, unknown> {
  const request: Record<string, unknown> = {}
  for (const [name, field] of Object.entries(fields)) {
    const [spec, inner] = typeof field === 'string' ? [field, undefined] : field
    const { type, isArrayOfScalars, versions } = parseSpec(spec)
    if (version < versions.from || version > versions.to) continue
    if (type === 'array') request[name] = [requestFor(inner ?? {}, version)]
    else if (isArrayOfScalars) request[name] = [type === 'string' ? 'orders' : type === 'uuid' ? topicId() : 0]
    else if (name === 'topic' || name === 'name' || name === 'resourceName') request[name] = 'orders'
    else if (type === 'uuid') request[name] = topicId()
  }
  return request
}

function topicId(): string {
  return core.topics()[0]?.id ?? ''
}

/** As a client reads it. */
function travelled(api: ApiName, version: number, answer: object): unknown {
  const writer = new WireWriter()
  codecOf(api, version, 'response').write(writer, answer)
  return codecOf(api, version, 'response').read(new WireReader(Buffer.from(writer.result())))
}

function refusal(api: ApiName, version: number, given: object, errorCode = code): unknown {
  const request = codecOf(api, version, 'request').complete(given)
  return travelled(api, version, core.errorAnswer(api, request, { nodeId: 1, clientId: 'c', version }, errorCode))
}

function versionsOf(api: ApiName): number[] {
  const { min, max } = servedVersions(api)
  return Array.from({ length: max - min + 1 }, (_, index) => min + index)
}

test.each(apiNames)('%s carries the error in every version, once for each thing that was asked for', (api) => {
  for (const version of versionsOf(api)) {
    const answer = JSON.stringify(refusal(api, version, requestFor(schemas[api].request, version)))
    expect(answer.match(/"(?:partitionE|e)rrorCode":53\b/g)?.length, `${api} ${version}: ${answer}`).toBe(1)
  }
})

describe('the error is put', () => {
  test.each<[ApiName, number, object, object]>([
    ['Heartbeat', 4, { groupId: 'g' }, { errorCode: code }],
    ['JoinGroup', 9, { groupId: 'g', memberId: 'm' }, { errorCode: code, memberId: 'm', members: [] }],
    [
      'Produce',
      9,
      { topics: [{ name: 'orders', partitions: [{ index: 0 }, { index: 1 }] }] },
      {
        responses: [
          {
            name: 'orders',
            partitions: [
              { index: 0, errorCode: code, baseOffset: -1 },
              { index: 1, errorCode: code, baseOffset: -1 },
            ],
          },
        ],
      },
    ],
    [
      'OffsetCommit',
      8,
      { topics: [{ name: 'orders', partitions: [{ partitionIndex: 1, committedOffset: 7 }] }] },
      { topics: [{ name: 'orders', partitions: [{ partitionIndex: 1, errorCode: code }] }] },
    ],
    ['OffsetFetch', 7, { groupId: 'g', topics: null }, { errorCode: code, topics: [] }],
    [
      'OffsetFetch',
      1,
      { groupId: 'g', topics: [{ name: 'orders', partitionIndexes: [1] }] },
      { topics: [{ name: 'orders', partitions: [{ partitionIndex: 1, committedOffset: -1, errorCode: code }] }] },
    ],
    ['OffsetFetch', 8, { groups: [{ groupId: 'g', topics: null }] }, { groups: [{ groupId: 'g', errorCode: code }] }],
    ['FindCoordinator', 4, { keys: ['g', 'h'] }, { coordinators: [{ key: 'g', errorCode: code }, { key: 'h' }] }],
    ['DeleteTopics', 5, { topicNames: ['orders'] }, { responses: [{ name: 'orders', errorCode: code }] }],
    ['Metadata', 12, { topics: null }, { brokers: [{ nodeId: 1 }], topics: [{ name: 'orders', errorCode: code }] }],
  ])('where a client of %s %i looks for it', (api, version, request, expected) => {
    expect(refusal(api, version, request)).toMatchObject(expected)
  })

  test('for every partition of a fetch session, though the request names none of them', async () => {
    const partitions = [0, 1].map((partition) => ({ partition, fetchOffset: 0, partitionMaxBytes: 1_000 }))
    const topics = [{ topic: 'orders', partitions }]
    const connection = core.connect(1, 'c')
    const opened = await core.handle(1, 'Fetch', 12, { sessionEpoch: 0, topics }, connection)
    const { sessionId } = opened

    const refused = refusal('Fetch', 12, { sessionId, sessionEpoch: 1, topics: [] }, 6)
    const next = await core.handle(1, 'Fetch', 12, { sessionId, sessionEpoch: 2, topics: [] }, connection)

    const withCode = [0, 1].map((partitionIndex) => ({ partitionIndex, errorCode: 6 }))
    expect(refused).toMatchObject({ errorCode: 0, sessionId, responses: [{ topic: 'orders', partitions: withCode }] })
    expect(next).toMatchObject({ errorCode: 0, responses: [{ partitions: [{ errorCode: 0 }, { errorCode: 0 }] }] })
  })

  test('at the top of a fetch when it is about the session', () => {
    expect(refusal('Fetch', 12, { topics: [] }, 70)).toMatchObject({ errorCode: 70, responses: [] })
  })
})
