/** Kafka's topic and broker configuration as far as clients look at it: names, defaults, types, and what is a legal value.
 *
 *  Most entries are only reported. Those that change what this broker does are read through `topicRules`. */

import { type BatchRules } from '../log/batch-rules.ts'

export type ConfigType = 'boolean' | 'string' | 'int' | 'long' | 'double' | 'list'
export type ConfigEntry = {
  readonly value: string | null
  readonly type: ConfigType
  readonly allowed?: readonly string[]
  readonly min?: number
}

const longMax = '9223372036854775807'

export const topicConfigDefaults: ReadonlyMap<string, ConfigEntry> = new Map(
  Object.entries({
    'cleanup.policy': { value: 'delete', type: 'list', allowed: ['delete', 'compact'] },
    'compression.gzip.level': { value: '-1', type: 'int' },
    'compression.lz4.level': { value: '9', type: 'int' },
    'compression.type': {
      value: 'producer',
      type: 'string',
      allowed: ['uncompressed', 'zstd', 'lz4', 'snappy', 'gzip', 'producer'],
    },
    'compression.zstd.level': { value: '3', type: 'int' },
    'delete.retention.ms': { value: '86400000', type: 'long', min: 0 },
    'file.delete.delay.ms': { value: '60000', type: 'long', min: 0 },
    'flush.messages': { value: longMax, type: 'long', min: 1 },
    'flush.ms': { value: longMax, type: 'long', min: 0 },
    'follower.replication.throttled.replicas': { value: '', type: 'list' },
    'index.interval.bytes': { value: '4096', type: 'int', min: 0 },
    'leader.replication.throttled.replicas': { value: '', type: 'list' },
    'local.retention.bytes': { value: '-2', type: 'long' },
    'local.retention.ms': { value: '-2', type: 'long' },
    'max.compaction.lag.ms': { value: longMax, type: 'long', min: 1 },
    'max.message.bytes': { value: '1048588', type: 'int', min: 0 },
    'message.timestamp.after.max.ms': { value: '3600000', type: 'long', min: 0 },
    'message.timestamp.before.max.ms': { value: longMax, type: 'long', min: 0 },
    'message.timestamp.type': { value: 'CreateTime', type: 'string', allowed: ['CreateTime', 'LogAppendTime'] },
    'min.cleanable.dirty.ratio': { value: '0.5', type: 'double', min: 0 },
    'min.compaction.lag.ms': { value: '0', type: 'long', min: 0 },
    'min.insync.replicas': { value: '1', type: 'int', min: 1 },
    preallocate: { value: 'false', type: 'boolean' },
    'remote.log.copy.disable': { value: 'false', type: 'boolean' },
    'remote.log.delete.on.disable': { value: 'false', type: 'boolean' },
    'remote.storage.enable': { value: 'false', type: 'boolean' },
    'retention.bytes': { value: '-1', type: 'long' },
    'retention.ms': { value: '604800000', type: 'long', min: -1 },
    'segment.bytes': { value: '1073741824', type: 'int', min: 1048576 },
    'segment.index.bytes': { value: '10485760', type: 'int', min: 4 },
    'segment.jitter.ms': { value: '0', type: 'long', min: 0 },
    'segment.ms': { value: '604800000', type: 'long', min: 1 },
    'unclean.leader.election.enable': { value: 'false', type: 'boolean' },
  } satisfies Record<string, ConfigEntry>),
)

/** Why a value is not legal; undefined if it is. */
export function configProblem(name: string, value: string | null): string | undefined {
  const entry = topicConfigDefaults.get(name)
  if (entry === undefined) return `Unknown topic config name: ${name}`
  if (value === null) return `Null value not supported for topic configs: ${name}`
  const isLegal =
    entry.type === 'list'
      ? value === '' || value.split(',').every((part) => entry.allowed?.includes(part.trim()) ?? true)
      : entry.type === 'boolean'
        ? value === 'true' || value === 'false'
        : entry.type === 'string'
          ? (entry.allowed?.includes(value) ?? true)
          : value.trim() !== '' &&
            Number(value) >= (entry.min ?? -Infinity) &&
            (entry.type === 'double' || /^-?\d+$/.test(value))
  return isLegal ? undefined : `Invalid value ${value} for configuration ${name}`
}

export function topicRules(configs: ReadonlyMap<string, string>): BatchRules {
  const value = (name: string): string => configs.get(name) ?? topicConfigDefaults.get(name)?.value ?? ''
  return {
    messageBytesMax: Number(value('max.message.bytes')),
    timestampAheadMsMax: Number(value('message.timestamp.after.max.ms')),
    usesAppendTime: value('message.timestamp.type') === 'LogAppendTime',
    isCompacted: value('cleanup.policy').includes('compact'),
  }
}

/** What group members may ask for (`group.min.session.timeout.ms` and `group.max.session.timeout.ms`). Kafka's default
 *  minimum is 6 s; a test that waits for a session to end should not take that long. */
export const sessionTimeoutMsMin = 10
export const sessionTimeoutMsMax = 1_800_000
/** `offset.metadata.max.bytes`, which Kafka compares with the number of UTF-16 units, not of bytes. */
export const commitMetadataLengthMax = 4_096

export type BrokerFacts = {
  readonly nodeId: number
  readonly autoCreateTopics: boolean
  readonly rebalanceDelayMs: number
  readonly frameBytesMax: number
}

export function brokerConfigs(facts: BrokerFacts): ReadonlyMap<string, ConfigEntry> {
  const entries: [string, ConfigEntry][] = [
    ['auto.create.topics.enable', { value: String(facts.autoCreateTopics), type: 'boolean' }],
    ['broker.id', { value: String(facts.nodeId), type: 'int' }],
    ['default.replication.factor', { value: '1', type: 'int' }],
    ['delete.topic.enable', { value: 'true', type: 'boolean' }],
    ['group.initial.rebalance.delay.ms', { value: String(facts.rebalanceDelayMs), type: 'int' }],
    ['group.max.session.timeout.ms', { value: String(sessionTimeoutMsMax), type: 'int' }],
    ['group.max.size', { value: '2147483647', type: 'int' }],
    ['group.min.session.timeout.ms', { value: String(sessionTimeoutMsMin), type: 'int' }],
    ['log.cleanup.policy', { value: 'delete', type: 'list' }],
    ['log.message.timestamp.type', { value: 'CreateTime', type: 'string' }],
    ['log.retention.bytes', { value: '-1', type: 'long' }],
    ['log.retention.hours', { value: '168', type: 'int' }],
    ['log.segment.bytes', { value: '1073741824', type: 'int' }],
    ['max.incremental.fetch.session.cache.slots', { value: '1000', type: 'int' }],
    ['message.max.bytes', { value: '1048588', type: 'int' }],
    ['min.insync.replicas', { value: '1', type: 'int' }],
    ['node.id', { value: String(facts.nodeId), type: 'int' }],
    ['num.partitions', { value: '1', type: 'int' }],
    ['offset.metadata.max.bytes', { value: String(commitMetadataLengthMax), type: 'int' }],
    ['offsets.retention.minutes', { value: '10080', type: 'int' }],
    ['socket.request.max.bytes', { value: String(facts.frameBytesMax), type: 'int' }],
  ]
  return new Map(entries)
}
