/** Rows about which settings there are, and which values Kafka takes: the tables of the broker, held against Kafka. */

import { expect } from 'vitest'
import { brokerConfigTable } from '../../../packages/broker/src/core/broker-config-table.ts'
import { type Row } from '../row.ts'
import { changeConfigs, type Config, describeConfigs, operation, resource } from '../steps/admin.ts'

const seen = 'seen on 4.3.1'
const longMax = '9223372036854775807'
const typeNumbers: Readonly<Record<string, number>> = {
  boolean: 1,
  string: 2,
  int: 3,
  short: 4,
  long: 5,
  double: 6,
  list: 7,
  class: 8,
  password: 9,
}

/** Name, type and default of every setting of a topic. Written out here, so that the broker's own table is held against it. */
const topicSettings: readonly (readonly [name: string, type: string, value: string])[] = [
  ['cleanup.policy', 'list', 'delete'],
  ['compression.gzip.level', 'int', '-1'],
  ['compression.lz4.level', 'int', '9'],
  ['compression.type', 'string', 'producer'],
  ['compression.zstd.level', 'int', '3'],
  ['delete.retention.ms', 'long', '86400000'],
  ['file.delete.delay.ms', 'long', '60000'],
  ['flush.messages', 'long', longMax],
  ['flush.ms', 'long', longMax],
  ['follower.replication.throttled.replicas', 'list', ''],
  ['index.interval.bytes', 'int', '4096'],
  ['leader.replication.throttled.replicas', 'list', ''],
  ['local.retention.bytes', 'long', '-2'],
  ['local.retention.ms', 'long', '-2'],
  ['max.compaction.lag.ms', 'long', longMax],
  ['max.message.bytes', 'int', '1048588'],
  ['message.timestamp.after.max.ms', 'long', '3600000'],
  ['message.timestamp.before.max.ms', 'long', longMax],
  ['message.timestamp.type', 'string', 'CreateTime'],
  ['min.cleanable.dirty.ratio', 'double', '0.5'],
  ['min.compaction.lag.ms', 'long', '0'],
  ['min.insync.replicas', 'int', '1'],
  ['preallocate', 'boolean', 'false'],
  ['remote.log.copy.disable', 'boolean', 'false'],
  ['remote.log.delete.on.disable', 'boolean', 'false'],
  ['remote.storage.enable', 'boolean', 'false'],
  ['retention.bytes', 'long', '-1'],
  ['retention.ms', 'long', '604800000'],
  ['segment.bytes', 'int', '1073741824'],
  ['segment.index.bytes', 'int', '10485760'],
  ['segment.jitter.ms', 'long', '0'],
  ['segment.ms', 'long', '604800000'],
  ['unclean.leader.election.enable', 'boolean', 'false'],
]

/** The brokers of a test have these in their files; all other settings of a fresh topic must come from Kafka's defaults, or
 *  from a row that changes those of all brokers at the same time. */
const maySayOtherwise = ['file.delete.delay.ms', 'min.cleanable.dirty.ratio', 'min.insync.replicas']

const sourceTopic = 1
const sourceFile = 4
const sourceDefault = 5

/** What it would be if nobody had set it. */
function defaultOf({ value, configSource, synonyms }: Config): string | null | undefined {
  if (configSource === sourceDefault) return value
  return synonyms.find(({ source }) => source === sourceDefault)?.value
}

type Values = { readonly name: string; readonly legal: readonly string[]; readonly refused: readonly string[] }

/** At the bounds of each setting, and just outside. */
const topicValues: readonly Values[] = [
  { name: 'cleanup.policy', legal: ['', 'delete', 'compact, delete'], refused: ['x', 'compact,x', 'none', ','] },
  { name: 'compression.gzip.level', legal: ['-1', '1', '9'], refused: ['-2', '0', '10'] },
  { name: 'compression.lz4.level', legal: ['1', '17'], refused: ['-1', '0', '18'] },
  { name: 'compression.type', legal: ['gzip', 'uncompressed', ' lz4 '], refused: ['none', 'GZIP', ''] },
  { name: 'compression.zstd.level', legal: ['-131072', '22'], refused: ['-131073', '23'] },
  { name: 'delete.retention.ms', legal: ['0'], refused: ['-1'] },
  { name: 'file.delete.delay.ms', legal: ['0'], refused: ['-1'] },
  { name: 'flush.messages', legal: ['1'], refused: ['0', '-1'] },
  { name: 'flush.ms', legal: ['0'], refused: ['-1'] },
  { name: 'follower.replication.throttled.replicas', legal: ['*', '0:1,1:2', ''], refused: ['x', '*,0:1', '0:x'] },
  { name: 'index.interval.bytes', legal: ['0'], refused: ['-1'] },
  { name: 'leader.replication.throttled.replicas', legal: ['*', '0:1,'], refused: ['none'] },
  { name: 'local.retention.bytes', legal: ['-2', '-1', '5'], refused: ['-3'] },
  { name: 'local.retention.ms', legal: ['-2', '-1', '5'], refused: ['-3'] },
  { name: 'max.compaction.lag.ms', legal: ['1'], refused: ['0', '-1'] },
  { name: 'max.message.bytes', legal: ['0', '2147483647'], refused: ['-1', '2147483648'] },
  { name: 'message.timestamp.after.max.ms', legal: ['0'], refused: ['-1'] },
  { name: 'message.timestamp.before.max.ms', legal: ['0'], refused: ['-1'] },
  { name: 'message.timestamp.type', legal: ['LogAppendTime'], refused: ['x', 'createtime', 'NoTimestampType'] },
  { name: 'min.cleanable.dirty.ratio', legal: ['0', '1', '.5', '1e0', '1d'], refused: ['-0.1', '1.1', 'x', '0x1'] },
  { name: 'min.compaction.lag.ms', legal: ['0'], refused: ['-1'] },
  { name: 'min.insync.replicas', legal: ['1', '2147483647'], refused: ['0'] },
  { name: 'preallocate', legal: ['true', 'TRUE', ' true '], refused: ['1', '', 'yes'] },
  { name: 'remote.storage.enable', legal: ['false'], refused: ['true'] },
  { name: 'retention.bytes', legal: ['-2', '0', '-9223372036854775808'], refused: ['9223372036854775808'] },
  {
    name: 'retention.ms',
    legal: ['-1', '0', longMax, ' 5 ', '+5', '05', '-0'],
    refused: ['-2', '9223372036854775808', '5.0', '0x5', '', '1e3'],
  },
  { name: 'segment.bytes', legal: ['1048576'], refused: ['1048575'] },
  { name: 'segment.index.bytes', legal: ['4'], refused: ['3'] },
  { name: 'segment.jitter.ms', legal: ['0'], refused: ['-1'] },
  { name: 'segment.ms', legal: ['1'], refused: ['0'] },
  { name: 'unclean.leader.election.enable', legal: ['true'], refused: ['no'] },
]

const removedSettings = ['message.format.version', 'message.downconversion.enable', 'no.such.setting', '']

export const configValueRows: readonly Row[] = [
  {
    id: 'describe-configs/defaults-of-a-topic',
    api: 'DescribeConfigs',
    when: 'a fresh topic is described',
    expect: `${topicSettings.length} settings with Kafka's types and defaults, none read-only or secret`,
    rule: 'Kafka documentation: topic configs; seen on 4.3.1',
    priority: 'P0',
    async run(ground) {
      const { errorCode, errorMessage, configs } = await describeConfigs(
        await ground.node(),
        resource.topic,
        await ground.topic(),
      )
      expect([errorCode, errorMessage]).toEqual([0, ''])
      const described = configs.map((config) => [config.name, config.configType, defaultOf(config)])
      const expected = topicSettings.map(([name, type, value]) => [name, typeNumbers[type], value])
      const byName = ([left]: readonly unknown[], [right]: readonly unknown[]): number =>
        String(left).localeCompare(String(right))
      expect(described.toSorted(byName)).toEqual(expected.toSorted(byName))
      const given = configs.filter(({ configSource }) => configSource === sourceTopic || configSource === sourceFile)
      expect(given.map(({ name }) => name).filter((name) => !maySayOtherwise.includes(name))).toEqual([])
      expect(configs.filter(({ readOnly, isSensitive }) => readOnly || isSensitive)).toEqual([])
    },
  },
  {
    id: 'describe-configs/defaults-of-a-broker',
    api: 'DescribeConfigs',
    when: 'a broker is described',
    expect: 'all its settings with their types and defaults; those that cannot change while it runs are read-only',
    rule: 'Kafka documentation: broker configs; seen on 4.3.1',
    priority: 'P1',
    async run(ground) {
      const wire = await ground.node()
      const { configs } = await describeConfigs(wire, resource.broker, String(wire.nodeId))
      const described = configs
        // What was set under a name that nobody knows has no type; what is set for one listener is this cluster's own.
        .filter(({ name, configType }) => configType !== 0 && !name.startsWith('listener.name.'))
        .map((config) => {
          const value = config.synonyms.find(({ name, source }) => name === config.name && source === sourceDefault)
          const type = Object.keys(typeNumbers).find((each) => typeNumbers[each] === config.configType)
          const written = value === undefined ? [] : [value.value === '' ? "''" : (value.value ?? '')]
          return [config.name, `${type}${config.readOnly ? '' : '*'}`, ...written].join(' ')
        })
      const expected = brokerConfigTable.trim().split('\n')
      expect(described.toSorted()).toEqual(expected.toSorted())
    },
  },
  {
    id: 'incremental-alter-configs/values-of-a-topic',
    api: 'IncrementalAlterConfigs',
    when: 'each setting of a topic is given values at its bounds and just outside, in odd and in wrong writing',
    expect: '0 for what is legal; 40 INVALID_CONFIG with a message that names the setting for the rest',
    rule: 'Kafka documentation: topic configs; seen on 4.3.1',
    priority: 'P0',
    async run(ground) {
      const topic = await ground.topic()
      const wire = await ground.node()
      const answerTo = async (name: string, value: string): Promise<string> => {
        const changes = [[name, operation.set, value]] as const
        const { errorCode } = await changeConfigs(wire, resource.topic, topic, changes, { validateOnly: true })
        return `${name}=${value}: ${errorCode}`
      }
      const answers: string[] = []
      const expected: string[] = []
      for (const { name, legal, refused } of topicValues) {
        for (const value of [...legal, ...refused]) {
          answers.push(await answerTo(name, value))
          expected.push(`${name}=${value}: ${legal.includes(value) ? 0 : 40}`)
        }
      }
      for (const name of removedSettings) {
        answers.push(await answerTo(name, '1'))
        expected.push(`${name}=1: 40`)
      }
      expect(answers).toEqual(expected)
    },
  },
  {
    id: 'incremental-alter-configs/compaction-lags-conflict',
    api: 'IncrementalAlterConfigs',
    when: '`min.compaction.lag.ms` is above `max.compaction.lag.ms`',
    expect: '40 INVALID_CONFIG',
    rule: seen,
    priority: 'P1',
    async run(ground) {
      const topic = await ground.topic()
      const changes = [
        ['min.compaction.lag.ms', operation.set, '10'],
        ['max.compaction.lag.ms', operation.set, '5'],
      ] as const
      const { errorCode } = await changeConfigs(await ground.node(), resource.topic, topic, changes)
      expect(errorCode).toBe(40)
    },
  },
  {
    id: 'describe-configs/values-as-kafka-writes-them',
    api: 'DescribeConfigs',
    when: 'settings were given in odd writing',
    expect: 'they are shown in the one that Kafka uses',
    rule: seen,
    priority: 'P1',
    async run(ground) {
      const topic = await ground.topic()
      const wire = await ground.node()
      const written = [
        ['retention.ms', ' 5 ', '5'],
        ['segment.ms', '+7', '7'],
        ['cleanup.policy', ' compact , delete ', 'compact,delete'],
        ['preallocate', 'TRUE', 'true'],
        ['min.cleanable.dirty.ratio', '.5', '0.5'],
      ] as const
      const changes = written.map(([name, value]) => [name, operation.set, value] as const)
      expect(await changeConfigs(wire, resource.topic, topic, changes)).toMatchObject({ errorCode: 0 })
      const shown = async (): Promise<Record<string, string | null>> => {
        const { configs } = await describeConfigs(wire, resource.topic, topic)
        const own = configs.filter(({ configSource }) => configSource === sourceTopic)
        return Object.fromEntries(own.map(({ name, value }) => [name, value]))
      }
      await ground.until(async () => Object.keys(await shown()).length === written.length, 'the settings are there')
      expect(await shown()).toEqual(Object.fromEntries(written.map(([name, , value]) => [name, value])))
    },
  },
]
