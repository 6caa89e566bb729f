/** What AlterConfigs and IncrementalAlterConfigs have in common: which resources can be changed, and what Kafka refuses
 *  before and after it looks at single settings. How the new settings follow from the old ones is up to the two. */

import type { HandlerContext } from '../core/broker-state.ts'
import { brokerConfigDefinitions, checkBrokerConfig } from '../core/broker-configs.ts'
import { topicNameProblem } from '../core/cluster.ts'
import type { ConfigType } from '../core/config-definition.ts'
import { checkGroupConfigs, groupConfigDefinitions } from '../core/group-configs.ts'
import { checkTopicConfigs, topicConfigDefinitions } from '../core/topic-configs.ts'
import { errorCode, Refusal } from '../protocol/error-code.ts'

export const resourceType = { topic: 2, broker: 4, group: 32 } as const

type Settings = ReadonlyMap<string, string>
type Change = { readonly name: string; readonly value: string | null }

/** One thing that has settings, and how to change them. */
export type ConfigTarget = {
  readonly current: Settings
  typeOf(name: string): ConfigType | undefined
  /** The value in force, from wherever it comes. */
  valueOf(name: string): string
  /** The refusal of an operation that is only for lists. */
  notAList(name: string, operation: 'APPEND' | 'SUBTRACT'): Refusal
  /** The settings as Kafka shows them; throws a `Refusal`. `touched` are the names that the request speaks of. */
  check(next: Settings, touched: readonly string[]): Settings
  commit(checked: Settings): void
}

type Resource<C extends Change> = {
  readonly resourceType: number
  readonly resourceName: string
  readonly configs: readonly C[]
}
type Altered = { errorCode: number; errorMessage: string | null; resourceType: number; resourceName: string }

/** Changes each resource by itself: one that is refused stays as it was and holds up no other. */
export function alterAll<C extends Change>(
  resources: readonly Resource<C>[],
  validateOnly: boolean,
  context: HandlerContext,
  change: (target: ConfigTarget, configs: readonly C[]) => Settings,
): Altered[] {
  return resources.map((resource) => {
    const answer = (code: number, errorMessage: string | null): Altered => ({
      errorCode: code,
      errorMessage,
      resourceType: resource.resourceType,
      resourceName: resource.resourceName,
    })
    try {
      const twins = resources.filter(
        (each) => each.resourceType === resource.resourceType && each.resourceName === resource.resourceName,
      )
      if (twins.length > 1) throw invalid('Each resource must appear at most once.')
      const names = resource.configs.map(({ name }) => name)
      if (new Set(names).size < names.length) throw invalid('Error due to duplicate config keys')
      const target = targetOf(resource, context)
      const checked = target.check(change(target, resource.configs), names)
      if (!validateOnly) target.commit(checked)
      return answer(errorCode.none, null)
    } catch (error) {
      if (!(error instanceof Refusal)) throw error
      return answer(error.code, error.code === errorCode.unknownServerError ? null : error.message)
    }
  })
}

/** Throws a `Refusal` if one of the values is null. */
export function checkNoNulls(configs: readonly Change[]): void {
  const nulls = configs.filter(({ value }) => value === null).map(({ name }) => name)
  if (nulls.length > 0) throw invalid(`Null value not supported for : ${nulls.join(',')}`)
}

function targetOf(resource: Resource<Change>, context: HandlerContext): ConfigTarget {
  const { resourceName } = resource
  switch (resource.resourceType) {
    case resourceType.topic:
      return topicTarget(resourceName, context)
    case resourceType.broker:
      return brokerTarget(resourceName, context)
    case resourceType.group:
      return groupTarget(resourceName, context)
    default:
      throw invalid(`Unknown resource type ${resource.resourceType}`)
  }
}

function topicTarget(name: string, { broker }: HandlerContext): ConfigTarget {
  const { cluster } = broker
  if (name === '') throw invalid('Default topic resources are not allowed.')
  const problem = topicNameProblem(name)
  if (problem !== undefined) throw new Refusal(errorCode.invalidTopic, problem)
  const topic = cluster.topic(name)
  if (topic === undefined) {
    throw new Refusal(errorCode.unknownTopicOrPartition, `The topic '${name}' does not exist.`)
  }
  return {
    current: topic.configs,
    typeOf: (setting) => topicConfigDefinitions.get(setting)?.type,
    valueOf: (setting) => cluster.topicSetting(topic, setting),
    notAList,
    check: checkTopicConfigs,
    commit: (checked) => (topic.configs = checked),
  }
}

function brokerTarget(name: string, { broker, nodeId }: HandlerContext): ConfigTarget {
  if (name !== '' && !/^-?\d+$/.test(name)) throw invalid(`Node id must be an integer, but it is: ${name}`)
  if (name !== '' && Number(name) !== nodeId)
    throw invalid(`Unexpected broker id, expected ${nodeId}, but received ${name}`)
  const { configs } = broker.cluster
  const scope = name === '' ? undefined : nodeId
  const current = configs.ofBrokers(scope)
  return {
    current,
    typeOf: (setting) => brokerConfigDefinitions.get(setting)?.type,
    valueOf: (setting) => configs.brokerValue(setting, nodeId) ?? '',
    notAList: (setting, operation) => {
      const isKnown = brokerConfigDefinitions.has(setting)
      const message = `Config value ${operation.toLowerCase()} is not allowed for config key: ${setting}`
      return new Refusal(errorCode.invalidConfig, isKnown ? message : `Unknown config name: ${setting}`)
    },
    check: (next, touched) => {
      const checked = new Map(
        [...next].map(([setting, value]) => [
          setting,
          touched.includes(setting)
            ? checkBrokerConfig(setting, value, scope === undefined ? 'cluster' : 'node')
            : value,
        ]),
      )
      checkInsyncReplicas(checked, touched, scope)
      return checked
    },
    commit: (checked) => configs.setOfBrokers(scope, checked),
  }
}

/** While leaders are elected by eligibility (KIP-966) there is one value for all brokers, and it must be there. */
function checkInsyncReplicas(next: Settings, touched: readonly string[], scope: number | undefined): void {
  const setting = 'min.insync.replicas'
  if (scope !== undefined && touched.includes(setting)) {
    const message = `Broker-level ${setting} cannot be altered while ELR is enabled.`
    throw new Refusal(errorCode.invalidConfig, message)
  }
  if (scope === undefined && !next.has(setting)) {
    const message = `Cluster-level ${setting} cannot be removed while ELR is enabled.`
    throw new Refusal(errorCode.invalidConfig, message)
  }
}

function groupTarget(groupId: string, { broker, nodeId }: HandlerContext): ConfigTarget {
  if (groupId === '') throw invalid('Default group resources are not allowed.')
  const { configs } = broker.cluster
  return {
    current: configs.ofGroup(groupId),
    typeOf: (setting) => groupConfigDefinitions.get(setting)?.type,
    valueOf: (setting) => configs.groupValue(groupId, setting, nodeId) ?? '',
    notAList,
    check: (next) => checkGroupConfigs(next, (setting) => configs.brokerValue(setting, nodeId)),
    commit: (checked) => configs.setOfGroup(groupId, checked),
  }
}

function notAList(name: string, operation: 'APPEND' | 'SUBTRACT'): Refusal {
  return new Refusal(errorCode.invalidConfig, `Can't ${operation} to key ${name} because its type is not LIST.`)
}

function invalid(message: string): Refusal {
  return new Refusal(errorCode.invalidRequest, message)
}
