/** The records inside a batch: how they are written, read and looked over. Timestamps and offsets travel as distances from
 *  those of their batch. */

import type { BatchHeader } from './record-batch.ts'

export type RecordHeader = { readonly key: string; readonly value: Buffer | null }

export type StoredRecord = {
  readonly offset: number
  readonly timestampMs: number
  readonly key: Buffer | null
  readonly value: Buffer | null
  readonly headers: readonly RecordHeader[]
}

export type NewRecord = {
  readonly key?: string | Uint8Array | null
  readonly value?: string | Uint8Array | null
  readonly headers?: readonly { readonly key: string; readonly value: string | Uint8Array | null }[]
  readonly timestampMs?: number
}

export function encodeRecord(record: NewRecord, offsetDelta: number, timestampDelta: number): Buffer {
  const parts: Buffer[] = [Buffer.from([0]), zigzag(timestampDelta), zigzag(offsetDelta)]
  parts.push(...sized(record.key ?? null), ...sized(record.value ?? null))
  const headers = record.headers ?? []
  parts.push(zigzag(headers.length))
  for (const header of headers) parts.push(...sized(header.key), ...sized(header.value))
  const body = Buffer.concat(parts)
  return Buffer.concat([zigzag(body.length), body])
}

function sized(value: string | Uint8Array | null): Buffer[] {
  if (value === null) return [zigzag(-1)]
  const bytes = Buffer.from(value as Uint8Array)
  return [zigzag(bytes.length), bytes]
}

function zigzag(value: number): Buffer {
  const bytes: number[] = []
  let rest = value < 0 ? -2 * value - 1 : 2 * value
  while (rest >= 0x80) {
    bytes.push((rest % 0x80) | 0x80)
    rest = Math.floor(rest / 0x80)
  }
  bytes.push(rest)
  return Buffer.from(bytes)
}

/** The records of a batch, given their bytes as they are when opened. Throws a RangeError if they are broken. */
export function readRecords(bytes: Buffer, header: BatchHeader): StoredRecord[] {
  const cursor: Cursor = { bytes, at: 0 }
  const records: StoredRecord[] = []
  for (let index = 0; index < header.recordCount; index++) {
    readVarint(cursor)
    cursor.at += 1
    const createdAtMs = header.baseTimestampMs + readVarint(cursor)
    const timestampMs = header.usesAppendTime ? header.maxTimestampMs : createdAtMs
    const offset = header.baseOffset + readVarint(cursor)
    const key = readSized(cursor)
    const value = readSized(cursor)
    const headers: RecordHeader[] = []
    for (let left = readVarint(cursor); left > 0; left--) {
      headers.push({ key: readSized(cursor)?.toString() ?? '', value: readSized(cursor) })
    }
    records.push({ offset, timestampMs, key, value, headers })
  }
  return records
}

/** Walks over `count` records, which must fill `bytes`, and tells what can be told without making objects of them. Throws a
 *  RangeError if the records are broken. */
export function walkRecords(
  bytes: Buffer,
  count: number,
  visit: (index: number, timestampDelta: number, hasKey: boolean) => void,
): void {
  const cursor: Cursor = { bytes, at: 0 }
  for (let index = 0; index < count; index++) {
    const length = readVarint(cursor)
    const end = cursor.at + length
    cursor.at += 1
    const timestampDelta = readVarint(cursor)
    readVarint(cursor)
    const hasKey = skipSized(cursor)
    skipSized(cursor)
    for (let left = readVarint(cursor); left > 0; left--) {
      if (!skipSized(cursor)) throw new RangeError(`a header of record ${index} has no key`)
      skipSized(cursor)
    }
    if (cursor.at !== end) throw new RangeError(`record ${index} is not as long as it says`)
    visit(index, timestampDelta, hasKey)
  }
  if (cursor.at !== bytes.length) throw new RangeError(`more follows after ${count} records`)
}

/** What follows ten groups of seven bits. */
const varintScaleMax = 2 ** 70

type Cursor = { readonly bytes: Buffer; at: number }

function readVarint(cursor: Cursor): number {
  let value = 0
  for (let scale = 1; ; scale *= 0x80) {
    if (scale >= varintScaleMax) throw new RangeError('a varint is longer than ten bytes')
    const byte = cursor.bytes.readUInt8(cursor.at)
    cursor.at += 1
    value += (byte & 0x7f) * scale
    if (byte < 0x80) break
  }
  return value % 2 === 0 ? value / 2 : -(value + 1) / 2
}

function readSized(cursor: Cursor): Buffer | null {
  const from = cursor.at
  if (!skipSized(cursor)) return null
  const length = readVarint({ bytes: cursor.bytes, at: from })
  return cursor.bytes.subarray(cursor.at - length, cursor.at)
}

/** Whether there was something: a negative length stands for null. */
function skipSized(cursor: Cursor): boolean {
  const length = readVarint(cursor)
  if (length < 0) return false
  if (cursor.at + length > cursor.bytes.length) throw new RangeError('a record is longer than its batch')
  cursor.at += length
  return true
}
