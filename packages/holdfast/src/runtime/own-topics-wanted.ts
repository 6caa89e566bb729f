/** Decides how topics of ours have to be made and what is wrong with those that are there (R21). It asks nobody; what there
 *  is, and what to do about it, is in `own-topics.ts`. */
import type { GroupSettings, SubscriptionSettings } from '../model/settings.ts'

export type WantedTopic = {
  readonly topic: string
  readonly kind: 'delay' | 'deadLetters'
  readonly source: string
  /** False for dead letters that nobody asked for. */
  readonly isRequired: boolean
  /** The longest that a record may have to wait in it. */
  readonly delayMs: number
}

/** What a source topic demands of the topics that its records go to. */
export type SourceTopic = {
  readonly partitions: number
  /** Null if the broker does not tell. */
  readonly messageBytesMax: number | null
}

/** By name; null where the broker does not tell. */
export type TopicConfigs = ReadonlyMap<string, string | null>

/** A config that loses records, with the value that it should have. */
export type ConfigProblem = { readonly config: string; readonly problem: string; readonly expected: string }

export type CheckedTopic = { readonly problems: readonly ConfigProblem[]; readonly warnings: readonly string[] }

const dayMs = 24 * 3_600_000
const delayRetentionMsMin = 7 * dayMs
const deadLetterRetentionMs = 30 * dayMs
/** A retry may have to be tried again, and the consumer may be down meanwhile. */
const delaysPerRetention = 4
/** Kafka keeps anything for seven days by default. Less is an accident; between that and our 30 days it is a choice. */
const deadLetterRetentionMsMin = 7 * dayMs
/** Room for our headers, which take at most 5 KiB, in a batch of their own. */
const headerRoomBytes = 64 * 1_024
const int32Max = 2 ** 31 - 1

/** All that are looked at; asking for each by name keeps answers small. */
export const checkedConfigs = [
  'cleanup.policy',
  'max.message.bytes',
  'message.timestamp.type',
  'retention.bytes',
  'retention.ms',
] as const

/** Each topic once, delay topics first. */
export function wantedTopics(settings: GroupSettings): WantedTopic[] {
  const wanted = new Map<string, WantedTopic>()
  for (const subscription of settings.subscriptions) {
    const source = subscription.topic
    for (const { topic, delayMs } of subscription.delayTopics) {
      const longestMs = Math.max(delayMs, wanted.get(topic)?.delayMs ?? 0, longestDelayMs(subscription, delayMs))
      wanted.set(topic, { topic, kind: 'delay', source, isRequired: true, delayMs: longestMs })
    }
  }
  for (const { topic: source, deadLetters } of settings.subscriptions) {
    if (deadLetters === null || wanted.has(deadLetters.topic)) continue
    const { topic, isRequired } = deadLetters
    wanted.set(topic, { topic, kind: 'deadLetters', source, isRequired, delayMs: 0 })
  }
  return [...wanted.values()]
}

/** A delay longer than any topic's waits in the one with the longest. */
function longestDelayMs({ delayTopics, delaysMs }: SubscriptionSettings, delayMs: number): number {
  return delayTopics.at(-1)?.delayMs === delayMs ? Math.max(delayMs, ...delaysMs) : delayMs
}

/** How the topic is made: the time of writing counts, or retention would count from a timestamp that may be weeks old. */
export function configsOf(wanted: WantedTopic, source: SourceTopic): Readonly<Record<string, string>> {
  const sizeMax = source.messageBytesMax
  return {
    'cleanup.policy': 'delete',
    ...(sizeMax === null ? {} : { 'max.message.bytes': String(Math.min(sizeMax + headerRoomBytes, int32Max)) }),
    'message.timestamp.type': 'LogAppendTime',
    'retention.bytes': '-1',
    'retention.ms': String(wanted.kind === 'delay' ? delayRetentionMs(wanted) : deadLetterRetentionMs),
  }
}

function delayRetentionMs({ delayMs }: WantedTopic): number {
  return Math.max(delayRetentionMsMin, delaysPerRetention * delayMs)
}

/** What is wrong with a topic that exists. */
export function checkTopic(
  wanted: WantedTopic,
  source: SourceTopic,
  found: { readonly partitions: number; readonly configs: TopicConfigs },
): CheckedTopic {
  const made = configsOf(wanted, source)
  const problems: ConfigProblem[] = []
  const warnings: string[] = []
  const report = (config: string, problem: string): void => {
    problems.push({ config, problem, expected: made[config] ?? '' })
  }
  const text = (config: string): string | undefined => found.configs.get(config) ?? undefined
  const number = (config: string): number => Number(text(config) ?? Number.NaN)

  if (text('cleanup.policy')?.includes('compact') === true) {
    report('cleanup.policy', 'compaction keeps only the last record of each key')
  }
  const timestampType = text('message.timestamp.type')
  if (timestampType !== undefined && timestampType !== 'LogAppendTime') {
    report('message.timestamp.type', `${timestampType} does not tell when a record was written here`)
  }
  if (source.messageBytesMax !== null && number('max.message.bytes') < source.messageBytesMax) {
    report('max.message.bytes', `${wanted.source} takes larger records, up to ${source.messageBytesMax} bytes`)
  }
  if (number('retention.bytes') >= 0)
    report('retention.bytes', 'records go when the topic is full, not when they are old')
  const retentionMs = number('retention.ms')
  const retentionMsMin = wanted.kind === 'delay' ? delayRetentionMs(wanted) : deadLetterRetentionMsMin
  if (retentionMs >= 0 && retentionMs < retentionMsMin) {
    report('retention.ms', `records go after ${retentionMs} ms, before they may be needed`)
  } else if (wanted.kind === 'deadLetters' && retentionMs >= 0 && retentionMs < deadLetterRetentionMs) {
    warnings.push(`${wanted.topic} keeps dead letters for ${Math.floor(retentionMs / dayMs)} days only`)
  }
  if (found.partitions !== source.partitions) {
    const effect =
      found.partitions < source.partitions
        ? 'records of several partitions share one of its partitions'
        : 'some of its partitions stay empty'
    warnings.push(
      `${wanted.topic} has ${found.partitions} partitions and its source ${wanted.source} has ${source.partitions}: ${effect}`,
    )
  }
  return { problems, warnings }
}

/** What an operator runs to make the topic as we would. `bootstrap` is `host:port`. */
export function createCommand(wanted: WantedTopic, source: SourceTopic, bootstrap: string): string {
  const configs = Object.entries(configsOf(wanted, source)).map(([config, value]) => `--config ${config}=${value}`)
  const partitions = `--partitions ${source.partitions}`
  return `kafka-topics.sh --bootstrap-server ${bootstrap} --create --topic ${wanted.topic} ${partitions} ${configs.join(' ')}`
}

/** What an operator runs to mend the configs of a topic. */
export function alterCommand(topic: string, problems: readonly ConfigProblem[], bootstrap: string): string {
  const configs = problems.map(({ config, expected }) => `${config}=${expected}`).join(',')
  const entity = `--entity-type topics --entity-name ${topic}`
  return `kafka-configs.sh --bootstrap-server ${bootstrap} --alter ${entity} --add-config ${configs}`
}
