/** What members of a classic group tell each other through the coordinator, which only passes it on: the subscription that
 *  each member joins with and the assignment that the leader hands out (ConsumerProtocol, type "consumer").
 *
 *  Other clients write these bytes too, in versions older and newer than ours: what newer ones append is passed over, what
 *  cannot be understood is a `GroupProtocolError`. */

import type { TopicPartition } from '../model/topic-partition.ts'

export type Subscription = {
  readonly topics: readonly string[]
  /** What the member still holds; for cooperative protocols. Version 1. */
  readonly ownedPartitions: readonly TopicPartition[]
  /** The generation in which it got them; −1 if it does not say. Version 2. */
  readonly generationId: number
  /** Version 3. */
  readonly rackId: string | null
}

/** Bytes of another member that are no subscription or assignment. */
export class GroupProtocolError extends Error {
  override readonly name = 'GroupProtocolError'
}

const subscriptionVersion = 3
const assignmentVersion = 1

/** The first versions with the field. */
const since = { ownedPartitions: 1, generationId: 2, rackId: 3 } as const

/** Without `generationId` nothing is said about when the partitions were assigned. */
export function encodeSubscription(subscription: {
  readonly topics: readonly string[]
  readonly ownedPartitions?: readonly TopicPartition[] | undefined
  readonly generationId?: number | undefined
}): Buffer {
  return Buffer.concat([
    int16(subscriptionVersion),
    int32(subscription.topics.length),
    ...subscription.topics.map(string),
    int32(-1), // user data: none
    partitionsByTopic(subscription.ownedPartitions ?? []),
    int32(subscription.generationId ?? -1),
    int16(-1), // rack: none
  ])
}

/** `user data` is passed over: only assignors of other clients know what theirs means. */
export function decodeSubscription(bytes: Buffer): Subscription {
  return decode('subscription', bytes, (reader) => {
    const version = reader.version()
    const topics = reader.array(2, () => reader.string())
    reader.skipBytes()
    // Some clients announce a version and leave its last fields out.
    const carries = (field: keyof typeof since): boolean => version >= since[field] && !reader.isAtEnd
    return {
      topics,
      ownedPartitions: carries('ownedPartitions') ? reader.partitions() : [],
      generationId: carries('generationId') ? reader.int32() : -1,
      rackId: carries('rackId') ? reader.nullableString() : null,
    }
  })
}

export function encodeAssignment(partitions: readonly TopicPartition[]): Buffer {
  return Buffer.concat([int16(assignmentVersion), partitionsByTopic(partitions), int32(-1)])
}

/** Empty bytes are what a member gets that the leader gave nothing. */
export function decodeAssignment(bytes: Buffer): TopicPartition[] {
  if (bytes.length === 0) return []
  return decode('assignment', bytes, (reader) => {
    reader.version()
    return reader.partitions()
  })
}

function decode<T>(what: string, bytes: Buffer, read: (reader: Reader) => T): T {
  try {
    return read(new Reader(bytes))
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause
    throw new GroupProtocolError(`${bytes.length} bytes are no ${what}: ${cause.message}`, { cause })
  }
}

class Reader {
  readonly #bytes: Buffer
  #position = 0

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  get isAtEnd(): boolean {
    return this.#position === this.#bytes.length
  }

  version(): number {
    const version = this.#int16()
    if (version < 0) throw new RangeError(`version ${version}`)
    return version
  }

  int32(): number {
    return this.#bytes.readInt32BE(this.#advance(4))
  }

  string(): string {
    const text = this.nullableString()
    if (text === null) throw new RangeError('a name is null')
    return text
  }

  nullableString(): string | null {
    const length = this.#int16()
    if (length < 0) return null
    const start = this.#advance(length)
    return this.#bytes.toString('utf8', start, start + length)
  }

  skipBytes(): void {
    this.#advance(Math.max(0, this.int32()))
  }

  /** `elementSizeMin` keeps a length that lies from taking memory. */
  array<T>(elementSizeMin: number, element: () => T): T[] {
    const length = this.int32()
    if (length * elementSizeMin > this.#bytes.length - this.#position)
      throw new RangeError(`${length} elements announced`)
    const elements: T[] = []
    for (let index = 0; index < length; index++) elements.push(element())
    return elements
  }

  partitions(): TopicPartition[] {
    const byTopic = this.array(6, () => {
      const topic = this.string()
      return this.array(4, () => ({ topic, partition: this.int32() }))
    })
    return byTopic.flat()
  }

  #int16(): number {
    return this.#bytes.readInt16BE(this.#advance(2))
  }

  #advance(size: number): number {
    const start = this.#position
    if (size > this.#bytes.length - start) {
      throw new RangeError(`expected ${size} more bytes, ${this.#bytes.length - start} left`)
    }
    this.#position = start + size
    return start
  }
}

function partitionsByTopic(partitions: readonly TopicPartition[]): Buffer {
  const byTopic = Map.groupBy(partitions, ({ topic }) => topic)
  const parts = [int32(byTopic.size)]
  for (const [topic, ofTopic] of byTopic) {
    parts.push(string(topic), int32(ofTopic.length), ...ofTopic.map(({ partition }) => int32(partition)))
  }
  return Buffer.concat(parts)
}

function int16(value: number): Buffer {
  const bytes = Buffer.allocUnsafe(2)
  bytes.writeInt16BE(value)
  return bytes
}

function int32(value: number): Buffer {
  const bytes = Buffer.allocUnsafe(4)
  bytes.writeInt32BE(value)
  return bytes
}

function string(text: string): Buffer {
  const bytes = Buffer.from(text)
  return Buffer.concat([int16(bytes.length), bytes])
}
