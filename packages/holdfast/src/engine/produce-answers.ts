/** What an answer to Produce means for a batch (R30). The table decides; `producer-flow.ts` acts on it.
 *
 *  stored    acknowledged, now or by an earlier attempt whose answer was lost
 *  resend    may pass: the same bytes again after a backoff, which an idempotent producer may always do
 *  tooLarge  split it, or give up if it is a single record
 *  unknown   the broker's memory of this producer and ours differ: nobody can say whether the batch is stored
 *  fenced    another producer took over; the end
 *  refused   never stored and never will be */
export type Verdict = 'stored' | 'resend' | 'tooLarge' | 'unknown' | 'fenced' | 'refused'

type Answer = {
  readonly name: string
  readonly verdict: Verdict
  /** The broker looks at this before it appends: this attempt stored nothing. Anything else may come after an append. */
  readonly isCertain?: boolean
  readonly remedy?: string
}

const answers: ReadonlyMap<number, Answer> = new Map<number, Answer>([
  [0, { name: 'NONE', verdict: 'stored' }],
  [46, { name: 'DUPLICATE_SEQUENCE_NUMBER', verdict: 'stored' }],

  [-1, { name: 'UNKNOWN_SERVER_ERROR', verdict: 'resend' }],
  [2, { name: 'CORRUPT_MESSAGE', verdict: 'resend', isCertain: true }],
  [
    3,
    {
      name: 'UNKNOWN_TOPIC_OR_PARTITION',
      verdict: 'resend',
      isCertain: true,
      remedy: 'Check that the topic still exists and that the principal may see it.',
    },
  ],
  [5, { name: 'LEADER_NOT_AVAILABLE', verdict: 'resend' }],
  [6, { name: 'NOT_LEADER_OR_FOLLOWER', verdict: 'resend' }],
  [7, { name: 'REQUEST_TIMED_OUT', verdict: 'resend' }],
  [9, { name: 'REPLICA_NOT_AVAILABLE', verdict: 'resend' }],
  [13, { name: 'NETWORK_EXCEPTION', verdict: 'resend' }],
  [
    19,
    {
      name: 'NOT_ENOUGH_REPLICAS',
      verdict: 'resend',
      isCertain: true,
      remedy: 'Bring the missing brokers back, or lower min.insync.replicas of the topic.',
    },
  ],
  [20, { name: 'NOT_ENOUGH_REPLICAS_AFTER_APPEND', verdict: 'resend' }],
  [56, { name: 'KAFKA_STORAGE_ERROR', verdict: 'resend' }],
  [74, { name: 'FENCED_LEADER_EPOCH', verdict: 'resend' }],
  [75, { name: 'UNKNOWN_LEADER_EPOCH', verdict: 'resend' }],
  [89, { name: 'THROTTLING_QUOTA_EXCEEDED', verdict: 'resend' }],
  [100, { name: 'UNKNOWN_TOPIC_ID', verdict: 'resend' }],
  [103, { name: 'INCONSISTENT_TOPIC_ID', verdict: 'resend' }],

  [
    10,
    {
      name: 'MESSAGE_TOO_LARGE',
      verdict: 'tooLarge',
      isCertain: true,
      remedy: 'Raise max.message.bytes of the topic.',
    },
  ],

  [45, { name: 'OUT_OF_ORDER_SEQUENCE_NUMBER', verdict: 'unknown' }],
  [47, { name: 'INVALID_PRODUCER_EPOCH', verdict: 'unknown' }],
  [59, { name: 'UNKNOWN_PRODUCER_ID', verdict: 'unknown' }],

  [90, { name: 'PRODUCER_FENCED', verdict: 'fenced' }],

  [
    17,
    { name: 'INVALID_TOPIC_EXCEPTION', verdict: 'refused', isCertain: true, remedy: 'Check the name of the topic.' },
  ],
  [
    29,
    {
      name: 'TOPIC_AUTHORIZATION_FAILED',
      verdict: 'refused',
      isCertain: true,
      remedy: 'Allow WRITE on the topic to this principal.',
    },
  ],
  [
    31,
    {
      name: 'CLUSTER_AUTHORIZATION_FAILED',
      verdict: 'refused',
      isCertain: true,
      remedy: 'Allow IDEMPOTENT_WRITE to this principal.',
    },
  ],
  [
    32,
    {
      name: 'INVALID_TIMESTAMP',
      verdict: 'refused',
      isCertain: true,
      remedy: 'Check message.timestamp.*.max.ms of the topic.',
    },
  ],
  [
    87,
    {
      name: 'INVALID_RECORD',
      verdict: 'refused',
      isCertain: true,
      remedy: 'Check the rules of the topic: a compacted topic takes no record without a key.',
    },
  ],
])

const unlisted: Answer = {
  name: 'ERROR',
  verdict: 'refused',
  remedy: 'Look up the error code in the Kafka protocol guide.',
}

export function answerTo(errorCode: number): Answer {
  return answers.get(errorCode) ?? { ...unlisted, name: `ERROR_${errorCode}` }
}
