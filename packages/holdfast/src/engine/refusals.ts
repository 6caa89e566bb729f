/** What a coordinator answers that no repetition mends, and what its reader should do about it. */
import { kafkaErrors } from '../model/kafka-errors.ts'

export type Refusal = {
  readonly code: 'FENCED' | 'AUTHORIZATION_FAILED' | 'KAFKA_ERROR'
  readonly problem: string
  readonly remedy: string
}

/** Answers that no repetition mends. */
export const refusals: ReadonlyMap<number, Refusal> = new Map([
  [
    kafkaErrors.FENCED_INSTANCE_ID,
    {
      code: 'FENCED',
      problem: 'expected to be the only member with its instance id, got FENCED_INSTANCE_ID',
      remedy: 'Give every process an instance id of its own.',
    },
  ],
  [
    kafkaErrors.GROUP_AUTHORIZATION_FAILED,
    {
      code: 'AUTHORIZATION_FAILED',
      problem: 'expected to be allowed to read the group, got GROUP_AUTHORIZATION_FAILED',
      remedy: 'Grant the principal Read on the group.',
    },
  ],
  [
    kafkaErrors.INCONSISTENT_GROUP_PROTOCOL,
    {
      code: 'KAFKA_ERROR',
      problem: 'expected the group to share an assignment protocol with us, got INCONSISTENT_GROUP_PROTOCOL',
      remedy:
        "Give all members one protocol: the assignor roundrobin or range for 'eager', cooperative-sticky for 'cooperative'.",
    },
  ],
  [
    kafkaErrors.INVALID_GROUP_ID,
    {
      code: 'KAFKA_ERROR',
      problem: 'expected a group id that the broker accepts, got INVALID_GROUP_ID',
      remedy: 'Choose another group id.',
    },
  ],
  [
    kafkaErrors.INVALID_SESSION_TIMEOUT,
    {
      code: 'KAFKA_ERROR',
      problem: 'expected the broker to accept the session timeout, got INVALID_SESSION_TIMEOUT',
      remedy:
        'Keep sessionTimeout between group.min.session.timeout.ms and group.max.session.timeout.ms of the broker.',
    },
  ],
])
