/** What of a topic's configuration a log obeys, as numbers and yes or no. The names and defaults are `topic-configs.ts`. */

import type { BatchRules } from './batch-rules.ts'
import { numberOfCodec } from './compression.ts'

export type LogSettings = BatchRules & {
  /** Whether old records are taken away: `cleanup.policy` holds `delete`. */
  readonly isDeleted: boolean
  /** `retention.ms`; -1 keeps records for ever. */
  readonly retentionMs: number
  /** `retention.bytes`; -1 keeps any number. */
  readonly retentionBytes: number
  /** `segment.bytes` */
  readonly segmentBytes: number
  /** `segment.ms` */
  readonly segmentMs: number
  /** `delete.retention.ms` */
  readonly deleteRetentionMs: number
  /** `min.compaction.lag.ms` */
  readonly compactionLagMsMin: number
}

/** `value` gives the text of a setting by its name, the default where the topic has none of its own. */
export function logSettings(value: (name: string) => string): LogSettings {
  const number = (name: string): number => Number(value(name))
  const policies = value('cleanup.policy').split(',')
  const codecNumber = numberOfCodec(value('compression.type'))
  return {
    messageBytesMax: number('max.message.bytes'),
    timestampBehindMsMax: number('message.timestamp.before.max.ms'),
    timestampAheadMsMax: number('message.timestamp.after.max.ms'),
    usesAppendTime: value('message.timestamp.type') === 'LogAppendTime',
    isCompacted: policies.some((policy) => policy.trim() === 'compact'),
    codecNumber: codecNumber < 0 ? undefined : codecNumber,
    isDeleted: policies.some((policy) => policy.trim() === 'delete'),
    retentionMs: number('retention.ms'),
    retentionBytes: number('retention.bytes'),
    segmentBytes: number('segment.bytes'),
    segmentMs: number('segment.ms'),
    deleteRetentionMs: number('delete.retention.ms'),
    compactionLagMsMin: number('min.compaction.lag.ms'),
  }
}
