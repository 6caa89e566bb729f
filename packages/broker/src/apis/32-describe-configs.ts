/** DescribeConfigs: 1–4. Topics (2), brokers (4), groups (32), with the names and defaults of Kafka 4.3.
 *  1: synonyms · 3: types and documentation (of which there is none here) · 4: flexible */

import { brokerConfigDefinitions } from '../core/broker-configs.ts'
import type { Handler, HandlerContext } from '../core/broker-state.ts'
import { topicNameProblem } from '../core/cluster.ts'
import type { ConfigType } from '../core/config-definition.ts'
import { configSource, type SourcedConfig } from '../core/dynamic-configs.ts'
import { groupConfigDefinitions } from '../core/group-configs.ts'
import { topicConfigDefinitions } from '../core/topic-configs.ts'
import type { RequestOf, ResponseOf } from '../protocol/apis.ts'
import { errorCode, Refusal } from '../protocol/error-code.ts'
import { resourceType } from './config-changes.ts'

type Wanted = RequestOf<'DescribeConfigs'>['resources'][number]
type Described = ResponseOf<'DescribeConfigs'>['results'][number]
type Config = Described['configs'][number]

const typeNumbers: Readonly<Record<ConfigType, number>> = {
  boolean: 1,
  string: 2,
  int: 3,
  short: 4,
  long: 5,
  double: 6,
  list: 7,
  class: 8,
  password: 9,
}
const typeUnknown = 0

export const describeConfigs: Handler<'DescribeConfigs'> = (request, context) => ({
  results: request.resources.map((resource) => {
    const { configurationKeys: keys } = resource
    const answer = (code: number, errorMessage: string, configs: Config[]): Described => ({
      errorCode: code,
      errorMessage,
      resourceType: resource.resourceType,
      resourceName: resource.resourceName,
      configs,
    })
    try {
      const all = configsOf(resource, context)
      // No names at all are all names, as in Kafka.
      const wanted = keys === null || keys.length === 0 ? all : all.filter(({ name }) => keys.includes(name))
      const told = request.includeSynonyms ? wanted : wanted.map((config) => ({ ...config, synonyms: [] }))
      return answer(errorCode.none, '', told)
    } catch (error) {
      if (error instanceof Refusal) return answer(error.code, error.message, [])
      throw error
    }
  }),
})

function configsOf({ resourceType: type, resourceName }: Wanted, context: HandlerContext): Config[] {
  switch (type) {
    case resourceType.topic:
      return ofTopic(resourceName, context)
    case resourceType.broker:
      return resourceName === '' ? ofAllBrokers(context) : ofBroker(resourceName, context)
    case resourceType.group:
      return ofGroup(resourceName, context)
    default:
      throw invalid(`expected resource type 2 (topic), 4 (broker) or 32 (group), got ${type}`)
  }
}

function ofTopic(name: string, { broker, nodeId }: HandlerContext): Config[] {
  const problem = topicNameProblem(name)
  if (problem !== undefined) throw new Refusal(errorCode.invalidTopic, problem)
  const topic = broker.cluster.topic(name)
  if (topic === undefined) throw new Refusal(errorCode.unknownTopicOrPartition, '')
  return [...topicConfigDefinitions].map(([setting, definition]) =>
    toConfig(setting, definition, broker.cluster.configs.topicValues(topic.configs, setting, nodeId)),
  )
}

function ofBroker(name: string, { broker, nodeId }: HandlerContext): Config[] {
  if (!/^-?\d+$/.test(name)) throw invalid(`Broker id must be an integer, but it is: ${name}`)
  if (Number(name) !== nodeId) {
    throw invalid(`Unexpected broker id, expected ${nodeId} or empty string, but received ${name}`)
  }
  const { configs } = broker.cluster
  const known = [...brokerConfigDefinitions].map(([setting, definition]) => ({
    ...toConfig(setting, definition, configs.brokerValues(setting, nodeId)),
    readOnly: !definition.isDynamic,
  }))
  const set = [...configs.ofBrokers(undefined).keys(), ...configs.ofBrokers(nodeId).keys()]
  const strange = [...new Set(set)].filter((setting) => !brokerConfigDefinitions.has(setting))
  return [...known, ...strange.map((setting) => hidden(setting, configs.brokerValues(setting, nodeId)))]
}

/** Only what was set for all brokers while they run. */
function ofAllBrokers({ broker }: HandlerContext): Config[] {
  return [...broker.cluster.configs.ofBrokers(undefined)].map(([name, value]) => {
    const definition = brokerConfigDefinitions.get(name)
    const values = [{ name, value, source: configSource.allBrokers }]
    return definition === undefined ? hidden(name, values) : toConfig(name, definition, values)
  })
}

function ofGroup(groupId: string, { broker, nodeId }: HandlerContext): Config[] {
  if (groupId === '') throw invalid('Group name must not be empty')
  return [...groupConfigDefinitions].map(([setting, definition]) =>
    toConfig(setting, definition, broker.cluster.configs.groupValues(groupId, setting, nodeId)),
  )
}

type Definition = { readonly type: ConfigType; readonly value: string | null }

function toConfig(name: string, { type, value }: Definition, values: readonly SourcedConfig[]): Config {
  const isSensitive = type === 'password'
  const shown = values.map((each) => (isSensitive ? { ...each, value: null } : each))
  return {
    name,
    value: isSensitive ? null : (shown[0]?.value ?? value),
    readOnly: false,
    configSource: shown[0]?.source ?? configSource.default,
    isSensitive,
    synonyms: shown,
    configType: typeNumbers[type],
  }
}

/** A setting that nobody knows could be a password. */
function hidden(name: string, values: readonly SourcedConfig[]): Config {
  return {
    name,
    value: null,
    readOnly: true,
    configSource: values[0]?.source ?? configSource.default,
    isSensitive: true,
    synonyms: values.map((each) => ({ ...each, value: null })),
    configType: typeUnknown,
  }
}

function invalid(message: string): Refusal {
  return new Refusal(errorCode.invalidRequest, message)
}
