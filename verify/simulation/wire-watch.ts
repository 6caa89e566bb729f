/** Writes down what one machine sends and hears, where its cable is plugged in: when each request went out, and when its answer
 *  arrived or the hope for it ended. What a machine cannot have heard, no law may hold against it. */

import { decodeAssignment, decodeSubscription } from '../../packages/holdfast/src/kafka/group-protocol.ts'
import {
  type CallOptions,
  type KafkaApi,
  type KafkaPort,
  type NodeAddress,
  PortError,
  type RequestOf,
  type ResponseOf,
} from '../../packages/holdfast/src/kafka/port.ts'
import { type OpenPort } from '../../packages/holdfast/src/runtime/environment.ts'
import { type Heard, type Partition, type Sent, type Trace } from './trace.ts'

/** A port that does what the other one does, and tells the trace. */
export function watchedPort(port: OpenPort, machine: string, trace: Trace): OpenPort {
  let isClosed = false
  const call = <A extends KafkaApi>(
    node: NodeAddress,
    api: A,
    request: RequestOf<A>,
    options: CallOptions,
  ): Promise<ResponseOf<A>> => {
    // From a closed port nothing leaves the machine.
    if (isClosed) return port.call(node, api, request, options)
    const told = { machine, api, call: trace.nextCall() }
    trace.add({ kind: 'sent', ...told, timeoutMs: options.timeoutMs, ...detailsOf(api, request) })
    const answered = port.call(node, api, request, options)
    // Beside the promise, so that it takes whoever waits for it no longer than without us, and always before him.
    answered.then(
      (answer) => trace.add({ kind: 'heard', ...told, ...newsOf(api, answer) }),
      (error: unknown) => trace.add({ kind: 'heard', ...told, answer: failureOf(error), ...nothing }),
    )
    return answered
  }
  const close = (): void => {
    isClosed = true
    port.close()
  }
  return { codec: port.codec, call: call satisfies KafkaPort['call'], close }
}

type Details = Pick<Sent, 'memberId' | 'generation' | 'partitions'>
type News = Pick<Heard, 'answer' | 'memberId' | 'generation' | 'partitions'>

const nothing: Details = { memberId: '', generation: -1, partitions: [] }

/** As whom it speaks, and of which partitions. */
function detailsOf(api: KafkaApi, request: object): Details {
  switch (api) {
    case 'JoinGroup': {
      const { memberId, protocols } = request as RequestOf<'JoinGroup'>
      const [first] = protocols
      return {
        ...nothing,
        memberId,
        partitions: first === undefined ? [] : decodeSubscription(first.metadata).ownedPartitions,
      }
    }
    case 'SyncGroup':
    case 'Heartbeat': {
      const { memberId, generationId } = request as RequestOf<'SyncGroup' | 'Heartbeat'>
      return { ...nothing, memberId, generation: generationId }
    }
    case 'LeaveGroup':
      return { ...nothing, memberId: (request as RequestOf<'LeaveGroup'>).members[0]?.memberId ?? '' }
    case 'OffsetCommit': {
      const { memberId, generationIdOrMemberEpoch: generation, topics } = request as RequestOf<'OffsetCommit'>
      const partitions = topics.flatMap(({ name, partitions: each }) =>
        each.map(({ partitionIndex }) => ({ topic: name, partition: partitionIndex })),
      )
      return { memberId, generation, partitions }
    }
    case 'Produce': {
      const { topics } = request as RequestOf<'Produce'>
      const written = ({ name, partitions }: (typeof topics)[number]): Partition[] =>
        partitions.map(({ index }) => ({ topic: name, partition: index }))
      return { ...nothing, partitions: topics.flatMap(written) }
    }
    default:
      return nothing
  }
}

/** What an answer says to whoever understands it: the first error, and what was given. */
function newsOf(api: KafkaApi, answer: object): News {
  switch (api) {
    case 'JoinGroup': {
      const { errorCode, memberId, generationId } = answer as ResponseOf<'JoinGroup'>
      return { ...nothing, answer: errorCode, memberId, generation: generationId }
    }
    case 'SyncGroup': {
      const { errorCode, assignment } = answer as ResponseOf<'SyncGroup'>
      const partitions = errorCode !== 0 || assignment.length === 0 ? [] : decodeAssignment(assignment)
      return { ...nothing, answer: errorCode, partitions }
    }
    case 'Heartbeat':
    case 'LeaveGroup':
    case 'Fetch':
      return { ...nothing, answer: (answer as { errorCode: number }).errorCode }
    case 'OffsetCommit': {
      const codes = (answer as ResponseOf<'OffsetCommit'>).topics.flatMap((each) => each.partitions)
      return { ...nothing, answer: firstError(codes) }
    }
    case 'OffsetFetch':
      return { ...nothing, answer: firstError((answer as ResponseOf<'OffsetFetch'>).groups) }
    case 'FindCoordinator':
      return { ...nothing, answer: firstError((answer as ResponseOf<'FindCoordinator'>).coordinators) }
    case 'Produce':
      return {
        ...nothing,
        answer: firstError((answer as ResponseOf<'Produce'>).responses.flatMap((each) => each.partitions)),
      }
    default:
      return { ...nothing, answer: 0 }
  }
}

function firstError(all: readonly { readonly errorCode: number }[]): number {
  return all.find(({ errorCode }) => errorCode !== 0)?.errorCode ?? 0
}

function failureOf(error: unknown): string {
  return error instanceof PortError ? error.kind : String(error)
}
