/** CreateTopics: 2–7. 2: throttle · 4: −1 takes the defaults · 5: flexible, configuration in the answer · 7: topic id
 *
 *  Kafka looks at all names first, so two new names of one request may differ in nothing but `.` and `_`. */

import type { Handler, HandlerContext } from '../core/broker-state.ts'
import { partitionsMax } from '../core/cluster.ts'
import { randomUuid } from '../core/clock.ts'
import { configSource } from '../core/dynamic-configs.ts'
import { checkAssignments } from '../core/replica-placement.ts'
import { checkTopicConfigs, topicConfigDefinitions } from '../core/topic-configs.ts'
import type { RequestOf, ResponseOf } from '../protocol/apis.ts'
import { errorCode, Refusal } from '../protocol/error-code.ts'

type Wanted = RequestOf<'CreateTopics'>['topics'][number]
type Created = ResponseOf<'CreateTopics'>['topics'][number]

const nilUuid = '00000000-0000-0000-0000-000000000000'
const useDefault = -1
/** Kafka's own; no client may make it. */
const metadataTopic = '__cluster_metadata'

export const createTopics: Handler<'CreateTopics'> = (request, context) => {
  const byName = Map.groupBy(request.topics, ({ name }) => name)
  const once = [...byName].flatMap(([, topics]) => (topics.length === 1 ? topics : []))
  const twice = [...byName].flatMap(([name, topics]) => (topics.length > 1 ? [name] : []))
  const outcomes = prepareAll(once, context)
  return {
    throttleTimeMs: 0,
    topics: [
      ...outcomes.map(({ wanted, outcome }) =>
        outcome instanceof Refusal
          ? refused(wanted.name, outcome.code, outcome.message)
          : create(wanted, outcome, request.validateOnly, context),
      ),
      ...twice.map((name) => refused(name, errorCode.invalidRequest, 'Duplicate topic name.')),
    ],
  }
}

/** What a topic will be once nothing speaks against it. */
type Plan = { readonly configs: ReadonlyMap<string, string>; readonly replicas: readonly (readonly number[])[] }
type Prepared = { readonly wanted: Wanted; readonly outcome: Plan | Refusal }

function prepareAll(topics: readonly Wanted[], context: HandlerContext): Prepared[] {
  const prepared = topics.map((wanted) => ({ wanted, outcome: refusalOr(() => plan(wanted, context)) }))
  const count = (outcome: Plan | Refusal): number => (outcome instanceof Refusal ? 0 : outcome.replicas.length)
  const partitions = prepared.reduce((sum, { outcome }) => sum + count(outcome), 0)
  if (partitions < partitionsMax) return prepared
  const tooMany = new Refusal(errorCode.policyViolation, 'Excessively large number of partitions per request.')
  return prepared.map(({ wanted }) => ({ wanted, outcome: tooMany }))
}

function refusalOr(prepare: () => Plan): Plan | Refusal {
  try {
    return prepare()
  } catch (error) {
    if (error instanceof Refusal) return error
    throw error
  }
}

function plan(wanted: Wanted, context: HandlerContext): Plan {
  const { cluster } = context.broker
  if (wanted.name === metadataTopic) {
    throw new Refusal(errorCode.invalidRequest, `Creation of internal topic ${metadataTopic} is prohibited.`)
  }
  cluster.checkNewName(wanted.name)
  const configs = checkTopicConfigs(new Map(wanted.configs.map(({ name, value }) => [name, value])))
  return { configs, replicas: wanted.assignments.length > 0 ? assigned(wanted, context) : placed(wanted, context) }
}

function placed({ numPartitions, replicationFactor }: Wanted, { broker, nodeId }: HandlerContext): number[][] {
  const { cluster } = broker
  const byDefault = (name: string): number => Number(cluster.configs.brokerValue(name, nodeId))
  const factor = replicationFactor === useDefault ? byDefault('default.replication.factor') : replicationFactor
  if (factor < 1) cluster.placePartitions(undefined, 0, 1, factor)
  const partitions = numPartitions === useDefault ? byDefault('num.partitions') : numPartitions
  if (partitions < 1) {
    const message = 'Number of partitions was set to an invalid non-positive value.'
    throw new Refusal(errorCode.invalidPartitions, message)
  }
  if (partitions > partitionsMax) {
    throw new Refusal(errorCode.policyViolation, 'Excessively large number of partitions per request.')
  }
  return cluster.placePartitions(undefined, 0, partitions, factor)
}

function assigned({ numPartitions, replicationFactor, assignments }: Wanted, { broker }: HandlerContext): number[][] {
  const given = 'A manual partition assignment was specified, but'
  if (replicationFactor !== useDefault) {
    throw new Refusal(errorCode.invalidRequest, `${given} replication factor was not set to -1.`)
  }
  if (numPartitions !== useDefault) {
    throw new Refusal(errorCode.invalidRequest, `${given} numPartitions was not set to -1.`)
  }
  const byIndex = new Map<number, number[]>()
  for (const { partitionIndex, brokerIds } of assignments) {
    if (byIndex.has(partitionIndex)) {
      const message = `Found multiple manual partition assignments for partition ${partitionIndex}`
      throw new Refusal(errorCode.invalidReplicaAssignment, message)
    }
    byIndex.set(partitionIndex, brokerIds)
  }
  const replicas = [...byIndex].toSorted(([left], [right]) => left - right).map(([, brokerIds]) => brokerIds)
  checkAssignments(
    replicas,
    broker.cluster.nodes.map(({ nodeId }) => nodeId),
  )
  if (replicas.some((_, index) => !byIndex.has(index))) {
    const message = 'partitions should be a consecutive 0-based integer sequence'
    throw new Refusal(errorCode.invalidReplicaAssignment, message)
  }
  return replicas
}

function create(wanted: Wanted, { configs, replicas }: Plan, validateOnly: boolean, context: HandlerContext): Created {
  const { cluster, clock } = context.broker
  const topic = validateOnly ? undefined : cluster.addTopic(wanted.name, configs, replicas)
  const asGiven = new Map(wanted.configs.map(({ name, value }) => [name, value]))
  return {
    name: wanted.name,
    // Kafka makes up an id also for a topic that it only checks.
    topicId: topic?.id ?? randomUuid(clock),
    errorCode: errorCode.none,
    errorMessage: null,
    numPartitions: replicas.length,
    replicationFactor: replicas[0]?.length ?? 0,
    configs: [...topicConfigDefinitions].map(([name, definition]) => {
      const [inForce] = cluster.configs.topicValues(configs, name, context.nodeId)
      return {
        name,
        value: asGiven.get(name) ?? inForce?.value ?? definition.value,
        readOnly: false,
        configSource: inForce?.source ?? configSource.default,
        isSensitive: false,
      }
    }),
  }
}

function refused(name: string, code: number, errorMessage: string): Created {
  return { name, topicId: nilUuid, errorCode: code, errorMessage, configs: [] }
}
