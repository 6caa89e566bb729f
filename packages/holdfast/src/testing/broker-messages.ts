/** Where the messages of the port and those of the broker's core differ although both follow the protocol guide: what the
 *  core needs filled in on the way there, and what may be null on the way back. All versions are the newest. */

import type { ApiName, DecodedResponse } from '@holdfast/broker'
import type { KafkaApi, RequestOf, ResponseOf } from '../kafka/port.ts'

const nilUuid = '00000000-0000-0000-0000-000000000000'

type Rows = {
  readonly [A in KafkaApi & ApiName]?: {
    request?(request: RequestOf<A>): object
    answer?(answer: DecodedResponse<A>): ResponseOf<A>
  }
}

const rows: Rows = {
  Metadata: {
    request: ({ topics, allowAutoTopicCreation }) => ({
      topics: topics?.map((name) => ({ topicId: nilUuid, name })) ?? null,
      allowAutoTopicCreation,
    }),
    answer: (answer) => ({
      ...answer,
      topics: answer.topics.map((topic) => ({ ...topic, name: topic.name ?? '' })),
    }),
  },
  DeleteTopics: {
    request: ({ topicNames, timeoutMs }) => ({
      topics: topicNames.map((name) => ({ name, topicId: nilUuid })),
      timeoutMs,
    }),
    answer: ({ responses }) => ({ responses: responses.map((each) => ({ ...each, name: each.name ?? '' })) }),
  },
  Fetch: {
    answer: (answer) => ({
      ...answer,
      responses: answer.responses.map((topic) => ({
        ...topic,
        partitions: topic.partitions.map((partition) => ({
          ...partition,
          abortedTransactions: partition.abortedTransactions ?? [],
          // A copy, as after every real journey: a handler that writes into its value must not write into the log.
          records: Buffer.from(partition.records ?? []),
        })),
      })),
    }),
  },
}

export function toBroker<A extends KafkaApi>(api: A, request: RequestOf<A>): object {
  return rows[api]?.request?.(request) ?? request
}

export function fromBroker<A extends KafkaApi>(api: A, answer: object): ResponseOf<A> {
  return rows[api]?.answer?.(answer as never) ?? (answer as ResponseOf<A>)
}
