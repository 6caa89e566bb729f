/** Decides whether the records of a produce request may be stored: what real Kafka refuses is refused with the same code, in
 *  the same order of checks, and in the same two stages. What was found wrong before the log was asked (`batchOf`) is told
 *  without its start, what the log refuses (`checkBatch`) is told with it. */

import { errorCode, type ErrorCode, Refusal } from '../protocol/error-code.ts'
import {
  batchHeaderBytes,
  batchMagic,
  type BatchHeader,
  hasValidChecksum,
  lengthPrefixBytes,
  magicOf,
  openedRecords,
  readBatchHeader,
} from './record-batch.ts'
import { walkRecords } from './records.ts'

export type BatchRules = {
  /** `max.message.bytes` */
  readonly messageBytesMax: number
  /** `message.timestamp.before.max.ms` */
  readonly timestampBehindMsMax: number
  /** `message.timestamp.after.max.ms` */
  readonly timestampAheadMsMax: number
  /** Whether the broker's time replaces the producer's, so that the latter need not be plausible. */
  readonly usesAppendTime: boolean
  /** Whether `cleanup.policy` holds `compact`: a record without a key could never be compacted. */
  readonly isCompacted: boolean
  /** `compression.type`; undefined takes every codec as it comes. */
  readonly codecNumber: number | undefined
  /** Whether a transaction whose producer is new to the log must start with sequence 0 (KIP-890, Produce 12). */
  readonly transactionsStartAtZero?: boolean
}

export type RecordError = { readonly batchIndex: number; readonly batchIndexErrorMessage: string }

/** The log itself refuses a batch, or single records of it. */
export class LogRefusal extends Refusal {
  /** For the client to read; Kafka has a text only where single records are to blame. */
  readonly publicText: string | null
  readonly recordErrors: readonly RecordError[]

  constructor(code: ErrorCode, message: string, recordErrors: readonly RecordError[] = []) {
    super(code, message)
    this.publicText = recordErrors.length === 0 ? null : message
    this.recordErrors = recordErrors
  }
}

/** The bytes cannot be cut into batches at all. Kafka then refuses the whole request, every partition of it. */
export class SenselessBytes extends Refusal {
  constructor(message: string) {
    super(errorCode.corruptMessage, message)
  }
}

/** What the smallest record of the oldest format takes after its length. */
const shortestLength = 14
/** No batch can be told before its magic number. */
const bytesToMagic = 17
/** A record that tells no time is not held against the clock. */
const noTimestamp = -1

/** The only batch in `records`. A cut-off one after it is passed over, as by Kafka. */
export function batchOf(records: Buffer | null): Buffer {
  const batch = nextBatch(records ?? Buffer.alloc(0))
  if (records === null || batch === undefined) throw invalid('expected exactly one record batch, got none')
  if (magicOf(batch) !== batchMagic) throw invalid(`expected record format ${batchMagic}, got ${magicOf(batch)}`)
  if (nextBatch(records.subarray(batch.length)) !== undefined) {
    throw invalid('expected exactly one record batch, got more')
  }
  return batch
}

function nextBatch(bytes: Buffer): Buffer | undefined {
  if (bytes.length < lengthPrefixBytes) return undefined
  const length = bytes.readInt32BE(lengthPrefixBytes - 4)
  if (length < shortestLength) {
    throw new SenselessBytes(`Record size ${length} is less than the minimum record overhead (${shortestLength})`)
  }
  if (bytes.length < bytesToMagic) return undefined
  const magic = magicOf(bytes) ?? 0
  if (magic < 0 || magic > batchMagic) throw new SenselessBytes(`Invalid magic found in record: ${magic}`)
  const end = lengthPrefixBytes + length
  return end > bytes.length ? undefined : bytes.subarray(0, end)
}

export type CheckedBatch = {
  readonly header: BatchHeader
  /** The records as they are when opened. */
  readonly opened: Buffer
  /** Of the records themselves, whatever the header says. */
  readonly maxTimestampMs: number
}

/** Throws a `Refusal` for a batch that the log does not take. */
export function checkBatch(batch: Buffer, rules: BatchRules, nowMs: number): CheckedBatch {
  const header = readBatchHeader(batch)
  if (header === undefined) {
    throw new Refusal(errorCode.corruptMessage, `a batch has at least ${batchHeaderBytes} bytes, got ${batch.length}`)
  }
  if (header.baseOffset !== 0) throw refused(`the base offset of a new batch must be 0, got ${header.baseOffset}`)
  if (header.sizeBytes > rules.messageBytesMax) {
    throw new Refusal(
      errorCode.messageTooLarge,
      `the record batch has ${header.sizeBytes} bytes, the topic takes ${rules.messageBytesMax}`,
    )
  }
  if (!hasValidChecksum(batch)) throw new Refusal(errorCode.corruptMessage, 'the checksum does not match')
  checkHeader(header)
  const opened = openedRecords(batch, header)
  if (opened === undefined) {
    throw new LogRefusal(errorCode.unknownServerError, `codec ${header.codecNumber} cannot open the records`)
  }
  return { header, opened, maxTimestampMs: checkRecords(opened, header, rules, nowMs) }
}

function checkHeader(header: BatchHeader): void {
  if (header.recordCount <= 0) throw refused(`expected at least one record, got ${header.recordCount}`)
  if (header.recordCount !== header.lastOffsetDelta + 1) {
    throw refused(`${header.recordCount} records do not fill the offsets 0 to ${header.lastOffsetDelta}`)
  }
  if (header.isControl) throw refused('clients may not write control batches')
  if (header.producerId >= 0 && header.baseSequence < 0) throw refused('an idempotent batch needs a sequence')
}

/** The newest time among the records. */
function checkRecords(opened: Buffer, header: BatchHeader, rules: BatchRules, nowMs: number): number {
  const withoutKey: RecordError[] = []
  const outOfTime: RecordError[] = []
  let newestMs = -Infinity
  try {
    walkRecords(opened, header.recordCount, (batchIndex, timestampDelta, hasKey) => {
      const timestampMs = header.baseTimestampMs + timestampDelta
      newestMs = Math.max(newestMs, timestampMs)
      if (rules.isCompacted && !hasKey) {
        withoutKey.push({ batchIndex, batchIndexErrorMessage: 'Compacted topic cannot accept message without key' })
      } else if (!isTimely(timestampMs, rules, nowMs)) {
        outOfTime.push({ batchIndex, batchIndexErrorMessage: timeText(batchIndex, timestampMs, rules, nowMs) })
      }
    })
  } catch (cause) {
    throw refused(`a record is broken: ${cause instanceof Error ? cause.message : String(cause)}`)
  }
  const errors = [...withoutKey, ...outOfTime].toSorted((left, right) => left.batchIndex - right.batchIndex)
  if (outOfTime.length > 0) {
    const text = 'One or more records have been rejected due to invalid timestamp'
    throw new LogRefusal(errorCode.invalidTimestamp, text, errors)
  }
  if (errors.length > 0) {
    const text = `One or more records have been rejected due to ${errors.length} record errors in total`
    throw new LogRefusal(errorCode.invalidRecord, text, errors)
  }
  return newestMs
}

function isTimely(timestampMs: number, rules: BatchRules, nowMs: number): boolean {
  if (rules.usesAppendTime || timestampMs === noTimestamp) return true
  return timestampMs >= nowMs - rules.timestampBehindMsMax && timestampMs <= nowMs + rules.timestampAheadMsMax
}

function timeText(index: number, timestampMs: number, rules: BatchRules, nowMs: number): string {
  const range = `[${nowMs - rules.timestampBehindMsMax}, ${nowMs + rules.timestampAheadMsMax}]`
  return `Timestamp ${timestampMs} of message with offset ${index} is out of range. The timestamp should be within ${range}`
}

function invalid(message: string): Refusal {
  return new Refusal(errorCode.invalidRecord, message)
}

function refused(message: string): LogRefusal {
  return new LogRefusal(errorCode.invalidRecord, message)
}
