/** What `EmbeddedKafka.start` can be told, and what is wrong with it. */

import { BrokerError } from './broker-error.ts'
import { type BrokerClock, systemBrokerClock } from './core/clock.ts'
import type { TopicSpec } from './core/cluster.ts'
import { connectionsMax, frameBytesMax } from './core/limits.ts'
import { expectFunction, expectOption, expectOptions, expectWhole, refuseArgument } from './faults/expectations.ts'
import { consumerGroupDefaults, type ConsumerGroupSettings } from './groups/consumer-settings.ts'
import type { SaslOptions } from './security/sasl-settings.ts'
import type { AddressOptions } from './server/address.ts'
import type { TlsOptions } from './server/listener.ts'
import { VirtualClock } from './testing/virtual-clock.ts'

export type UnusedFaults = 'fail' | 'allow'

export type EmbeddedKafkaOptions = AddressOptions & {
  /** Number of nodes, 1 to 100. @default 1, or the number of `ports` */
  readonly brokers?: number | undefined
  /** One port for each node; 0 takes any free one. @default any free ones */
  readonly ports?: readonly number[] | undefined
  /** Topics that exist from the start: `{ orders: 6 }`, or with `configs`. */
  readonly topics?: Readonly<Record<string, TopicSpec>> | undefined
  /** Time and chance of groups, waits and timestamps. `manual` stands still until `clock.advance`. @default the machine's */
  readonly clock?: BrokerClock | 'manual' | undefined
  /** `fast`: nothing waits that need not. `realistic`: rebalances wait 3 s for more members, new topics and the first
   *  coordinator are away for a moment, every answer takes up to 10 ms. @default 'fast' */
  readonly profile?: 'fast' | 'realistic' | undefined
  /** Create topics when a client asks for them. @default false */
  readonly autoCreateTopics?: boolean | undefined
  /** Demand that clients sign in, by PLAIN, SCRAM or OAUTHBEARER. @default off */
  readonly sasl?: SaslOptions | undefined
  /** Speak TLS, and nothing else, on every node. @default plain TCP */
  readonly tls?: TlsOptions | undefined
  /** Most bytes of one request; the connection that announces more is closed. 1 to 2,147,483,647. @default 100 MiB */
  readonly frameBytesMax?: number | undefined
  /** Most connections to one node at a time; one more is closed at once, with a warning. At least 1. @default 1,000 */
  readonly connectionsMax?: number | undefined
  /** How long the first rebalance of a group waits for more members, in milliseconds. @default 0; 3,000 if realistic */
  readonly rebalanceDelayMs?: number | undefined
  /** Most members of a group of the classic protocol (`group.max.size`), at least 1. @default 2 147 483 647 */
  readonly groupSizeMax?: number | undefined
  /** Timing and size of groups of the consumer protocol (KIP-848); each has a default of its own. */
  readonly consumerGroups?: Partial<ConsumerGroupSettings> | undefined
  /** Most bytes that one topic keeps before it refuses records, at least 1. @default 256 MiB */
  readonly topicBytesMax?: number | undefined
  /** Whether `stop` rejects when a fault was set and never took effect. @default 'fail' */
  readonly unusedFaults?: UnusedFaults | undefined
  /** Hears of closed connections, refused records, clients that were left behind and the like. @default silent */
  readonly warn?: ((message: string) => void) | undefined
}

const brokersMax = 100
const portMax = 65_535

/** Moves a manual clock on. Throws if the broker runs by another. */
export async function advance(clock: BrokerClock, ms: number): Promise<void> {
  if (!(clock instanceof VirtualClock)) {
    throw new BrokerError('CLOCK_NOT_MANUAL', 'this broker runs by the clock of the machine, which cannot be moved', {
      remedy: `Start it with { clock: 'manual' }.`,
    })
  }
  if (!(Number.isFinite(ms) && ms >= 0)) refuseArgument('milliseconds, 0 or more', ms, 'Time cannot run backwards.')
  await clock.advance(ms)
}

/** The manual clock begins today, because brokers refuse records from the future. */
export function clockOf({ clock = systemBrokerClock }: EmbeddedKafkaOptions): BrokerClock {
  if (clock !== 'manual') return clock
  const seed = Math.floor(systemBrokerClock.random() * 2 ** 32)
  return new VirtualClock(seed, systemBrokerClock.epochMs())
}

const optionNames: readonly (keyof EmbeddedKafkaOptions)[] = [
  'brokers',
  'ports',
  'topics',
  'clock',
  'profile',
  'autoCreateTopics',
  'sasl',
  'tls',
  'host',
  'advertisedHost',
  'insecure',
  'frameBytesMax',
  'connectionsMax',
  'consumerGroups',
  'groupSizeMax',
  'rebalanceDelayMs',
  'topicBytesMax',
  'unusedFaults',
  'warn',
]

export function checkOptions(options: EmbeddedKafkaOptions): void {
  expectOptions('EmbeddedKafka.start', options, optionNames)
  const { profile, unusedFaults, clock, rebalanceDelayMs, groupSizeMax, consumerGroups, topicBytesMax, warn } = options
  if (profile !== undefined) expectOption('profile', profile, ['fast', 'realistic'])
  if (unusedFaults !== undefined) expectOption('unusedFaults', unusedFaults, ['fail', 'allow'])
  if (typeof clock === 'string') expectOption('clock', clock, ['manual'])
  if (rebalanceDelayMs !== undefined) expectWhole('rebalanceDelayMs', rebalanceDelayMs, { min: 0 })
  if (groupSizeMax !== undefined) expectWhole('groupSizeMax', groupSizeMax, { min: 1 })
  if (consumerGroups !== undefined) checkConsumerGroups(consumerGroups)
  if (topicBytesMax !== undefined) expectWhole('topicBytesMax', topicBytesMax, { min: 1 })
  if (warn !== undefined) expectFunction('warn', warn)
}

function checkConsumerGroups(given: Partial<ConsumerGroupSettings>): void {
  const names = Object.keys(consumerGroupDefaults) as (keyof ConsumerGroupSettings)[]
  expectOptions('consumerGroups', given, names)
  for (const name of names) {
    const min = name === 'assignmentIntervalMs' ? 0 : 1
    if (given[name] !== undefined) expectWhole(`consumerGroups.${name}`, given[name], { min })
  }
}

/** The protocol has four bytes for the length of a frame. */
const frameBytesLargest = 2 ** 31 - 1

export function limitsOf(options: EmbeddedKafkaOptions): {
  readonly frameBytesMax: number
  readonly connectionsMax: number
} {
  const limits = {
    frameBytesMax: options.frameBytesMax ?? frameBytesMax,
    connectionsMax: options.connectionsMax ?? connectionsMax,
  }
  for (const [name, value] of Object.entries(limits)) expectWhole(name, value, { min: 1, max: frameBytesLargest })
  return limits
}

export function portsOf({ brokers, ports }: EmbeddedKafkaOptions): readonly number[] {
  const count = expectWhole('brokers', brokers ?? ports?.length ?? 1, { min: 1, max: brokersMax })
  if (ports !== undefined && ports.length !== count) {
    refuseArgument(`${count} ports, one for each broker`, ports, 'Leave `ports` out to take free ones.')
  }
  for (const port of ports ?? []) expectWhole('port', port, { min: 0, max: portMax })
  return ports ?? Array.from({ length: count }, () => 0)
}
