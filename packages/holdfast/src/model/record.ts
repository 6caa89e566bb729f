/** A record is a view on the bytes of a fetch answer: it knows where its parts lie and cuts them out when asked.
 *
 *  Most records are only routed by their key before a handler sees them, so nothing is copied or decoded up front. The
 *  price is that one record keeps the whole answer (up to some MiB) in memory; `detach()` ends that for a record that
 *  stays for long. Positions are trusted: `kafka/record-batch.ts` has checked every one of them. */

import { ByteReader } from './byte-reader.ts'

export type Header = { readonly key: string; readonly value: Buffer | null }

/** What `keyHash` answers for a record without key. A key that hashes to this number is moved one down. */
export const noKey = -1

/** Where the parts of a record lie in its bytes. A start of −1 means that the part is null. */
export type RecordPositions = {
  readonly keyStart: number
  readonly keyEnd: number
  readonly valueStart: number
  readonly valueEnd: number
  readonly headersStart: number
  readonly end: number
}

const noHeaders: readonly Header[] = Object.freeze([])

export class KafkaRecord {
  readonly offset: number
  /** Set by the producer, or by the broker when the topic uses LogAppendTime. */
  readonly timestampMs: number
  /** Of the encoded record, after decompression. */
  readonly sizeInBytes: number
  #bytes: Buffer
  #keyStart: number
  #keyEnd: number
  #valueStart: number
  #valueEnd: number
  #headersStart: number
  #end: number
  #value: Buffer | null
  #headers: readonly Header[] | null

  constructor(offset: number, timestampMs: number, sizeInBytes: number, bytes: Buffer, at: RecordPositions) {
    this.offset = offset
    this.timestampMs = timestampMs
    this.sizeInBytes = sizeInBytes
    this.#bytes = bytes
    this.#keyStart = at.keyStart
    this.#keyEnd = at.keyEnd
    this.#valueStart = at.valueStart
    this.#valueEnd = at.valueEnd
    this.#headersStart = at.headersStart
    this.#end = at.end
    this.#value = null
    this.#headers = null
  }

  /** An empty key is a key: its records share a lane. A null key has none. */
  get hasKey(): boolean {
    return this.#keyStart >= 0
  }

  get key(): Buffer | null {
    return this.#keyStart < 0 ? null : this.#bytes.subarray(this.#keyStart, this.#keyEnd)
  }

  /** Kept after the first look, because handlers and decoders read it more than once. */
  get value(): Buffer | null {
    if (this.#value === null && this.#valueStart >= 0) {
      this.#value = this.#bytes.subarray(this.#valueStart, this.#valueEnd)
    }
    return this.#value
  }

  /** In the order of the producer, duplicates included. */
  get headers(): readonly Header[] {
    this.#headers ??= decodeHeaders(this.#bytes, this.#headersStart, this.#end)
    return this.#headers
  }

  /** 32 bits of the key, or `noKey`. The seed is chosen per process, so that nobody can pick keys that share a lane. */
  keyHash(seed: number): number {
    if (this.#keyStart < 0) return noKey
    const hash = murmur3(this.#bytes, this.#keyStart, this.#keyEnd, seed)
    return hash === noKey ? noKey - 1 : hash
  }

  /** Copies what belongs to this record, so that the fetch answer may go. Buffers handed out before keep theirs. */
  detach(): void {
    const start = this.#firstByte()
    const shift = (position: number): number => (position < 0 ? position : position - start)
    this.#bytes = Buffer.from(this.#bytes.subarray(start, this.#end))
    this.#keyStart = shift(this.#keyStart)
    this.#keyEnd = shift(this.#keyEnd)
    this.#valueStart = shift(this.#valueStart)
    this.#valueEnd = shift(this.#valueEnd)
    this.#headersStart -= start
    this.#end -= start
    this.#value = null
    this.#headers = null
  }

  #firstByte(): number {
    if (this.#keyStart >= 0) return this.#keyStart
    return this.#valueStart >= 0 ? this.#valueStart : this.#headersStart
  }
}

function decodeHeaders(bytes: Buffer, start: number, end: number): readonly Header[] {
  const reader = new ByteReader(bytes, start, end)
  const count = reader.varint()
  if (count === 0) return noHeaders
  const headers: Header[] = []
  for (let index = 0; index < count; index++) {
    const keyLength = reader.varint()
    const key = bytes.toString('utf8', reader.position, reader.position + keyLength)
    reader.skip(keyLength)
    const valueLength = reader.varint()
    const valueStart = reader.position
    if (valueLength > 0) reader.skip(valueLength)
    headers.push({ key, value: valueLength < 0 ? null : bytes.subarray(valueStart, valueStart + valueLength) })
  }
  return headers
}

/** MurmurHash3 (x86, 32 bits) over bytes where they lie: reading four of them one by one needs no alignment. */
export function murmur3(bytes: Uint8Array, start: number, end: number, seed: number): number {
  let hash = seed | 0
  let at = start
  for (; at + 4 <= end; at += 4) {
    const block =
      (bytes[at] as number) |
      ((bytes[at + 1] as number) << 8) |
      ((bytes[at + 2] as number) << 16) |
      ((bytes[at + 3] as number) << 24)
    hash ^= scramble(block)
    hash = (hash << 13) | (hash >>> 19)
    hash = (Math.imul(hash, 5) + 0xe6546b64) | 0
  }
  let tail = 0
  for (let last = end - 1; last >= at; last--) tail = (tail << 8) | (bytes[last] as number)
  if (at < end) hash ^= scramble(tail)
  hash ^= end - start
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return hash ^ (hash >>> 16)
}

function scramble(block: number): number {
  const multiplied = Math.imul(block, 0xcc9e2d51)
  return Math.imul((multiplied << 15) | (multiplied >>> 17), 0x1b873593)
}
