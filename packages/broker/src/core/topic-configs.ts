/** The configuration of topics: Kafka's names, defaults, types and bounds.
 *
 *  Most entries are only kept and shown. Those that change what this broker does are read through `log/log-settings.ts`. */

import { errorCode, Refusal } from '../protocol/error-code.ts'
import { type ConfigDefinition, parseConfig } from './config-definition.ts'

const longMax = '9223372036854775807'
const codecs = ['uncompressed', 'zstd', 'lz4', 'snappy', 'gzip', 'producer']
const day = 86_400_000

/** Seen on Kafka 4.3.1: DescribeConfigs of a new topic, and what CreateTopics refuses. */
const definitions: Readonly<Record<string, ConfigDefinition>> = {
  'cleanup.policy': { value: 'delete', type: 'list', allowed: ['delete', 'compact'], synonym: 'log.cleanup.policy' },
  'compression.gzip.level': {
    value: '-1',
    type: 'int',
    min: 1,
    max: 9,
    except: -1,
    synonym: 'compression.gzip.level',
  },
  'compression.lz4.level': { value: '9', type: 'int', min: 1, max: 17, synonym: 'compression.lz4.level' },
  'compression.type': { value: 'producer', type: 'string', allowed: codecs, synonym: 'compression.type' },
  'compression.zstd.level': { value: '3', type: 'int', min: -131_072, max: 22, synonym: 'compression.zstd.level' },
  'delete.retention.ms': { value: String(day), type: 'long', min: 0, synonym: 'log.cleaner.delete.retention.ms' },
  'file.delete.delay.ms': { value: '60000', type: 'long', min: 0, synonym: 'log.segment.delete.delay.ms' },
  'flush.messages': { value: longMax, type: 'long', min: 1, synonym: 'log.flush.interval.messages' },
  'flush.ms': { value: longMax, type: 'long', min: 0, synonym: 'log.flush.interval.ms' },
  'follower.replication.throttled.replicas': { value: '', type: 'list', isReplicaList: true },
  'index.interval.bytes': { value: '4096', type: 'int', min: 0, synonym: 'log.index.interval.bytes' },
  'leader.replication.throttled.replicas': { value: '', type: 'list', isReplicaList: true },
  'local.retention.bytes': { value: '-2', type: 'long', min: -2, synonym: 'log.local.retention.bytes' },
  'local.retention.ms': { value: '-2', type: 'long', min: -2, synonym: 'log.local.retention.ms' },
  'max.compaction.lag.ms': { value: longMax, type: 'long', min: 1, synonym: 'log.cleaner.max.compaction.lag.ms' },
  'max.message.bytes': { value: '1048588', type: 'int', min: 0, synonym: 'message.max.bytes' },
  'message.timestamp.after.max.ms': {
    value: '3600000',
    type: 'long',
    min: 0,
    synonym: 'log.message.timestamp.after.max.ms',
  },
  'message.timestamp.before.max.ms': {
    value: longMax,
    type: 'long',
    min: 0,
    synonym: 'log.message.timestamp.before.max.ms',
  },
  'message.timestamp.type': {
    value: 'CreateTime',
    type: 'string',
    allowed: ['CreateTime', 'LogAppendTime'],
    synonym: 'log.message.timestamp.type',
  },
  'min.cleanable.dirty.ratio': {
    value: '0.5',
    type: 'double',
    min: 0,
    max: 1,
    synonym: 'log.cleaner.min.cleanable.ratio',
  },
  'min.compaction.lag.ms': { value: '0', type: 'long', min: 0, synonym: 'log.cleaner.min.compaction.lag.ms' },
  'min.insync.replicas': { value: '1', type: 'int', min: 1, synonym: 'min.insync.replicas' },
  preallocate: { value: 'false', type: 'boolean', synonym: 'log.preallocate' },
  'remote.log.copy.disable': { value: 'false', type: 'boolean' },
  'remote.log.delete.on.disable': { value: 'false', type: 'boolean' },
  'remote.storage.enable': { value: 'false', type: 'boolean' },
  'retention.bytes': { value: '-1', type: 'long', synonym: 'log.retention.bytes' },
  'retention.ms': { value: String(7 * day), type: 'long', min: -1, synonym: 'log.retention.ms' },
  'segment.bytes': { value: '1073741824', type: 'int', min: 1_048_576, synonym: 'log.segment.bytes' },
  'segment.index.bytes': { value: '10485760', type: 'int', min: 4, synonym: 'log.index.size.max.bytes' },
  'segment.jitter.ms': { value: '0', type: 'long', min: 0, synonym: 'log.roll.jitter.ms' },
  'segment.ms': { value: String(7 * day), type: 'long', min: 1, synonym: 'log.roll.ms' },
  'unclean.leader.election.enable': {
    value: 'false',
    type: 'boolean',
    synonym: 'unclean.leader.election.enable',
  },
}

/** In alphabetical order, as CreateTopics answers them. */
export const topicConfigDefinitions: ReadonlyMap<string, ConfigDefinition> = new Map(Object.entries(definitions))

/** The values as Kafka shows them. Throws a `Refusal` (40) for the first setting that Kafka refuses. */
export function checkTopicConfigs(given: ReadonlyMap<string, string | null>): Map<string, string> {
  const checked = new Map<string, string>()
  for (const [name, value] of given) {
    const definition = topicConfigDefinitions.get(name)
    if (definition === undefined) throw refused(`Unknown topic config name: ${name}`)
    if (value === null) throw refused(`Null value not supported for topic configs: ${name}`)
    const parsed = parseConfig(name, value, definition)
    if ('problem' in parsed) throw refused(parsed.problem)
    checked.set(name, parsed.value)
  }
  const valueOf = (name: string): string => checked.get(name) ?? topicConfigDefinitions.get(name)?.value ?? ''
  const [lagMin, lagMax] = [valueOf('min.compaction.lag.ms'), valueOf('max.compaction.lag.ms')]
  if (BigInt(lagMin) > BigInt(lagMax)) {
    const conflict = `min.compaction.lag.ms (${lagMin}) > max.compaction.lag.ms (${lagMax})`
    throw refused(`conflict topic config setting ${conflict}`)
  }
  if (valueOf('remote.storage.enable') === 'true') {
    const reason = 'Tiered Storage functionality is disabled in the broker.'
    throw refused(`${reason} Topic cannot be configured with remote log storage.`)
  }
  return checked
}

function refused(message: string): Refusal {
  return new Refusal(errorCode.invalidConfig, message)
}
