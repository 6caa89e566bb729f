/** Everything in the broker that could grow has a limit, and this is where most of them are. */

/** `socket.request.max.bytes`: Kafka's own limit on one request. */
export const frameBytesMax: number = 100 * 1024 * 1024
/** `sasl.server.max.receive.size`: Kafka's own limit on a request of somebody who has not signed in. */
export const frameBytesBeforeSaslMax: number = 512 * 1024
/** `group.max.size`: Kafka sets no limit by itself. */
export const groupSizeMax = 2_147_483_647
/** Clients of a test open a handful; a leak should be noticed before the machine runs out of descriptors. */
export const connectionsMax = 1_000
/** Everything is kept in memory. A test that needs more is a test for a real cluster. */
export const topicBytesMax: number = 256 * 1024 * 1024
/** `transaction.max.timeout.ms`: Kafka's own default, fifteen minutes. */
export const transactionTimeoutMsMax: number = 15 * 60 * 1000
/** Enough to look back on a test; not a log. */
export const historyEntriesMax = 10_000
export const historyBytesMax: number = 16 * 1024 * 1024
/** Not 0, which clients send where they mean nobody: it must not happen to be somebody. */
export const firstProducerId = 1_000
