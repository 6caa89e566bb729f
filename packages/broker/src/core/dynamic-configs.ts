/** Decides which value of a setting is in force and where it comes from: a topic's or group's own, one that was set for a
 *  broker or for all brokers while they run (KIP-226), the broker's own configuration, Kafka's default.
 *
 *  What a legal value is, is checked before it comes here. */

import { brokerConfigDefinitions } from './broker-configs.ts'
import { groupConfigDefinitions } from './group-configs.ts'
import { topicConfigDefinitions } from './topic-configs.ts'

/** Where a value comes from, in the numbers of the protocol. */
export const configSource = { topic: 1, broker: 2, allBrokers: 3, static: 4, default: 5, group: 8 } as const

export type SourcedConfig = { readonly name: string; readonly value: string | null; readonly source: number }

type Values = ReadonlyMap<string, string>

const none: Values = new Map()

export class DynamicConfigs {
  readonly #staticOf: (nodeId: number) => Values
  /** A new cluster of Kafka 4.3 sets this for all brokers, because it elects leaders by eligibility (KIP-966). */
  #allBrokers: Values = new Map([['min.insync.replicas', '1']])
  readonly #brokers = new Map<number, Values>()
  readonly #groups = new Map<string, Values>()

  constructor(staticOf: (nodeId: number) => Values = () => none) {
    this.#staticOf = staticOf
  }

  /** What was set for all brokers (undefined) or for one. */
  ofBrokers(nodeId: number | undefined): Values {
    return nodeId === undefined ? this.#allBrokers : (this.#brokers.get(nodeId) ?? none)
  }

  setOfBrokers(nodeId: number | undefined, values: Values): void {
    if (nodeId === undefined) this.#allBrokers = values
    else this.#brokers.set(nodeId, values)
  }

  ofGroup(groupId: string): Values {
    return this.#groups.get(groupId) ?? none
  }

  setOfGroup(groupId: string, values: Values): void {
    this.#groups.set(groupId, values)
  }

  /** All values that a broker's setting has, the one in force first. Empty if it has none, not even a default. */
  brokerValues(name: string, nodeId: number): SourcedConfig[] {
    const given = [
      [this.#brokers.get(nodeId)?.get(name), configSource.broker],
      [this.#allBrokers.get(name), configSource.allBrokers],
      [this.#staticOf(nodeId).get(name), configSource.static],
      [brokerConfigDefinitions.get(name)?.value ?? undefined, configSource.default],
    ] as const
    return given.flatMap(([value, source]) => (value === undefined ? [] : [{ name, value, source }]))
  }

  brokerValue(name: string, nodeId: number): string | null {
    const given = this.#brokers.get(nodeId)?.get(name) ?? this.#allBrokers.get(name) ?? this.#staticOf(nodeId).get(name)
    return given ?? brokerConfigDefinitions.get(name)?.value ?? null
  }

  /** As `brokerValues`, for a setting of a topic on one of its brokers. */
  topicValues(own: Values, name: string, nodeId: number): SourcedConfig[] {
    const ownValue = own.get(name)
    const synonym = topicConfigDefinitions.get(name)?.synonym
    const inherited = synonym === undefined ? [] : this.brokerValues(synonym, nodeId)
    return ownValue === undefined ? inherited : [{ name, value: ownValue, source: configSource.topic }, ...inherited]
  }

  topicValue(own: Values, name: string, nodeId: number): string {
    return this.topicValues(own, name, nodeId)[0]?.value ?? topicConfigDefinitions.get(name)?.value ?? ''
  }

  /** As `brokerValues`, for a setting of a group. */
  groupValues(groupId: string, name: string, nodeId: number): SourcedConfig[] {
    const own = this.ofGroup(groupId).get(name)
    const { synonym = name, value = null } = groupConfigDefinitions.get(name) ?? {}
    const inherited = brokerConfigDefinitions.has(synonym)
      ? this.brokerValues(synonym, nodeId)
      : [{ name: synonym, value, source: configSource.default }]
    return own === undefined ? inherited : [{ name, value: own, source: configSource.group }, ...inherited]
  }

  groupValue(groupId: string, name: string, nodeId: number): string | null {
    return this.groupValues(groupId, name, nodeId)[0]?.value ?? null
  }
}
