/** Reads a record of a dead-letter topic: its headers say why it died, its value is decoded as far as it can be. A dead letter
 *  is there to be looked at, so nothing about it is a failure, not even headers that are missing. */
import { HoldfastError } from '../model/errors.ts'
import {
  type HandedOff,
  headerNames,
  readHandedOff,
  valueTooLarge,
  withoutOursOfDeadLetter,
} from '../model/handed-off.ts'
import { Message, type ValueDecoder } from '../model/message.ts'
import type { KafkaRecord } from '../model/record.ts'
import type { TopicPartition } from '../model/topic-partition.ts'
import type { DeadLetter, DeadLetterError, DeadLetterSource } from './dead-letters.ts'

/** The message is where the dead letter lies; its source is in the value. `decoder` is that of the source topic. */
export function deadLetterMessage<Out>(
  record: KafkaRecord,
  at: TopicPartition,
  decoder: ValueDecoder<Out>,
): Message<DeadLetter<Out>> {
  const { offset, timestampMs } = record
  const headers = withoutOursOfDeadLetter(record.headers)
  const origin = { topic: at.topic, partition: at.partition, offset, timestampMs, headers }
  const ofDeadLetter = { decode: (bytes: Uint8Array | null) => readDeadLetter(record, bytes, decoder) }
  return new Message(at.topic, at.partition, record, ofDeadLetter, origin)
}

function readDeadLetter<Out>(
  record: KafkaRecord,
  bytes: Uint8Array | null,
  decoder: ValueDecoder<Out>,
): DeadLetter<Out> | Promise<DeadLetter<Out>> {
  const told = readHandedOff(record.headers)
  const decoded = (value: Out): DeadLetter<Out> => deadLetter(told, value, undefined)
  const failed = (error: unknown): DeadLetter<Out> => deadLetter<Out>(told, undefined, problemOf(error))
  if (isReference(record)) return deadLetter<Out>(told, undefined, missingValue)
  try {
    const value = decoder.decode(bytes)
    return value instanceof Promise ? value.then(decoded, failed) : decoded(value)
  } catch (error) {
    return failed(error)
  }
}

const missingValue = 'the value was too large for the dead-letter topic; it is where the record was'

function isReference(record: KafkaRecord): boolean {
  return record.headers.some(({ key, value }) => key === headerNames.reference && value?.toString() === valueTooLarge)
}

/** What a stranger's error says may quote the body, which does not belong into a text that is logged. */
function problemOf(error: unknown): string {
  if (error instanceof HoldfastError) return error.message
  return `the value cannot be decoded: the codec threw ${error instanceof Error ? error.name : typeof error}`
}

function deadLetter<Out>(told: HandedOff, value: Out | undefined, problem: string | undefined): DeadLetter<Out> {
  return {
    value,
    problem,
    source: sourceOf(told),
    attempts: told.attempts === 0 ? undefined : told.attempts,
    firstFailed: told.firstFailedAtMs === null ? undefined : new Date(told.firstFailedAtMs),
    error: errorOf(told),
    redriveCount: told.redriveCount,
  }
}

function sourceOf({ source }: HandedOff): DeadLetterSource | undefined {
  if (source === null) return undefined
  const { topic, partition, offset, timestampMs, group } = source
  const timestamp = timestampMs === null ? undefined : new Date(timestampMs)
  return { topic, partition: partition ?? undefined, offset: offset ?? undefined, timestamp, group: group ?? undefined }
}

function errorOf({ error }: HandedOff): DeadLetterError | undefined {
  if (Object.values(error).every((part) => part === null)) return undefined
  const { class: name, code, message, stack } = error
  return {
    class: name ?? undefined,
    code: code ?? undefined,
    message: message ?? undefined,
    stack: stack ?? undefined,
  }
}
