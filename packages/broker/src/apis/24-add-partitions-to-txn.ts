/** AddPartitionsToTxn: 0–3. Partitions join a transaction, all of them or none.
 *
 *  * 2: a fenced producer is told 90, not 47 · 3: flexible
 *
 *  From 4 on only brokers speak it, among themselves: Kafka refuses it to a client without their rights. */

import type { Handler, HandlerContext } from '../core/broker-state.ts'
import type { RequestOf } from '../protocol/apis.ts'
import { errorCode, type ErrorCode } from '../protocol/error-code.ts'
import { coordinatorProblem, toldFenced } from '../transactions/answers.ts'

const fencedVersion = 2
/** Kafka's own topics, which no client may write to. They do not exist here and are refused all the same. */
const internalTopics = ['__consumer_offsets', '__transaction_state']

export const addPartitionsToTxn: Handler<'AddPartitionsToTxn'> = (request, context) => {
  const problems = request.topics.map(({ name, partitions }) =>
    partitions.map((index) => problemOf(name, index, context)),
  )
  const isLegal = problems.flat().every((code) => code === errorCode.none)
  const decided = isLegal ? add(request, context) : errorCode.operationNotAttempted
  const results = request.topics.map(({ name, partitions }, at) => ({
    name,
    partitions: partitions.map((partitionIndex, index) => {
      const problem = problems[at]?.[index] ?? errorCode.none
      return { partitionIndex, errorCode: problem === errorCode.none ? decided : problem }
    }),
  }))
  return { throttleTimeMs: 0, results }
}

function problemOf(topic: string, partition: number, { broker }: HandlerContext): ErrorCode {
  if (internalTopics.includes(topic)) return errorCode.topicAuthorizationFailed
  return broker.cluster.partition(topic, partition) === undefined ? errorCode.unknownTopicOrPartition : errorCode.none
}

function add(request: RequestOf<'AddPartitionsToTxn'>, context: HandlerContext): ErrorCode {
  const { transactionalId, topics, ...identity } = request
  const problem = coordinatorProblem(transactionalId, context)
  if (problem !== errorCode.none) return problem
  const partitions = topics.flatMap(({ name, partitions: all }) => all.map((partition) => ({ topic: name, partition })))
  const code = context.broker.transactions.add(transactionalId, identity, { partitions, groups: [] })
  return toldFenced(code, context.version, fencedVersion)
}
