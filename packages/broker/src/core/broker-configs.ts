/** The configuration of brokers: which settings there are, what this broker has set, and which may be changed while it runs.
 *
 *  Names, types and defaults are those of `broker-config-table.ts`. Bounds are checked where a topic has the same setting. */

import { consumerGroupConfigs, type ConsumerGroupSettings } from '../groups/consumer-settings.ts'
import { errorCode, Refusal } from '../protocol/error-code.ts'
import { brokerConfigTable } from './broker-config-table.ts'
import { type ConfigDefinition, type ConfigType, parseConfig } from './config-definition.ts'
import { frameBytesMax, groupSizeMax, transactionTimeoutMsMax } from './limits.ts'
import { topicConfigDefinitions } from './topic-configs.ts'

/** What group members may ask for (`group.min.session.timeout.ms` and `group.max.session.timeout.ms`). Kafka's default
 *  minimum is 6 s; a test that waits for a session to end should not take that long. */
export const sessionTimeoutMsMin = 10
export const sessionTimeoutMsMax = 1_800_000
/** `offset.metadata.max.bytes`, which Kafka compares with the number of UTF-16 units, not of bytes. */
export const commitMetadataLengthMax = 4_096

export type BrokerConfigDefinition = ConfigDefinition & { readonly isDynamic: boolean }

/** Settings of a topic by the broker setting that stands in for them. */
const topicTwins = new Map(
  [...topicConfigDefinitions.values()].flatMap((definition) =>
    definition.synonym === undefined ? [] : [[definition.synonym, definition] as const],
  ),
)

export const brokerConfigDefinitions: ReadonlyMap<string, BrokerConfigDefinition> = new Map(
  brokerConfigTable
    .trim()
    .split('\n')
    .map((line) => {
      const [name = '', type = '', value = null] = line.split(' ')
      const isDynamic = type.endsWith('*')
      return [name, { ...boundsOf(name), type: typeOf(type), value: value === "''" ? '' : value, isDynamic }]
    }),
)

function typeOf(word: string): ConfigType {
  return word.replace('*', '') as ConfigType
}

function boundsOf(name: string): Partial<ConfigDefinition> {
  const { synonym: _, ...bounds } = topicTwins.get(name) ?? {}
  return bounds
}

export type BrokerFacts = {
  readonly brokers: readonly { readonly nodeId: number; readonly host: string; readonly port: number }[]
  readonly autoCreateTopics?: boolean | undefined
  readonly rebalanceDelayMs?: number | undefined
  readonly groupSizeMax?: number | undefined
  readonly consumerGroups?: Partial<ConsumerGroupSettings> | undefined
  readonly frameBytesMax?: number | undefined
  readonly transactionTimeoutMsMax?: number | undefined
}

/** What stands in the configuration file of each broker, so to speak. */
export function staticConfigsOf(facts: BrokerFacts): (nodeId: number) => ReadonlyMap<string, string> {
  const byNode = new Map(
    facts.brokers.map(({ nodeId, host, port }) => {
      const configs = {
        'advertised.listeners': `PLAINTEXT://${host}:${port}`,
        'auto.create.topics.enable': String(facts.autoCreateTopics ?? false),
        'broker.id': String(nodeId),
        ...consumerGroupConfigs(facts.consumerGroups ?? {}),
        'group.initial.rebalance.delay.ms': String(facts.rebalanceDelayMs ?? 0),
        'group.max.size': String(facts.groupSizeMax ?? groupSizeMax),
        'group.max.session.timeout.ms': String(sessionTimeoutMsMax),
        'group.min.session.timeout.ms': String(sessionTimeoutMsMin),
        listeners: `PLAINTEXT://${host}:${port}`,
        'node.id': String(nodeId),
        'offset.metadata.max.bytes': String(commitMetadataLengthMax),
        'process.roles': 'broker,controller',
        'socket.request.max.bytes': String(facts.frameBytesMax ?? frameBytesMax),
        'transaction.max.timeout.ms': String(facts.transactionTimeoutMsMax ?? transactionTimeoutMsMax),
      }
      return [nodeId, new Map(Object.entries(configs))]
    }),
  )
  return (nodeId) => byNode.get(nodeId) ?? new Map()
}

/** The value as Kafka shows it. Throws a `Refusal` (42) where Kafka refuses to change the setting of a running broker.
 *
 *  A name that nobody knows is kept: it may belong to a plugin. */
export function checkBrokerConfig(name: string, value: string, scope: 'cluster' | 'node'): string {
  if (name.startsWith('listener.name.')) {
    if (scope === 'node') return value
    const message = 'Cannot update these configs at default cluster level, broker id must be specified'
    throw new Refusal(errorCode.invalidRequest, `${message}: [${name}]`)
  }
  const definition = brokerConfigDefinitions.get(name)
  if (definition === undefined) return value
  if (!definition.isDynamic) {
    throw new Refusal(errorCode.invalidRequest, `Cannot update these configs dynamically: [${name}]`)
  }
  if (/^(?:ssl|sasl)\./.test(name)) {
    const message = 'These security configs can be dynamically updated only per-listener using the listener prefix'
    throw new Refusal(errorCode.invalidRequest, `${message}: [${name}]`)
  }
  const parsed = parseConfig(name, value, definition)
  if ('problem' in parsed) throw new Refusal(errorCode.invalidRequest, parsed.problem)
  return parsed.value
}
