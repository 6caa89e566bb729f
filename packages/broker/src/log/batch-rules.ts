/** Decides whether the records of a produce request may be stored: what real Kafka refuses is refused with the same code.
 *
 *  Left out, because the broker never decompresses: rules about single records inside compressed batches. */

import { errorCode, Refusal } from '../protocol/error-code.ts'
import { type BatchHeader, hasValidChecksum, magicOf, readBatchHeader, readRecords } from './record-batch.ts'

export type BatchRules = {
  /** `max.message.bytes` */
  readonly messageBytesMax: number
  /** `message.timestamp.after.max.ms` */
  readonly timestampAheadMsMax: number
  /** Whether the broker's time replaces the producer's, so that the latter need not be plausible. */
  readonly usesAppendTime: boolean
  /** Whether `cleanup.policy` holds `compact`: a record without a key could never be compacted. */
  readonly isCompacted: boolean
  /** Whether a transaction whose producer is new to the log must start with sequence 0 (KIP-890, Produce 12). */
  readonly transactionsStartAtZero?: boolean
}

/** The header of the only batch in `records`; throws a `Refusal` otherwise. */
export function checkBatch(records: Buffer | null, rules: BatchRules, nowMs: number): BatchHeader {
  if (records === null || records.length === 0) throw invalid('expected exactly one record batch, got none')
  const magic = magicOf(records)
  if (magic !== undefined && magic !== 2) throw invalid(`expected record format 2, got ${magic}`)
  const header = readBatchHeader(records)
  if (header === undefined) throw invalid('expected exactly one record batch, got a part of one')
  if (header.sizeBytes !== records.length) throw invalid('expected exactly one record batch, got more')
  if (header.sizeBytes > rules.messageBytesMax) {
    throw new Refusal(
      errorCode.messageTooLarge,
      `the record batch has ${header.sizeBytes} bytes, the topic takes ${rules.messageBytesMax}`,
    )
  }
  if (!hasValidChecksum(records)) throw new Refusal(errorCode.corruptMessage, 'the checksum does not match')
  checkHeader(header, rules, nowMs)
  checkRecords(records, header, rules)
  return header
}

function checkHeader(header: BatchHeader, rules: BatchRules, nowMs: number): void {
  if (header.isControl) throw invalid('clients may not write control batches')
  if (header.recordCount <= 0) throw invalid(`expected at least one record, got ${header.recordCount}`)
  if (header.recordCount !== header.lastOffsetDelta + 1) {
    throw invalid(`${header.recordCount} records do not fill the offsets 0 to ${header.lastOffsetDelta}`)
  }
  if (header.producerId >= 0 && header.baseSequence < 0) throw invalid('an idempotent batch needs a sequence')
  if (!rules.usesAppendTime && header.maxTimestampMs - nowMs > rules.timestampAheadMsMax) {
    throw new Refusal(
      errorCode.invalidTimestamp,
      `timestamp ${header.maxTimestampMs} is more than ${rules.timestampAheadMsMax} ms ahead of the broker`,
    )
  }
}

function checkRecords(batch: Buffer, header: BatchHeader, rules: BatchRules): void {
  if (header.isCompressed) return
  let records
  try {
    records = readRecords(batch) ?? []
  } catch (cause) {
    throw invalid(`a record is broken: ${cause instanceof Error ? cause.message : String(cause)}`)
  }
  for (const [index, record] of records.entries()) {
    if (record.offset !== header.baseOffset + index) throw invalid(`record ${index} has offset ${record.offset}`)
    if (rules.isCompacted && record.key === null) throw invalid(`record ${index} of a compacted topic has no key`)
  }
}

function invalid(message: string): Refusal {
  return new Refusal(errorCode.invalidRecord, message)
}
