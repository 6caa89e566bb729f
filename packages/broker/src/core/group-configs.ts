/** The configuration of groups (resource type 32): names, defaults and bounds as Kafka 4.3.1 showed them. What a setting
 *  does is decided where groups are.
 *
 *  `consumer.session.timeout.ms` stands in for the broker's `group.consumer.session.timeout.ms`, and must lie between its
 *  `group.consumer.min.session.timeout.ms` and `…max…`; so do all others that have such settings. */

import { errorCode, Refusal } from '../protocol/error-code.ts'
import { brokerConfigDefinitions } from './broker-configs.ts'
import { type ConfigDefinition, parseConfig } from './config-definition.ts'

const ofBroker = [
  'consumer.assignment.interval.ms',
  'consumer.heartbeat.interval.ms',
  'consumer.session.timeout.ms',
  'share.assignment.interval.ms',
  'share.delivery.count.limit',
  'share.heartbeat.interval.ms',
  'share.partition.max.record.locks',
  'share.record.lock.duration.ms',
  'share.session.timeout.ms',
  'streams.assignment.interval.ms',
  'streams.heartbeat.interval.ms',
  'streams.initial.rebalance.delay.ms',
  'streams.num.standby.replicas',
  'streams.session.timeout.ms',
]

export const groupConfigDefinitions: ReadonlyMap<string, ConfigDefinition> = new Map<string, ConfigDefinition>([
  ...ofBroker.map((name): [string, ConfigDefinition] => {
    const synonym = `group.${name}`
    return [name, { type: 'int', value: brokerConfigDefinitions.get(synonym)?.value ?? null, synonym }]
  }),
  [
    'share.auto.offset.reset',
    {
      type: 'string',
      value: 'latest',
      pattern: {
        matches: /^(?:earliest|latest|by_duration:.+)$/,
        expected: "The value must be either 'earliest', 'latest' or of the format 'by_duration:<PnDTnHnMn.nS>'.",
      },
      synonym: 'share.auto.offset.reset',
    },
  ],
  [
    'share.isolation.level',
    {
      type: 'string',
      value: 'read_uncommitted',
      allowed: ['read_committed', 'read_uncommitted'],
      synonym: 'share.isolation.level',
    },
  ],
  ['share.renew.acknowledge.enable', { type: 'boolean', value: 'true', synonym: 'share.renew.acknowledge.enable' }],
])

/** The values as Kafka shows them. Throws a `Refusal` (40) for what Kafka refuses; `brokerValue` tells the bounds. */
export function checkGroupConfigs(
  given: ReadonlyMap<string, string>,
  brokerValue: (name: string) => string | null,
): Map<string, string> {
  const checked = new Map<string, string>()
  for (const [name, value] of given) {
    const definition = groupConfigDefinitions.get(name)
    if (definition === undefined) throw refused(`Unknown group config name: ${name}`)
    const parsed = parseConfig(name, value, definition)
    if ('problem' in parsed) throw refused(parsed.problem)
    checkBounds(name, parsed.value, brokerValue)
    checked.set(name, parsed.value)
  }
  return checked
}

function checkBounds(name: string, value: string, brokerValue: (name: string) => string | null): void {
  const lowest = name.replace('.', '.min.')
  const highest = name.replace('.', '.max.')
  const [min, max] = [brokerValue(`group.${lowest}`), brokerValue(`group.${highest}`)]
  if (min !== null && Number(value) < Number(min)) {
    throw refused(`${name} must be greater than or equal to group.${lowest}`)
  }
  if (max !== null && Number(value) > Number(max)) {
    throw refused(`${name} must be less than or equal to group.${highest}`)
  }
}

function refused(message: string): Refusal {
  return new Refusal(errorCode.invalidConfig, message)
}
