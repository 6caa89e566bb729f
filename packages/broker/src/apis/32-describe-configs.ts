/** DescribeConfigs: 1–4. Topics (2) and brokers (4), with Kafka's defaults. 1: synonyms · 3: types · 4: flexible */

import { type Handler, type HandlerContext } from '../core/broker-state.ts'
import { topicNameProblem } from '../core/cluster.ts'
import { brokerConfigs, type ConfigEntry, type ConfigType, topicConfigDefaults } from '../core/topic-configs.ts'
import { type RequestOf, type ResponseOf } from '../protocol/apis.ts'
import { errorCode } from '../protocol/error-code.ts'
import { configSource } from './19-create-topics.ts'

type Wanted = RequestOf<'DescribeConfigs'>['resources'][number]
type Described = ResponseOf<'DescribeConfigs'>['results'][number]
type Config = Described['configs'][number]

const topicResource = 2
const brokerResource = 4
const typeNumbers: Readonly<Record<ConfigType, number>> = { boolean: 1, string: 2, int: 3, long: 5, double: 6, list: 7 }

export const describeConfigs: Handler<'DescribeConfigs'> = (request, context) => ({
  throttleTimeMs: 0,
  results: request.resources.map((resource) => describe(resource, request.includeSynonyms, context)),
})

function describe(resource: Wanted, includeSynonyms: boolean, context: HandlerContext): Described {
  const { resourceType, resourceName, configurationKeys } = resource
  const answer = (code: number, errorMessage: string | null, configs: Config[]): Described => ({
    errorCode: code,
    errorMessage,
    resourceType,
    resourceName,
    configs: configs.filter((config) => configurationKeys === null || configurationKeys.includes(config.name)),
  })
  if (resourceType === topicResource) {
    const problem = topicNameProblem(resourceName)
    if (problem !== undefined) return answer(errorCode.invalidTopic, problem, [])
    const topic = context.broker.cluster.topic(resourceName)
    if (topic === undefined) {
      return answer(errorCode.unknownTopicOrPartition, 'This server does not host this topic-partition.', [])
    }
    const configs = [...topicConfigDefaults].map(([name, entry]) =>
      toConfig(name, entry, topic.configs.get(name), includeSynonyms),
    )
    return answer(errorCode.none, null, configs)
  }
  if (resourceType === brokerResource && resourceName === String(context.nodeId)) {
    const { autoCreateTopics, rebalanceDelayMs, frameBytesMax } = context.broker.settings
    const facts = { nodeId: context.nodeId, autoCreateTopics, rebalanceDelayMs, frameBytesMax }
    const configs = [...brokerConfigs(facts)].map(([name, entry]) => ({
      ...toConfig(name, entry, undefined, includeSynonyms),
      readOnly: true,
      configSource: configSource.staticBroker,
    }))
    return answer(errorCode.none, null, configs)
  }
  const expected = `expected resource type 2 (topic) or 4 (broker ${context.nodeId})`
  return answer(errorCode.invalidRequest, `${expected}, got ${resourceType} '${resourceName}'`, [])
}

function toConfig(name: string, entry: ConfigEntry, given: string | undefined, includeSynonyms: boolean): Config {
  const synonyms = [{ name, value: entry.value, source: configSource.default as number }]
  if (given !== undefined) synonyms.unshift({ name, value: given, source: configSource.topic })
  return {
    name,
    value: given ?? entry.value,
    readOnly: false,
    configSource: given === undefined ? configSource.default : configSource.topic,
    isSensitive: false,
    synonyms: includeSynonyms ? synonyms : [],
    configType: typeNumbers[entry.type],
  }
}
