/** CreatePartitions: 0–3. Makes a topic wider; never narrower. 2: flexible · 3: as 2 */

import type { Handler, HandlerContext } from '../core/broker-state.ts'
import { partitionsMax } from '../core/cluster.ts'
import type { RequestOf, ResponseOf } from '../protocol/apis.ts'
import { errorCode, Refusal } from '../protocol/error-code.ts'
import { checkAssignments } from '../core/replica-placement.ts'

type Wanted = RequestOf<'CreatePartitions'>['topics'][number]
type Outcome = ResponseOf<'CreatePartitions'>['results'][number]

export const createPartitions: Handler<'CreatePartitions'> = (request, context) => {
  const byName = Map.groupBy(request.topics, ({ name }) => name)
  return {
    results: [...byName].map(([name, [wanted, ...twins]]) => {
      if (twins.length > 0) return refused(name, errorCode.invalidRequest, 'Duplicate topic name.')
      return widen(wanted as Wanted, request.validateOnly, context)
    }),
  }
}

function widen(wanted: Wanted, validateOnly: boolean, context: HandlerContext): Outcome {
  const { cluster } = context.broker
  const { name, count, assignments } = wanted
  const topic = cluster.topic(name)
  if (topic === undefined) return refused(name, errorCode.unknownTopicOrPartition, null)
  const existing = topic.partitions.length
  if (count === existing) {
    return refused(name, errorCode.invalidPartitions, `Topic already has ${existing} partition(s).`)
  }
  if (count < existing) {
    const message = `The topic ${name} currently has ${existing} partition(s); ${count} would not be an increase.`
    return refused(name, errorCode.invalidPartitions, message)
  }
  const added = count - existing
  if (assignments !== null && assignments.length !== added) {
    const message = `but only ${assignments.length} assignment(s) were specified.`
    return refused(
      name,
      errorCode.invalidReplicaAssignment,
      `Attempted to add ${added} additional partition(s), ${message}`,
    )
  }
  // Kafka's controller cannot write that many at once, and says no more than that.
  if (added >= partitionsMax) return refused(name, errorCode.unknownServerError, null)
  try {
    const factor = topic.partitions[0]?.replicas.length ?? 1
    const replicas =
      assignments?.map(({ brokerIds }) => brokerIds) ?? cluster.placePartitions(topic, existing, count, factor)
    checkAssignments(
      replicas,
      cluster.nodes.map(({ nodeId }) => nodeId),
      factor,
    )
    if (!validateOnly) cluster.addPartitions(topic, replicas)
    return refused(name, errorCode.none, null)
  } catch (error) {
    if (error instanceof Refusal) return refused(name, error.code, error.message)
    throw error
  }
}

function refused(name: string, code: number, errorMessage: string | null): Outcome {
  return { name, errorCode: code, errorMessage }
}
