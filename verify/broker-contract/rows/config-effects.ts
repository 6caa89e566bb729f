/** Rows about AlterConfigs, about what can have settings, and about what a change does to the log. */

import { expect } from 'vitest'
import { type Row } from '../row.ts'
import {
  type Change,
  changeConfigs,
  describeConfigs,
  operation,
  ownConfigs,
  type Produced,
  produceTo,
  replaceConfigs,
  resource,
} from '../steps/admin.ts'

const seen = 'seen on 4.3.1'
const guide = 'protocol guide: AlterConfigs'
const { append, delete: remove, set } = operation

const replaced: readonly Row[] = [
  {
    id: 'alter-configs/replaces-all',
    api: 'AlterConfigs',
    when: 'a topic with two settings is given another one, in each of the versions 0 to 2; then none',
    expect: '0; only what was named last is set',
    rule: guide,
    priority: 'P0',
    async run(ground) {
      const topic = await ground.topic(1, { 'flush.ms': '9', 'segment.ms': '5' })
      const wire = await ground.node()
      for (const version of [0, 1, 2]) {
        const value = String(version + 1)
        const answer = await replaceConfigs(wire, topic, { 'retention.ms': value }, { version })
        expect(answer).toMatchObject({ errorCode: 0, errorMessage: null })
        await ground.until(
          async () => JSON.stringify(await ownConfigs(wire, topic)) === JSON.stringify({ 'retention.ms': value }),
          'the settings are replaced',
        )
      }
      expect(await replaceConfigs(wire, topic, {})).toMatchObject({ errorCode: 0 })
      await ground.until(async () => Object.keys(await ownConfigs(wire, topic)).length === 0, 'nothing is set')
    },
  },
  {
    id: 'alter-configs/refused-values',
    api: 'AlterConfigs',
    when: 'a value is null, out of bounds, or of a setting that does not exist',
    expect: '42 INVALID_REQUEST; 40 INVALID_CONFIG; 40; nothing changes',
    rule: seen,
    priority: 'P0',
    async run(ground) {
      const topic = await ground.topic(1, { 'flush.ms': '9' })
      const wire = await ground.node()
      expect(await replaceConfigs(wire, topic, { 'retention.ms': null })).toMatchObject({ errorCode: 42 })
      expect(await replaceConfigs(wire, topic, { 'retention.ms': '-9' })).toMatchObject({ errorCode: 40 })
      expect(await replaceConfigs(wire, topic, { 'no.such.setting': '1' })).toMatchObject({ errorCode: 40 })
      expect(await ownConfigs(wire, topic)).toEqual({ 'flush.ms': '9' })
    },
  },
  {
    id: 'alter-configs/validate-only',
    api: 'AlterConfigs',
    when: 'a legal change only validates',
    expect: '0; nothing changes',
    rule: guide,
    priority: 'P0',
    async run(ground) {
      const topic = await ground.topic(1, { 'flush.ms': '9' })
      const wire = await ground.node()
      const answer = await replaceConfigs(wire, topic, { 'retention.ms': '5' }, { validateOnly: true })
      expect(answer).toMatchObject({ errorCode: 0 })
      expect(await ownConfigs(wire, topic)).toEqual({ 'flush.ms': '9' })
    },
  },
  {
    id: 'alter-configs/resources',
    api: 'AlterConfigs',
    when: 'the topic does not exist, has a name that is not legal or none; the group has no name; the type does not exist',
    expect: '3; 17; 42; 42; 42, and the same from IncrementalAlterConfigs',
    rule: seen,
    priority: 'P0',
    async run(ground) {
      const wire = await ground.node()
      const resources = [
        [resource.topic, ground.name('missing'), 3],
        [resource.topic, 'not/legal', 17],
        [resource.topic, '', 42],
        [resource.group, '', 42],
        [99, 'x', 42],
      ] as const
      for (const [resourceType, resourceName, code] of resources) {
        const named = { resourceType, resourceName, configs: [] }
        const all = await wire.call('AlterConfigs', 2, { resources: [named], validateOnly: true })
        expect(all.responses).toMatchObject([{ resourceType, resourceName, errorCode: code }])
        const one = await wire.call('IncrementalAlterConfigs', 1, { resources: [named], validateOnly: true })
        expect(one.responses).toMatchObject([{ resourceType, resourceName, errorCode: code }])
      }
    },
  },
]

type BrokerChange = readonly [change: Change, codeOfOne: number, codeOfAll: number]

const brokerChanges: readonly BrokerChange[] = [
  [['message.max.bytes', set, '5'], 0, 0],
  [['message.max.bytes', set, '-5'], 42, 42],
  [['message.max.bytes', set, 'many'], 42, 42],
  [['message.max.bytes', set, null], 42, 42],
  [['message.max.bytes', append, '5'], 40, 40],
  [['log.cleanup.policy', append, 'compact'], 0, 0],
  [['log.cleanup.policy', set, 'burn'], 42, 42],
  [['log.retention.ms', set, '5'], 0, 0],
  [['log.retention.hours', set, '5'], 42, 42],
  [['num.partitions', set, '3'], 42, 42],
  [['num.partitions', remove, null], 0, 0],
  [['auto.create.topics.enable', set, 'false'], 42, 42],
  [['no.such.setting', set, '1'], 0, 0],
  [['no.such.setting', append, '1'], 40, 40],
  [['listener.name.internal.ssl.keystore.location', set, 'x'], 0, 42],
  [['ssl.keystore.password', set, 'x'], 42, 42],
  [['min.insync.replicas', set, '1'], 40, 0],
  [['min.insync.replicas', remove, null], 40, 40],
]

const onBrokersAndGroups: readonly Row[] = [
  {
    id: 'incremental-alter-configs/brokers',
    api: 'IncrementalAlterConfigs',
    when: 'settings of one broker and of all are changed (validated only), and of a broker that is not asked',
    expect: '0 for what can change while it runs and for strange names; 40 or 42 for the rest',
    rule: 'KIP-226, KIP-966; seen on 4.3.1',
    priority: 'P1',
    async run(ground) {
      const wire = await ground.node()
      const codeOf = async (name: string, change: Change): Promise<number> =>
        (await changeConfigs(wire, resource.broker, name, [change], { validateOnly: true })).errorCode
      for (const [change, codeOfOne, codeOfAll] of brokerChanges) {
        const codes = [await codeOf(String(wire.nodeId), change), await codeOf('', change)]
        expect([change, ...codes]).toEqual([change, codeOfOne, codeOfAll])
      }
      expect(await codeOf('99', ['message.max.bytes', set, '5'])).toBe(42)
      expect(await codeOf('one', ['message.max.bytes', set, '5'])).toBe(42)
    },
  },
  {
    id: 'incremental-alter-configs/all-brokers-stand-in-for-topics',
    api: 'IncrementalAlterConfigs',
    when: 'a setting of all brokers changes while a topic has none of its own',
    expect: 'the topic shows it with source 3, above the default; after it was deleted the default again',
    rule: 'KIP-226',
    priority: 'P1',
    async run(ground) {
      const topic = await ground.topic()
      const wire = await ground.node()
      // Nobody else's behaviour depends on this one.
      const [name, broker] = ['index.interval.bytes', 'log.index.interval.bytes']
      const shown = async (): Promise<string> => {
        const { configs } = await describeConfigs(wire, resource.topic, topic, [name])
        return (configs[0]?.synonyms ?? []).map(({ value, source }) => `${value}@${source}`).join(' ')
      }
      expect(await changeConfigs(wire, resource.broker, '', [[broker, set, '4097']])).toMatchObject({ errorCode: 0 })
      await ground.until(async () => (await shown()) === '4097@3 4096@5', 'the topic shows the value of all brokers')
      expect(await changeConfigs(wire, resource.broker, '', [[broker, remove, null]])).toMatchObject({ errorCode: 0 })
      await ground.until(async () => (await shown()) === '4096@5', 'the topic shows the default')
    },
  },
  {
    id: 'incremental-alter-configs/group',
    api: 'IncrementalAlterConfigs',
    when: 'settings of a group are set: legal, outside the bounds of the broker, of the wrong type, unknown; then deleted',
    expect: '0 and shown with source 8; 40 INVALID_CONFIG three times; gone',
    rule: 'KIP-848; seen on 4.3.1',
    priority: 'P1',
    async run(ground) {
      const wire = await ground.node()
      const group = ground.name('group')
      const name = 'consumer.session.timeout.ms'
      const change = async (setting: string, code: number, value: string | null): Promise<number> =>
        (await changeConfigs(wire, resource.group, group, [[setting, code, value]])).errorCode
      expect(await change(name, set, '999999999')).toBe(40)
      expect(await change(name, set, 'soon')).toBe(40)
      expect(await change('retention.ms', set, '5')).toBe(40)
      expect(await change(name, set, '50000')).toBe(0)
      const source = async (): Promise<number | undefined> =>
        (await describeConfigs(wire, resource.group, group, [name])).configs[0]?.configSource
      await ground.until(async () => (await source()) === 8, 'the group has a value of its own')
      expect(await change(name, remove, null)).toBe(0)
      await ground.until(async () => (await source()) !== 8, 'the group has none')
    },
  },
]

type Effect = {
  readonly id: string
  readonly when: string
  readonly expect: string
  readonly setting: readonly [name: string, value: string]
  readonly record: { readonly key?: string; readonly value: string; readonly timestampMs?: number }
  readonly before: Partial<Produced>
  readonly after: (produced: Produced) => boolean
}

/** Far enough from now in either direction that no clock is asked for more. */
const longAgoMs = 1_000

const effects: readonly Effect[] = [
  {
    id: 'smaller-records',
    when: '`max.message.bytes` is lowered under a topic that took larger records',
    expect: 'Produce: 10 MESSAGE_TOO_LARGE',
    setting: ['max.message.bytes', '100'],
    record: { value: 'x'.repeat(200) },
    before: { errorCode: 0 },
    after: ({ errorCode }) => errorCode === 10,
  },
  {
    id: 'compaction',
    when: 'a topic becomes compacted',
    expect: 'Produce of a record without a key: 87 INVALID_RECORD',
    setting: ['cleanup.policy', 'compact'],
    record: { value: 'x' },
    before: { errorCode: 0 },
    after: ({ errorCode }) => errorCode === 87,
  },
  {
    id: 'append-time',
    when: '`message.timestamp.type` becomes LogAppendTime',
    expect: 'Produce tells the time of the broker',
    setting: ['message.timestamp.type', 'LogAppendTime'],
    record: { value: 'x' },
    before: { errorCode: 0, logAppendTimeMs: -1 },
    after: ({ errorCode, logAppendTimeMs }) => errorCode === 0 && logAppendTimeMs > longAgoMs,
  },
  {
    id: 'old-timestamps',
    when: '`message.timestamp.before.max.ms` is lowered',
    expect: 'Produce of a record of 1970: 32 INVALID_TIMESTAMP',
    setting: ['message.timestamp.before.max.ms', '60000'],
    record: { value: 'x', timestampMs: longAgoMs },
    before: { errorCode: 0 },
    after: ({ errorCode }) => errorCode === 32,
  },
]

const onTheLog: readonly Row[] = effects.map(
  ({ id, when, expect: expected, setting: [name, value], record, before, after }): Row => ({
    id: `incremental-alter-configs/takes-effect-${id}`,
    api: 'IncrementalAlterConfigs',
    when,
    expect: expected,
    rule: 'Kafka documentation: topic configs',
    priority: 'P0',
    async run(ground) {
      const topic = await ground.topic(1, { 'retention.ms': '-1' })
      const leader = await ground.leader(topic)
      expect(await produceTo(leader, topic, [record])).toMatchObject(before)
      const answer = await changeConfigs(leader, resource.topic, topic, [[name, set, value]])
      expect(answer).toMatchObject({ errorCode: 0 })
      await ground.until(async () => after(await produceTo(leader, topic, [record])), expected)
    },
  }),
)

export const configEffectRows: readonly Row[] = [...replaced, ...onBrokersAndGroups, ...onTheLog]
