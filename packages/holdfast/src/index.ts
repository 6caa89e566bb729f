/** The whole public surface of Holdfast. */

/** Makes an app: the one thing to begin with. */
export { createHoldfast, type Health, type Holdfast } from './api/app.ts'
/** Names a topic and says what is in it. */
export { topic, type KeyOf, type Topic, type TopicOptions } from './api/topic.ts'
/** The dead letters of a topic, to look at. */
export {
  type DeadLetter,
  type DeadLetterError,
  deadLetters,
  type DeadLetterSource,
  type DeadLettersOptions,
} from './api/dead-letters.ts'
/** How values become bytes and back. */
export { bytes, type Codec, json, text } from './api/codec.ts'
/** Any schema library that implements Standard Schema v1. */
export { type SchemaIssue, SchemaMismatch, type StandardSchema } from './api/standard-schema.ts'
/** What can be set. */
export type { AppOptions, ConsumeOptions, FromOption, RetryOptions } from './api/options.ts'
export type { KafkaOptions, SaslOptions, TestKafka } from './api/kafka-options.ts'
export type { DeadLettersOf, DelayTopicOf, Naming } from './api/own-topic-names.ts'
/** One `consume` call. */
export type { Consumer, ConsumerStatus } from './api/consumer.ts'
/** What handlers are and get. */
export { byType, type ByTypeOptions, type TypeHandlers } from './api/by-type.ts'
export type { Handler, HandlerContext } from './api/record-handler.ts'
export type { Message } from './model/message.ts'
export type { Header } from './model/record.ts'
/** What can be sent, and what comes back. */
export type { HeadersGiven, Outgoing, Sent } from './api/send.ts'
/** How a run ends. */
export type { RunOptions } from './api/run.ts'
export type { StopResult } from './runtime/running-app.ts'
/** How it stands. */
export type { PartitionStatus } from './runtime/status.ts'
export type { Outcome, OutcomeCounts } from './model/outcome.ts'
export type { PauseReason } from './model/pause-reason.ts'
export type { TopicPartition } from './model/topic-partition.ts'
/** What it tells. */
export type { HoldfastEventName, HoldfastEvents } from './observe/events.ts'
export type { Logger, LogLevel } from './observe/log.ts'
/** What can go wrong. */
export {
  type ErrorCode,
  errorCodes,
  HoldfastError,
  NonRetriableError,
  RetryAfterError,
  SendError,
  SettingsError,
  type SettingsIssue,
} from './model/errors.ts'
/** Durations as users write them, for values from the environment. */
export { type Duration, parseDuration } from './model/duration.ts'
/** What a test Kafka is made of. */
export type { Clock, Timer } from './runtime/clock.ts'
export type { Environment, OpenPort } from './runtime/environment.ts'
