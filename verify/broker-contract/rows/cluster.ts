/** Rows about ApiVersions, Metadata and FindCoordinator. */

import { expect } from 'vitest'
import { type Row } from '../row.ts'
import { frameOf } from '../wire.ts'

const apiVersionsKey = 18
const unknownUuid = '00000000-0000-4000-8000-000000000001'

export const clusterRows: readonly Row[] = [
  {
    id: 'api-versions/lists-every-served-api',
    api: 'ApiVersions',
    when: 'asked in version 3 with a client software name',
    expect: '0, and Produce, Fetch, Metadata and ApiVersions are in the list',
    rule: 'KIP-511',
    priority: 'P0',
    async run(ground) {
      const wire = await ground.node()
      const request = { clientSoftwareName: 'contract', clientSoftwareVersion: '1.0' }
      const answer = await wire.call('ApiVersions', 3, request)
      expect(answer.errorCode).toBe(0)
      const keys = answer.apiKeys.map(({ apiKey }) => apiKey)
      expect(keys).toEqual(expect.arrayContaining([0, 1, 3, apiVersionsKey]))
    },
  },
  {
    id: 'api-versions/unknown-version-is-answered-in-version-0',
    api: 'ApiVersions',
    when: 'asked in a version that does not exist',
    expect: '35 UNSUPPORTED_VERSION in the layout of version 0; the connection stays open',
    rule: 'KIP-35, KIP-511',
    priority: 'P0',
    async run(ground) {
      const wire = await ground.node()
      const answer = await wire.raw(frameOf(apiVersionsKey, 99, Buffer.of(0)))
      expect(answer.readInt16BE(0)).toBe(35)
      expect((await wire.call('ApiVersions', 0, {})).errorCode).toBe(0)
    },
  },
  {
    id: 'api-versions/client-software-name-must-be-a-word',
    api: 'ApiVersions',
    when: 'the client software name has a space',
    expect: '42 INVALID_REQUEST',
    rule: 'KIP-511',
    priority: 'P0',
    async run(ground) {
      const wire = await ground.node()
      const request = { clientSoftwareName: 'not a word', clientSoftwareVersion: '1.0' }
      expect((await wire.call('ApiVersions', 3, request)).errorCode).toBe(42)
    },
  },
  {
    id: 'metadata/unknown-topic',
    api: 'Metadata',
    when: 'a topic does not exist and may not be created',
    expect: '3 UNKNOWN_TOPIC_OR_PARTITION',
    rule: 'protocol guide: Metadata',
    priority: 'P0',
    async run(ground) {
      const wire = await ground.node()
      const request = { topics: [{ name: ground.name('missing') }], allowAutoTopicCreation: false }
      const { topics } = await wire.call('Metadata', 12, request)
      expect(topics).toMatchObject([{ errorCode: 3, partitions: [] }])
    },
  },
  {
    id: 'metadata/illegal-topic-name',
    api: 'Metadata',
    when: 'the name of a topic is not legal',
    expect: '17 INVALID_TOPIC_EXCEPTION',
    rule: 'seen on 4.3.1',
    priority: 'P0',
    async run(ground) {
      const wire = await ground.node()
      const { topics } = await wire.call('Metadata', 12, { topics: [{ name: 'not/legal' }] })
      expect(topics).toMatchObject([{ errorCode: 17 }])
    },
  },
  {
    id: 'metadata/unknown-topic-id',
    api: 'Metadata',
    when: 'a topic is asked for by an id that nobody has',
    expect: '100 UNKNOWN_TOPIC_ID',
    rule: 'KIP-516',
    priority: 'P0',
    async run(ground) {
      const wire = await ground.node()
      const { topics } = await wire.call('Metadata', 12, { topics: [{ name: null, topicId: unknownUuid }] })
      expect(topics).toMatchObject([{ errorCode: 100, name: null }])
    },
  },
  {
    id: 'metadata/creates-a-topic-that-is-asked-for',
    api: 'Metadata',
    when: 'a topic does not exist and may be created',
    expect: '3 or 5 until the topic is there, then 0 with its leaders',
    rule: 'auto.create.topics.enable; KIP-204',
    priority: 'P0',
    async run(ground) {
      const wire = await ground.node()
      const name = ground.name('made')
      await ground.until(async () => {
        const { topics } = await wire.call('Metadata', 12, { topics: [{ name }], allowAutoTopicCreation: true })
        const code = topics[0]?.errorCode
        expect([0, 3, 5]).toContain(code)
        return code === 0 && (topics[0]?.partitions.length ?? 0) > 0
      }, 'the topic is there')
    },
  },
  {
    id: 'find-coordinator/names-a-node-for-a-group',
    api: 'FindCoordinator',
    when: 'asked for the coordinators of two groups at once',
    expect: '0 and a node for each',
    rule: 'KIP-699',
    priority: 'P0',
    async run(ground) {
      const keys = [ground.name('group'), ground.name('group')]
      const wire = await ground.coordinator(keys[0] ?? '')
      const { coordinators } = await wire.call('FindCoordinator', 4, { keys, keyType: 0 })
      expect(coordinators.map(({ key }) => key).toSorted()).toEqual(keys.toSorted())
      expect(coordinators.map(({ errorCode }) => errorCode)).toEqual([0, 0])
    },
  },
]
