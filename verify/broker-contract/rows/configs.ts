/** Rows about DescribeConfigs, AlterConfigs and IncrementalAlterConfigs: resources, operations, and what a change does. Which
 *  values are legal is in `config-values.ts`. */

import { expect } from 'vitest'
import { type Ground, type Row, type Wire } from '../row.ts'
import { type Change, changeConfigs, describeConfigs, operation, ownConfigs, resource } from '../steps/admin.ts'

const seen = 'seen on 4.3.1'
const incremental = 'KIP-339'
const { append, delete: remove, set, subtract } = operation
const configOf = (name: string, value: string | null): { name: string; value: string | null } => ({ name, value })

async function topicOn(ground: Ground): Promise<{ wire: Wire; topic: string }> {
  return { topic: await ground.topic(), wire: await ground.node() }
}

/** Kafka's brokers hear of a change after it was answered. */
async function untilOwn(
  ground: Ground,
  wire: Wire,
  topic: string,
  expected: Readonly<Record<string, string>>,
): Promise<void> {
  let own = await ownConfigs(wire, topic)
  const text = (values: Readonly<Record<string, string | null>>): string =>
    JSON.stringify(Object.entries(values).toSorted(([left], [right]) => left.localeCompare(right)))
  await ground.until(
    async () => {
      own = await ownConfigs(wire, topic)
      return text(own) === text(expected)
    },
    `the topic has the settings ${JSON.stringify(expected)}`,
  )
}

const described: readonly Row[] = [
  {
    id: 'describe-configs/every-version',
    api: 'DescribeConfigs',
    when: 'two settings are asked for in each of the versions 1 to 4, and one that does not exist',
    expect: 'these two; types from 3; no documentation where none was asked for',
    rule: 'protocol guide: DescribeConfigs; KIP-226, KIP-569',
    priority: 'P0',
    async run(ground) {
      const { wire, topic } = await topicOn(ground)
      const keys = ['retention.ms', 'max.message.bytes', 'no.such.setting']
      for (const version of [1, 2, 3, 4]) {
        const { configs } = await describeConfigs(wire, resource.topic, topic, keys, {
          version,
          includeSynonyms: false,
        })
        expect(configs.length).toBe(2)
        const retention = configs.find(({ name }) => name === 'retention.ms')
        const configType = version >= 3 ? 5 : 0
        expect(retention).toMatchObject({ value: '604800000', configSource: 5, configType, documentation: null })
        expect(retention?.synonyms).toEqual([])
      }
    },
  },
  {
    id: 'describe-configs/no-names-are-all',
    api: 'DescribeConfigs',
    when: 'the list of names is empty',
    expect: 'all settings, as for null',
    rule: seen,
    priority: 'P1',
    async run(ground) {
      const { wire, topic } = await topicOn(ground)
      const all = await describeConfigs(wire, resource.topic, topic, null)
      const none = await describeConfigs(wire, resource.topic, topic, [])
      expect(none.configs.length).toBe(all.configs.length)
    },
  },
  {
    id: 'describe-configs/synonyms',
    api: 'DescribeConfigs',
    when: 'a setting is set for a topic and synonyms are asked for',
    expect: 'its own value (source 1), then that of the broker setting that it hides (source 5)',
    rule: 'KIP-226',
    priority: 'P1',
    async run(ground) {
      const topic = await ground.topic(1, { 'segment.index.bytes': '5000000' })
      const { configs } = await describeConfigs(await ground.node(), resource.topic, topic, ['segment.index.bytes'])
      expect(configs).toMatchObject([
        {
          value: '5000000',
          configSource: 1,
          synonyms: [
            { name: 'segment.index.bytes', value: '5000000', source: 1 },
            { name: 'log.index.size.max.bytes', value: '10485760', source: 5 },
          ],
        },
      ])
    },
  },
  {
    id: 'describe-configs/unknown-topic',
    api: 'DescribeConfigs',
    when: 'the topic does not exist; its name is not legal; beside one that exists',
    expect: '3 UNKNOWN_TOPIC_OR_PARTITION; 17 INVALID_TOPIC_EXCEPTION; 0',
    rule: seen,
    priority: 'P0',
    async run(ground) {
      const { wire, topic } = await topicOn(ground)
      const names = [ground.name('missing'), 'not/legal', '', topic]
      const resources = names.map((resourceName) => ({ resourceType: resource.topic, resourceName }))
      const { results } = await wire.call('DescribeConfigs', 4, { resources })
      const codes = Object.fromEntries(results.map(({ resourceName, errorCode }) => [resourceName, errorCode]))
      expect(names.map((name) => codes[name])).toEqual([3, 17, 17, 0])
    },
  },
  {
    id: 'describe-configs/brokers',
    api: 'DescribeConfigs',
    when: 'a broker is asked for itself, for another one, for what is no number, and for all brokers',
    expect: '0; 42 INVALID_REQUEST; 42; 0 with what was set while they run: `min.insync.replicas` from the start',
    rule: 'KIP-226, KIP-966; seen on 4.3.1',
    priority: 'P0',
    async run(ground) {
      const wire = await ground.node()
      const codeOf = async (name: string): Promise<number> =>
        (await describeConfigs(wire, resource.broker, name)).errorCode
      expect(await codeOf(String(wire.nodeId))).toBe(0)
      expect(await codeOf('99')).toBe(42)
      expect(await codeOf('one')).toBe(42)
      const all = await describeConfigs(wire, resource.broker, '', ['min.insync.replicas'])
      expect(all).toMatchObject({ errorCode: 0, configs: [{ configSource: 3 }] })
    },
  },
  {
    id: 'describe-configs/group',
    api: 'DescribeConfigs',
    when: 'a group that does not exist is described, and one without a name',
    expect: '0 with 17 settings of consumer, share and streams groups; 42 INVALID_REQUEST',
    rule: 'KIP-848, KIP-932; seen on 4.3.1',
    priority: 'P1',
    async run(ground) {
      const wire = await ground.node()
      const { errorCode, configs } = await describeConfigs(wire, resource.group, ground.name('group'))
      expect([errorCode, configs.length]).toEqual([0, 17])
      const timeout = configs.find(({ name }) => name === 'consumer.session.timeout.ms')
      const broker = { name: 'group.consumer.session.timeout.ms', value: '45000', source: 5 }
      expect(timeout?.synonyms.at(-1)).toEqual(broker)
      expect((await describeConfigs(wire, resource.group, '')).errorCode).toBe(42)
    },
  },
  {
    id: 'describe-configs/unknown-resource-type',
    api: 'DescribeConfigs',
    when: 'the type of the resource is 0, 3 or 99',
    expect: '42 INVALID_REQUEST',
    rule: seen,
    priority: 'P1',
    async run(ground) {
      const wire = await ground.node()
      for (const type of [0, 3, 99]) {
        expect((await describeConfigs(wire, type, 'x')).errorCode).toBe(42)
      }
    },
  },
]

type Refused = {
  readonly id: string
  readonly when: string
  readonly expect: string
  readonly code: number
  readonly changes: readonly Change[]
}

const invalidConfig = '40 INVALID_CONFIG; nothing changes'
const invalidRequest = '42 INVALID_REQUEST; nothing changes'

/** Asked of a topic that has `flush.ms` of its own. */
const refusedChanges: readonly Refused[] = [
  { id: 'set-null', when: 'null is set', expect: invalidRequest, code: 42, changes: [['retention.ms', set, null]] },
  {
    id: 'append-null',
    when: 'null is appended',
    expect: invalidRequest,
    code: 42,
    changes: [['cleanup.policy', append, null]],
  },
  {
    id: 'append-nothing',
    when: 'the empty text is appended',
    expect: invalidConfig,
    code: 40,
    changes: [['cleanup.policy', append, '']],
  },
  {
    id: 'append-to-a-number',
    when: 'something is appended to what is no list',
    expect: invalidConfig,
    code: 40,
    changes: [['retention.ms', append, '5']],
  },
  {
    id: 'subtract-from-a-number',
    when: 'something is subtracted from what is no list',
    expect: invalidConfig,
    code: 40,
    changes: [['retention.ms', subtract, '5']],
  },
  {
    id: 'append-what-is-not-legal',
    when: 'a policy that does not exist is appended',
    expect: invalidConfig,
    code: 40,
    changes: [['cleanup.policy', append, 'burn']],
  },
  {
    id: 'append-to-an-unknown-setting',
    when: 'something is appended to a setting that does not exist',
    expect: invalidConfig,
    code: 40,
    changes: [['no.such.setting', append, 'x']],
  },
  {
    id: 'setting-named-twice',
    when: 'a setting is named twice',
    expect: invalidRequest,
    code: 42,
    changes: [
      ['retention.ms', set, '5'],
      ['retention.ms', set, '6'],
    ],
  },
  {
    id: 'one-of-two-is-refused',
    when: 'one of two settings is not legal',
    expect: invalidConfig,
    code: 40,
    changes: [
      ['retention.ms', set, '5'],
      ['segment.ms', set, '0'],
    ],
  },
  {
    id: 'unknown-operation',
    when: 'the operation is 4',
    expect: '−1 UNKNOWN_SERVER_ERROR; nothing changes',
    code: -1,
    changes: [['retention.ms', 4, '5']],
  },
]

const incrementally: readonly Row[] = [
  ...refusedChanges.map(({ id, when, expect: expected, code, changes }): Row => ({
    id: `incremental-alter-configs/${id}`,
    api: 'IncrementalAlterConfigs',
    when,
    expect: expected,
    rule: `${incremental}; ${seen}`,
    priority: 'P0',
    async run(ground) {
      const topic = await ground.topic(1, { 'flush.ms': '9' })
      const wire = await ground.node()
      expect((await changeConfigs(wire, resource.topic, topic, changes)).errorCode).toBe(code)
      expect(await ownConfigs(wire, topic)).toEqual({ 'flush.ms': '9' })
    },
  })),
  {
    id: 'incremental-alter-configs/set-and-delete',
    api: 'IncrementalAlterConfigs',
    when: 'settings are set and deleted in the versions 0 and 1; one is set to its default, one deleted that was not set',
    expect: '0; what was not named stays; a value like the default is a value of the topic',
    rule: incremental,
    priority: 'P0',
    async run(ground) {
      const topic = await ground.topic(1, { 'flush.ms': '9' })
      const wire = await ground.node()
      const first: Change[] = [
        ['retention.ms', set, '604800000'],
        ['segment.ms', set, '5'],
      ]
      const done = { errorCode: 0, errorMessage: null }
      expect(await changeConfigs(wire, resource.topic, topic, first, { version: 0 })).toMatchObject(done)
      await untilOwn(ground, wire, topic, { 'flush.ms': '9', 'retention.ms': '604800000', 'segment.ms': '5' })
      const second: Change[] = [
        ['segment.ms', remove, null],
        ['flush.ms', remove, 'ignored'],
        ['segment.bytes', remove, null],
        ['no.such.setting', remove, null],
      ]
      expect(await changeConfigs(wire, resource.topic, topic, second)).toMatchObject(done)
      await untilOwn(ground, wire, topic, { 'retention.ms': '604800000' })
    },
  },
  {
    id: 'incremental-alter-configs/append-and-subtract',
    api: 'IncrementalAlterConfigs',
    when: 'elements are appended to a list and subtracted from it, also such as change nothing',
    expect:
      'the list begins with its default, which is set even if nothing changes; what is there is not appended again',
    rule: incremental,
    priority: 'P0',
    async run(ground) {
      const { wire, topic } = await topicOn(ground)
      const policy = 'cleanup.policy'
      const steps = [
        [append, 'delete', { [policy]: 'delete' }],
        [remove, null, {}],
        [subtract, 'compact', { [policy]: 'delete' }],
        [remove, null, {}],
        [append, 'compact', { [policy]: 'delete,compact' }],
        [append, 'compact', { [policy]: 'delete,compact' }],
        [subtract, 'delete', { [policy]: 'compact' }],
        [append, 'delete,compact', { [policy]: 'compact,delete' }],
        [subtract, 'delete,compact', { [policy]: '' }],
        [remove, null, {}],
      ] as const
      for (const [change, value, own] of steps) {
        const answer = await changeConfigs(wire, resource.topic, topic, [[policy, change, value]])
        expect(answer).toMatchObject({ errorCode: 0 })
        await untilOwn(ground, wire, topic, own)
      }
    },
  },
  {
    id: 'incremental-alter-configs/validate-only',
    api: 'IncrementalAlterConfigs',
    when: 'a legal change only validates',
    expect: '0; nothing changes',
    rule: incremental,
    priority: 'P0',
    async run(ground) {
      const { wire, topic } = await topicOn(ground)
      const changes: Change[] = [['retention.ms', set, '5']]
      const answer = await changeConfigs(wire, resource.topic, topic, changes, { validateOnly: true })
      expect(answer).toMatchObject({ errorCode: 0 })
      expect(await ownConfigs(wire, topic)).toEqual({})
    },
  },
  {
    id: 'incremental-alter-configs/resource-named-twice',
    api: 'IncrementalAlterConfigs',
    when: 'a topic is named twice in one request, beside another one',
    expect: '42 INVALID_REQUEST for both of it, 0 for the other',
    rule: seen,
    priority: 'P1',
    async run(ground) {
      const { wire, topic } = await topicOn(ground)
      const other = await ground.topic()
      const configs = [{ ...configOf('retention.ms', '5'), configOperation: set }]
      const resources = [topic, topic, other].map((resourceName) => ({
        resourceType: resource.topic,
        resourceName,
        configs,
      }))
      const { responses } = await wire.call('IncrementalAlterConfigs', 1, { resources, validateOnly: true })
      const codes = responses.map(({ resourceName, errorCode }) => `${resourceName} ${errorCode}`)
      expect(codes.toSorted()).toEqual([`${topic} 42`, `${topic} 42`, `${other} 0`].toSorted())
    },
  },
]

export const configRows: readonly Row[] = [...described, ...incrementally]
