/** How groups of the consumer protocol behave: the options that a user writes, and their way through Kafka's names, under
 *  which they are shown and altered for single groups while these run. */

/** What Kafka calls `group.consumer.*`. Its own defaults are slower, because it has more to do than a test. */
export type ConsumerGroupSettings = {
  /** A member that is silent for so long is out, in milliseconds. @default 45 000, as in Kafka */
  readonly sessionTimeoutMs: number
  /** How often members are told to send heartbeats, in milliseconds. @default 100; Kafka: 5 000 */
  readonly heartbeatIntervalMs: number
  /** The least time between two assignments of a group, in milliseconds. @default 0; Kafka 4.3: 1 000 */
  readonly assignmentIntervalMs: number
  /** Most members of a group. @default 2 147 483 647, as in Kafka */
  readonly membersMax: number
}

export const consumerGroupDefaults: ConsumerGroupSettings = {
  sessionTimeoutMs: 45_000,
  heartbeatIntervalMs: 100,
  assignmentIntervalMs: 0,
  membersMax: 2_147_483_647,
}

/** The least that a single group may be given: sessions and heartbeats of a test are short. */
const leastMs = '10'

/** The broker's configuration: what is set, and what differs from Kafka. */
export function consumerGroupConfigs(given: Partial<ConsumerGroupSettings>): Readonly<Record<string, string>> {
  const { assignmentIntervalMs, heartbeatIntervalMs } = { ...consumerGroupDefaults, ...given }
  const { sessionTimeoutMs, membersMax } = given
  return {
    'group.consumer.assignment.interval.ms': String(assignmentIntervalMs),
    'group.consumer.heartbeat.interval.ms': String(heartbeatIntervalMs),
    'group.consumer.migration.policy': 'disabled',
    'group.consumer.min.heartbeat.interval.ms': leastMs,
    'group.consumer.min.session.timeout.ms': leastMs,
    ...(membersMax === undefined ? {} : { 'group.consumer.max.size': String(membersMax) }),
    ...(sessionTimeoutMs === undefined ? {} : { 'group.consumer.session.timeout.ms': String(sessionTimeoutMs) }),
  }
}

/** What is in force for one group, from its own configuration and that of the broker. */
export function consumerGroupSettings(configs: {
  ofGroup(name: string): string | null
  ofBroker(name: string): string | null
}): ConsumerGroupSettings {
  return {
    sessionTimeoutMs: Number(configs.ofGroup('consumer.session.timeout.ms')),
    heartbeatIntervalMs: Number(configs.ofGroup('consumer.heartbeat.interval.ms')),
    assignmentIntervalMs: Number(configs.ofGroup('consumer.assignment.interval.ms')),
    membersMax: Number(configs.ofBroker('group.consumer.max.size')),
  }
}
