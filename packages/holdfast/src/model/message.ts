/** A message is a record as a handler sees it: named, decoded, read-only.
 *
 *  Decoding is left to the topic's decoder and happens once, when the value is first needed; everything else is cut out of
 *  the record when asked for, because most handlers look at the value and nothing more. A message never shows its body,
 *  key or headers by itself: printing one gives its place, which is what a log may hold. */

import { HoldfastError, UndecodableError } from './errors.ts'
import type { Header, KafkaRecord } from './record.ts'

/** Turns the bytes of a value into what handlers get; one for all messages of a topic. Null is a tombstone. */
export type ValueDecoder<T> = { decode(bytes: Uint8Array | null): T | Promise<T> }

/** Where a record was before it came to a topic of ours, and its headers without ours. */
export type Origin = {
  readonly topic: string
  readonly partition: number
  readonly offset: number
  readonly timestampMs: number
  readonly headers: readonly Header[]
}

export class Message<T> {
  readonly topic: string
  readonly partition: number
  readonly offset: number
  readonly #record: KafkaRecord
  readonly #decoder: ValueDecoder<T>
  readonly #origin: Origin | null
  #isDecoded: boolean
  #value: T | undefined

  static {
    Object.defineProperty(Message.prototype, Symbol.for('nodejs.util.inspect.custom'), {
      value(this: Message<unknown>): string {
        return `Message ${this.topic}/${this.partition}@${this.offset}`
      },
    })
  }

  /** A record that was read from a topic of ours shows its `origin` instead of the place where it was read. */
  constructor(
    topic: string,
    partition: number,
    record: KafkaRecord,
    decoder: ValueDecoder<T>,
    origin: Origin | null = null,
  ) {
    this.topic = origin === null ? topic : origin.topic
    this.partition = origin === null ? partition : origin.partition
    this.offset = origin === null ? record.offset : origin.offset
    this.#record = record
    this.#decoder = decoder
    this.#origin = origin
    this.#isDecoded = false
    this.#value = undefined
  }

  /** Decodes the value ahead of its first use; returns a promise only if the decoder does. The runtime calls it before a
   *  handler, so that a record that cannot be decoded is a failed attempt and no surprise in the middle of one.
   *  Throws or rejects with an UndecodableError, unless what the decoder threw says that trying again may help. */
  static decode<T>(message: Message<T>): Promise<void> | undefined {
    if (message.#isDecoded) return undefined
    const value = message.#decode()
    if (value instanceof Promise) {
      return value.then(
        (decoded) => message.#keep(decoded),
        (error: unknown) => {
          throw undecodable(error)
        },
      )
    }
    message.#keep(value)
    return undefined
  }

  /** The decoded value. Throws only in a filter: there a value that is decoded asynchronously is not known yet. */
  get value(): T {
    if (!this.#isDecoded) this.#decodeNow()
    return this.#value as T
  }

  /** Set by the producer, or by the broker when the topic uses LogAppendTime. */
  get timestamp(): Date {
    return new Date(this.#origin?.timestampMs ?? this.#record.timestampMs)
  }

  /** The key as UTF-8. Bytes that are no UTF-8 are replaced; `keyBytes` has them unchanged. */
  get key(): string | null {
    return this.#record.key?.toString('utf8') ?? null
  }

  get keyBytes(): Buffer | null {
    return this.#record.key
  }

  /** The value before it was decoded; null is a tombstone. */
  get valueBytes(): Buffer | null {
    return this.#record.value
  }

  /** In the order of the producer, duplicates included. */
  get headers(): readonly Header[] {
    return this.#origin?.headers ?? this.#record.headers
  }

  /** The last header of this name as UTF-8; undefined if there is none or it is null. */
  header(name: string): string | undefined {
    return this.headers.findLast((header) => header.key === name)?.value?.toString('utf8')
  }

  #decode(): T | Promise<T> {
    try {
      return this.#decoder.decode(this.#record.value)
    } catch (error) {
      throw undecodable(error)
    }
  }

  #decodeNow(): void {
    const value = this.#decode()
    if (value instanceof Promise) {
      // Whoever handles the message decodes it again and meets the failure there.
      value.catch(() => undefined)
      throw new HoldfastError('MESSAGE_INVALID', 'the value is decoded asynchronously and is not known yet', {
        remedy: 'In a filter use key, headers or valueBytes, or give the topic a schema that validates synchronously.',
      })
    }
    this.#keep(value)
  }

  #keep(value: T): void {
    this.#value = value
    this.#isDecoded = true
  }
}

/** A decoder's only way to say "these bytes are wrong" is to throw. One that was kept from looking at them, such as by a
 *  registry of schemas that is away, throws something retriable. */
function undecodable(thrown: unknown): HoldfastError {
  if (!(thrown instanceof HoldfastError)) {
    // What a stranger's error says may quote the body; it stays in the cause.
    const kind = thrown instanceof Error ? thrown.name : typeof thrown
    return new UndecodableError(`the value cannot be decoded: the codec threw ${kind}`, { cause: thrown })
  }
  if (thrown.retriable || thrown instanceof UndecodableError) return thrown
  const { message, cause, remedy } = thrown
  return new UndecodableError(message, cause === undefined ? { remedy } : { cause, remedy })
}
