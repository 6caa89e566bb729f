/** CreateTopics: 2–7. 2: throttle · 4: −1 takes the defaults · 5: flexible, configuration in the answer · 7: topic id
 *
 *  Manual replica assignments are refused (39): there is one replica and the broker chooses where it is. */

import { type BrokerState, type Handler } from '../core/broker-state.ts'
import { randomUuid } from '../core/clock.ts'
import { topicConfigDefaults } from '../core/topic-configs.ts'
import { type RequestOf, type ResponseOf } from '../protocol/apis.ts'
import { errorCode, Refusal } from '../protocol/error-code.ts'

type Wanted = RequestOf<'CreateTopics'>['topics'][number]
type Created = ResponseOf<'CreateTopics'>['topics'][number]

const nilUuid = '00000000-0000-0000-0000-000000000000'
/** Where a value comes from, in the numbers of the protocol. */
export const configSource = { topic: 1, default: 5, staticBroker: 4 } as const
const defaultPartitions = 1
const defaultReplicationFactor = 1

export const createTopics: Handler<'CreateTopics'> = (request, { broker }) => {
  const counts = Map.groupBy(request.topics, ({ name }) => name)
  return {
    throttleTimeMs: 0,
    topics: [...counts].map(([name, [topic, ...twins]]) => {
      if (twins.length > 0) return refused(name, errorCode.invalidRequest, 'Duplicate topic name.')
      return createOne(topic as Wanted, request.validateOnly, broker)
    }),
  }
}

function createOne(wanted: Wanted, validateOnly: boolean, broker: BrokerState): Created {
  const { name } = wanted
  const configs = new Map(wanted.configs.map((config) => [config.name, config.value]))
  const partitions = wanted.numPartitions === -1 ? defaultPartitions : wanted.numPartitions
  try {
    checkReplicas(wanted, broker.cluster.nodes.length)
    broker.cluster.checkNewTopic(name, partitions, configs)
    const given = Object.fromEntries([...configs].map(([key, value]) => [key, value ?? '']))
    const topic = validateOnly ? undefined : broker.cluster.createTopic(name, { partitions, configs: given })
    return {
      name,
      // Kafka makes up an id also for a topic that it only checks.
      topicId: topic?.id ?? randomUuid(broker.clock),
      errorCode: errorCode.none,
      errorMessage: null,
      numPartitions: partitions,
      replicationFactor: wanted.replicationFactor === -1 ? defaultReplicationFactor : wanted.replicationFactor,
      configs: [...topicConfigDefaults].map(([key, entry]) => ({
        name: key,
        value: configs.get(key) ?? entry.value,
        readOnly: false,
        configSource: configs.has(key) ? configSource.topic : configSource.default,
        isSensitive: false,
      })),
    }
  } catch (error) {
    if (error instanceof Refusal) return refused(name, error.code, error.message)
    throw error
  }
}

function checkReplicas({ replicationFactor, assignments }: Wanted, nodes: number): void {
  if (assignments.length > 0) {
    throw new Refusal(errorCode.invalidReplicaAssignment, 'manual replica assignments are not served')
  }
  if (replicationFactor === -1) return
  if (replicationFactor < 1) {
    throw new Refusal(
      errorCode.invalidReplicationFactor,
      'Replication factor must be larger than 0, or -1 to use the default value.',
    )
  }
  if (replicationFactor > nodes) {
    throw new Refusal(
      errorCode.invalidReplicationFactor,
      `Unable to replicate the partition ${replicationFactor} time(s): only ${nodes} broker(s) are registered.`,
    )
  }
}

function refused(name: string, code: number, errorMessage: string): Created {
  return { name, topicId: nilUuid, errorCode: code, errorMessage, configs: [] }
}
