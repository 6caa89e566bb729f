/** Rows about what comes before any API: frames, headers, order of answers, and what ApiVersions advertises. */

import { expect } from 'vitest'
import { type DecodedResponse } from '../../../packages/broker/src/protocol/apis.ts'
import { type Ground, type Row } from '../row.ts'
import { frameOf } from '../wire.ts'

const common = { priority: 'P0' } as const
const apiVersionsKey = 18
const metadataKey = 3

/** Lowest and highest version of every API that Kafka 4.3.1 advertises to clients. */
const kafkaVersions = new Map(
  `
    0:0-13 1:4-18 2:1-11 3:0-13 8:2-10 9:1-10 10:0-6 11:0-9 12:0-4 13:0-5 14:0-5 15:0-6 16:0-5 17:0-1
    18:0-4 19:2-7 20:1-6 21:0-2 22:0-5 23:2-4 24:0-5 25:0-4 26:0-5 27:1-2 28:0-5 29:1-3 30:1-3 31:1-3
    32:1-4 33:0-2 34:1-2 35:1-5 36:0-2 37:0-3 38:1-3 39:1-2 40:1-2 41:1-3 42:0-2 43:0-2 44:0-1 45:0-1
    46:0-0 47:0-0 48:0-1 49:0-1 50:0-0 51:0-0 55:0-2 57:0-2 60:0-2 61:0-0 64:0-0 65:0-0 66:0-2 68:0-1
    69:0-1 74:0-1 75:0-0 76:1-1 77:1-1 78:1-2 79:1-2 80:0-1 81:0-0 83:0-0 84:0-0 85:0-1 86:0-0 87:0-1
    88:0-0 89:0-0 90:0-1 91:0-0 92:0-0
  `
    .trim()
    .split(/\s+/)
    .map((each) => each.split(/[:-]/).map(Number))
    .map(([key = -1, lowest = 0, highest = 0]) => [key, { lowest, highest }]),
)

const kafkaFeatures: Readonly<Record<string, number>> = {
  'metadata.version': 30,
  'group.version': 1,
  'transaction.version': 2,
  'share.version': 1,
  'streams.version': 1,
  'eligible.leader.replicas.version': 1,
  'kraft.version': 1,
}

/** A row in which bytes end their connection, and another one is served as before. */
function closing(id: string, when: string, bytes: Buffer): Row {
  return {
    ...common,
    id: `frames/${id}`,
    api: 'ApiVersions',
    when,
    expect: 'the connection is closed without an answer; other connections live on',
    rule: 'protocol guide: sizes and headers; seen on 4.3.1',
    async run(ground) {
      const [wire, bystander] = await Promise.all([ground.node(), ground.node()])
      await expect(wire.raw(bytes)).rejects.toThrow('closed')
      expect((await bystander.call('ApiVersions', 0, {})).errorCode).toBe(0)
    },
  }
}

/** A row in which a client says its name and version. */
function named(id: string, when: string, name: string, version: string, code: 0 | 42): Row {
  return {
    ...common,
    id: `api-versions/${id}`,
    api: 'ApiVersions',
    when,
    expect: code === 0 ? '0' : '42 INVALID_REQUEST without any API; the connection stays open',
    rule: 'KIP-511; seen on 4.3.1',
    async run(ground) {
      const wire = await ground.node()
      const request = { clientSoftwareName: name, clientSoftwareVersion: version }
      const answer = await wire.call('ApiVersions', 3, request)
      expect(answer.errorCode).toBe(code)
      expect(answer.apiKeys.length > 0).toBe(code === 0)
      expect((await wire.call('ApiVersions', 0, {})).errorCode).toBe(0)
    },
  }
}

function bytesOf(...int32s: number[]): Buffer {
  const bytes = Buffer.alloc(4 * int32s.length)
  for (const [index, value] of int32s.entries()) bytes.writeInt32BE(value, 4 * index)
  return bytes
}

type Features = { readonly answer: DecodedResponse<'ApiVersions'>; readonly supported: readonly string[] }

const askPolitely = { clientSoftwareName: 'contract', clientSoftwareVersion: '1.0' }

async function featuresOf(ground: Ground, version: number): Promise<Features> {
  const answer = await (await ground.node()).call('ApiVersions', version, askPolitely)
  const supported = answer.supportedFeatures.map(({ name }) => name)
  return { answer, supported }
}

const frameRows: readonly Row[] = [
  closing('negative-length', 'a frame has a negative length', bytesOf(-1)),
  closing('above-the-limit', 'a frame claims more bytes than socket.request.max.bytes', bytesOf(104_857_601)),
  closing('of-no-bytes', 'a frame is empty', bytesOf(0)),
  closing('without-a-whole-header', 'a frame ends within its header', Buffer.from([0, 0, 0, 3, 0, 18, 0])),
  closing('of-http', 'somebody speaks HTTP', Buffer.from('GET / HTTP/1.1\r\nHost: x\r\n\r\n')),
  closing(
    'client-id-beyond-its-end',
    'the client id is longer than the frame',
    Buffer.concat([bytesOf(10), Buffer.from([0, 18, 0, 0, 0, 0, 0, 1, 0x7f, 0xff])]),
  ),
  closing(
    'without-tagged-fields',
    'a flexible request ends before its tagged fields',
    Buffer.concat([bytesOf(10), Buffer.from([0, 18, 0, 3, 0, 0, 0, 1, 0xff, 0xff])]),
  ),
  closing('without-a-body', 'a request ends where its body should begin', frameOf(metadataKey, 1, Buffer.alloc(0))),
  closing(
    'text-where-none-may-be-missing',
    'a string is null where the version allows none',
    frameOf(metadataKey, 1, Buffer.from([0, 0, 0, 1, 0xff, 0xff])),
  ),
  closing(
    'compact-array-beyond-its-end',
    'a compact array claims more elements than the frame has bytes',
    frameOf(metadataKey, 9, Buffer.from([0xff, 0xff, 0x03, 1, 0, 0, 0]), true),
  ),
  {
    ...common,
    id: 'frames/null-client-id',
    api: 'ApiVersions',
    when: 'a request has no client id',
    expect: '0',
    rule: 'protocol guide: request header',
    async run(ground) {
      const wire = await ground.node()
      const header = Buffer.from([0, 18, 0, 0, 0, 0, 0, 1, 0xff, 0xff])
      expect((await wire.raw(Buffer.concat([bytesOf(header.length), header]))).readInt16BE(0)).toBe(0)
    },
  },
  {
    ...common,
    id: 'frames/unknown-tagged-fields-are-skipped',
    api: 'Metadata',
    when: 'the header and the body of a flexible request carry tagged fields that nobody knows',
    expect: '0, as without them',
    rule: 'KIP-482',
    async run(ground) {
      const wire = await ground.node()
      const tagged = Buffer.from([1, 99, 3, 1, 2, 3])
      const header = Buffer.from([0, metadataKey, 0, 9, 0, 0, 0, 1, 0xff, 0xff])
      const frame = Buffer.concat([header, tagged, Buffer.from([1, 0, 0, 0]), tagged])
      const answer = await wire.raw(Buffer.concat([bytesOf(frame.length), frame]))
      // Tagged header, throttle time, then a compact list of brokers that is not empty.
      expect(answer.readUInt8(5)).toBeGreaterThan(1)
    },
  },
  {
    ...common,
    id: 'frames/answers-come-in-order',
    api: 'Metadata',
    when: 'several different requests are sent ahead on one connection',
    expect: 'their answers come in the order of the requests',
    rule: 'protocol guide: network',
    async run(ground) {
      const wire = await ground.node()
      const topic = await ground.topic()
      const answers = await Promise.all([
        wire.call('ApiVersions', 0, {}),
        wire.call('Metadata', 12, { topics: [{ name: topic }] }),
        wire.call('ListOffsets', 5, { topics: [] }),
        wire.call('ApiVersions', 4, askPolitely),
      ])
      expect(answers[1].topics[0]?.name).toBe(topic)
      expect([answers[0].errorCode, answers[3].errorCode]).toEqual([0, 0])
    },
  },
]

const versionRows: readonly Row[] = [
  {
    ...common,
    id: 'api-versions/same-apis-in-every-version',
    api: 'ApiVersions',
    when: 'asked in versions 0 to 4',
    expect: '0 and the same list of APIs each time',
    rule: 'KIP-35, KIP-511',
    async run(ground) {
      const wire = await ground.node()
      const lists = []
      for (const version of [0, 1, 2, 3, 4]) {
        const { errorCode, apiKeys } = await wire.call('ApiVersions', version, askPolitely)
        expect(errorCode).toBe(0)
        lists.push(JSON.stringify(apiKeys))
      }
      // From version 3 on Kafka adds what older clients could not understand anyway.
      expect(new Set(lists.slice(0, 3)).size).toBe(1)
      expect(new Set(lists.slice(3)).size).toBe(1)
    },
  },
  {
    ...common,
    id: 'api-versions/no-more-than-kafka',
    api: 'ApiVersions',
    when: 'the list of APIs is compared with that of Kafka 4.3.1',
    expect: 'no API and no version that Kafka does not serve; Produce from 0, which librdkafka looks for',
    rule: 'KIP-35, KAFKA-18659',
    async run(ground) {
      const { apiKeys } = await (await ground.node()).call('ApiVersions', 0, {})
      for (const { apiKey, minVersion, maxVersion } of apiKeys) {
        const { lowest, highest } = kafkaVersions.get(apiKey) ?? { lowest: Infinity, highest: -Infinity }
        expect(minVersion, `lowest version of ${apiKey}`).toBeGreaterThanOrEqual(lowest)
        expect(maxVersion, `highest version of ${apiKey}`).toBeLessThanOrEqual(highest)
      }
      expect(apiKeys.find(({ apiKey }) => apiKey === 0)?.minVersion).toBe(0)
    },
  },
  {
    ...common,
    id: 'api-versions/features',
    api: 'ApiVersions',
    when: 'asked in version 4',
    expect: 'an epoch, and for each finalized feature a level that is supported and no higher than that of Kafka 4.3',
    rule: 'KIP-584, KIP-1022; seen on 4.3.1',
    async run(ground) {
      const { answer, supported } = await featuresOf(ground, 4)
      expect(answer.finalizedFeaturesEpoch).toBeGreaterThanOrEqual(0)
      const names = answer.finalizedFeatures.map(({ name }) => name)
      expect(names).toContain('metadata.version')
      expect(supported).toEqual(expect.arrayContaining(names))
      for (const { name, maxVersionLevel, minVersionLevel } of answer.finalizedFeatures) {
        expect(maxVersionLevel, name).toBeLessThanOrEqual(kafkaFeatures[name] ?? -1)
        expect(minVersionLevel, name).toBe(maxVersionLevel)
      }
    },
  },
  {
    ...common,
    id: 'api-versions/features-of-version-3',
    api: 'ApiVersions',
    when: 'asked in version 3, which knows no feature whose lowest level is 0',
    expect: 'metadata.version is the only supported feature; the finalized ones are those of version 4',
    rule: 'KIP-1022; seen on 4.3.1',
    async run(ground) {
      const { answer, supported } = await featuresOf(ground, 3)
      const { answer: newer } = await featuresOf(ground, 4)
      expect(supported).toEqual(['metadata.version'])
      expect(answer.finalizedFeatures).toEqual(newer.finalizedFeatures)
    },
  },
  {
    ...common,
    id: 'api-versions/negative-version',
    api: 'ApiVersions',
    when: 'asked in version −1',
    expect: '35 UNSUPPORTED_VERSION in the layout of version 0, naming ApiVersions alone',
    rule: 'KIP-511; seen on 4.3.1',
    async run(ground) {
      const answer = await (await ground.node()).raw(frameOf(apiVersionsKey, -1, Buffer.alloc(0)))
      expect([answer.readInt16BE(0), answer.readInt32BE(2), answer.readInt16BE(6)]).toEqual([35, 1, apiVersionsKey])
    },
  },
  {
    ...common,
    id: 'api-versions/unknown-version-without-a-whole-header',
    api: 'ApiVersions',
    when: 'asked in a version that does not exist, in a frame that ends before the tagged fields of its header',
    expect: 'the connection is closed without an answer',
    rule: 'seen on 4.3.1',
    async run(ground) {
      const wire = await ground.node()
      await expect(wire.raw(frameOf(apiVersionsKey, 99, Buffer.alloc(0)))).rejects.toThrow('closed')
    },
  },
  named('plain-name', 'the client says a name of letters, digits, dots and hyphens', 'apache-kafka.java1', '4.3.1', 0),
  named('empty-name', 'the client says an empty name', '', '1.0', 42),
  named('empty-version', 'the client says an empty version', 'contract', '', 42),
  named('name-ends-in-a-hyphen', 'the name of the client ends in a hyphen', 'contract-', '1.0', 42),
  named('name-begins-with-a-hyphen', 'the name of the client begins with a hyphen', '-contract', '1.0', 42),
  named('name-with-an-underscore', 'the name of the client has an underscore', 'con_tract', '1.0', 42),
  named('version-with-a-space', 'the version of the client has a space', 'contract', '1 0', 42),
]

export const serverRows: readonly Row[] = [...frameRows, ...versionRows]
