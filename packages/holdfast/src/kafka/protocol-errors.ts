/** The error codes of the Kafka protocol that answers to our requests can carry: number, name and meaning. What to do
 *  about each is decided where the answer is handled, never here. */

const rows = [
  ['UNKNOWN_SERVER_ERROR', -1, 'the broker met an error that it has no code for'],
  ['NONE', 0, 'no error'],
  ['OFFSET_OUT_OF_RANGE', 1, 'the offset is outside what the partition holds'],
  ['CORRUPT_MESSAGE', 2, 'a record batch failed its checksum or is malformed'],
  ['UNKNOWN_TOPIC_OR_PARTITION', 3, 'the broker does not know or does not host the topic or partition'],
  ['INVALID_FETCH_SIZE', 4, 'the fetch size is not valid'],
  ['LEADER_NOT_AVAILABLE', 5, 'the partition has no leader at the moment'],
  ['NOT_LEADER_OR_FOLLOWER', 6, 'the broker does not lead the partition any more'],
  ['REQUEST_TIMED_OUT', 7, 'the broker could not finish the request in time'],
  ['BROKER_NOT_AVAILABLE', 8, 'the broker is not available'],
  ['REPLICA_NOT_AVAILABLE', 9, 'the replica is not available'],
  ['MESSAGE_TOO_LARGE', 10, 'the batch is larger than the broker or the topic allows'],
  ['OFFSET_METADATA_TOO_LARGE', 12, 'the commit metadata is longer than the broker allows'],
  ['NETWORK_EXCEPTION', 13, 'the broker lost a connection while serving the request'],
  ['COORDINATOR_LOAD_IN_PROGRESS', 14, 'the coordinator is still loading the state of the group'],
  ['COORDINATOR_NOT_AVAILABLE', 15, 'the group has no coordinator at the moment'],
  ['NOT_COORDINATOR', 16, 'the broker does not coordinate the group any more'],
  ['INVALID_TOPIC_EXCEPTION', 17, 'the topic name is not legal, or the topic is internal'],
  ['RECORD_LIST_TOO_LARGE', 18, 'the batch is larger than a segment of the log'],
  ['NOT_ENOUGH_REPLICAS', 19, 'fewer replicas are in sync than the topic demands'],
  ['NOT_ENOUGH_REPLICAS_AFTER_APPEND', 20, 'the batch was appended, but on fewer replicas than the topic demands'],
  ['INVALID_REQUIRED_ACKS', 21, 'the number of acknowledgements asked for is not valid'],
  ['ILLEGAL_GENERATION', 22, 'the generation is not the current one of the group'],
  ['INCONSISTENT_GROUP_PROTOCOL', 23, 'the group shares no assignment protocol with this member'],
  ['INVALID_GROUP_ID', 24, 'the group id is not valid'],
  ['UNKNOWN_MEMBER_ID', 25, 'the coordinator does not know the member'],
  ['INVALID_SESSION_TIMEOUT', 26, 'the session timeout is outside what the broker allows'],
  ['REBALANCE_IN_PROGRESS', 27, 'the group is rebalancing'],
  ['INVALID_COMMIT_OFFSET_SIZE', 28, 'the commit is too large'],
  ['TOPIC_AUTHORIZATION_FAILED', 29, 'the principal may not use the topic'],
  ['GROUP_AUTHORIZATION_FAILED', 30, 'the principal may not use the group'],
  ['CLUSTER_AUTHORIZATION_FAILED', 31, 'the principal may not do this to the cluster'],
  ['INVALID_TIMESTAMP', 32, 'the timestamp of a record is out of range'],
  ['UNSUPPORTED_SASL_MECHANISM', 33, 'the broker does not offer the SASL mechanism'],
  ['ILLEGAL_SASL_STATE', 34, 'the request does not fit the state of the authentication'],
  ['UNSUPPORTED_VERSION', 35, 'the broker does not support the version of the API'],
  ['TOPIC_ALREADY_EXISTS', 36, 'the topic exists already'],
  ['INVALID_PARTITIONS', 37, 'the number of partitions is not valid'],
  ['INVALID_REPLICATION_FACTOR', 38, 'the replication factor is not valid or exceeds the number of brokers'],
  ['INVALID_REPLICA_ASSIGNMENT', 39, 'the replica assignment is not valid'],
  ['INVALID_CONFIG', 40, 'a configuration value is not valid'],
  ['NOT_CONTROLLER', 41, 'the broker is not the controller'],
  ['INVALID_REQUEST', 42, 'the request contradicts itself or misses something'],
  ['UNSUPPORTED_FOR_MESSAGE_FORMAT', 43, 'the message format of the topic does not support this'],
  ['POLICY_VIOLATION', 44, 'a policy of the cluster forbids this'],
  ['OUT_OF_ORDER_SEQUENCE_NUMBER', 45, 'a batch of the producer is missing before this one'],
  ['DUPLICATE_SEQUENCE_NUMBER', 46, 'the batch is stored already'],
  ['INVALID_PRODUCER_EPOCH', 47, 'the epoch of the producer is an old one'],
  ['INVALID_TXN_STATE', 48, 'the transaction is in no state for this'],
  ['INVALID_PRODUCER_ID_MAPPING', 49, 'the producer id does not belong to the transactional id'],
  ['INVALID_TRANSACTION_TIMEOUT', 50, 'the transaction timeout is longer than the broker allows'],
  ['CONCURRENT_TRANSACTIONS', 51, 'the previous transaction is still being completed'],
  ['TRANSACTION_COORDINATOR_FENCED', 52, 'another coordinator took over the transaction'],
  ['TRANSACTIONAL_ID_AUTHORIZATION_FAILED', 53, 'the principal may not use the transactional id'],
  ['SECURITY_DISABLED', 54, 'the cluster has no security features configured'],
  ['OPERATION_NOT_ATTEMPTED', 55, 'not tried, because another part of the request failed'],
  ['KAFKA_STORAGE_ERROR', 56, 'the disk of the broker failed'],
  ['SASL_AUTHENTICATION_FAILED', 58, 'the credentials are wrong'],
  ['UNKNOWN_PRODUCER_ID', 59, 'the broker has forgotten the producer'],
  ['DELEGATION_TOKEN_EXPIRED', 66, 'the delegation token has expired'],
  ['GROUP_ID_NOT_FOUND', 69, 'the group does not exist'],
  ['FETCH_SESSION_ID_NOT_FOUND', 70, 'the broker does not know the fetch session'],
  ['INVALID_FETCH_SESSION_EPOCH', 71, 'the epoch of the fetch session is not the expected one'],
  ['LISTENER_NOT_FOUND', 72, 'the leader has no listener of the name that the client uses'],
  ['TOPIC_DELETION_DISABLED', 73, 'the broker does not allow topics to be deleted'],
  ['FENCED_LEADER_EPOCH', 74, 'the client knows an older leader than the broker'],
  ['UNKNOWN_LEADER_EPOCH', 75, 'the client knows a newer leader than the broker'],
  ['UNSUPPORTED_COMPRESSION_TYPE', 76, 'the broker does not know the compression'],
  ['STALE_BROKER_EPOCH', 77, 'the broker has restarted since'],
  ['OFFSET_NOT_AVAILABLE', 78, 'the new leader has not caught up to what was readable before'],
  ['MEMBER_ID_REQUIRED', 79, 'the member must join again with the id it was given'],
  ['PREFERRED_LEADER_NOT_AVAILABLE', 80, 'the preferred leader is not available'],
  ['GROUP_MAX_SIZE_REACHED', 81, 'the group has as many members as it may have'],
  ['FENCED_INSTANCE_ID', 82, 'another member has joined with the same instance id'],
  ['INVALID_RECORD', 87, 'the broker refused a record'],
  ['UNSTABLE_OFFSET_COMMIT', 88, 'a transaction that commits the offset is still open'],
  ['THROTTLING_QUOTA_EXCEEDED', 89, 'the quota is used up for the moment'],
  ['PRODUCER_FENCED', 90, 'another producer with the same transactional id took over'],
  ['UNKNOWN_TOPIC_ID', 100, 'the broker does not know the topic id'],
  ['INCONSISTENT_TOPIC_ID', 103, 'the topic id is not that of the log'],
  ['FETCH_SESSION_TOPIC_ID_ERROR', 106, 'the fetch session mixes topic names and ids'],
  ['OFFSET_MOVED_TO_TIERED_STORAGE', 109, 'the offset lies in tiered storage'],
  ['FENCED_MEMBER_EPOCH', 110, 'the member epoch is fenced; the member must join again'],
  ['UNRELEASED_INSTANCE_ID', 111, 'another member still holds the instance id'],
  ['UNSUPPORTED_ASSIGNOR', 112, 'the coordinator does not know the assignor'],
  ['STALE_MEMBER_EPOCH', 113, 'the member epoch is not the current one'],
  ['TRANSACTION_ABORTABLE', 120, 'the transaction failed and must be aborted'],
] as const

type Row = (typeof rows)[number]
export type ErrorName = Row[0]

/** Numbers by name: `errorCodes.REBALANCE_IN_PROGRESS` is 27. */
export const errorCodes: { readonly [R in Row as R[0]]: R[1] } = Object.fromEntries(rows) as never

const byCode: ReadonlyMap<number, Row> = new Map(rows.map((row) => [row[1], row]))

/** The name for logs and errors: `REBALANCE_IN_PROGRESS`, or `ERROR_999` for a code we do not know. */
export function errorName(code: number): string {
  return byCode.get(code)?.[0] ?? `ERROR_${code}`
}

/** One clause that says what the code means. */
export function errorMeaning(code: number): string {
  return byCode.get(code)?.[2] ?? 'an error of a later version of Kafka'
}
