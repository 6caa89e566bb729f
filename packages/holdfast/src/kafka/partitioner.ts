/** Which partition a record goes to when nobody named one. Keyed records go where every other Kafka client sends the same
 *  key, so that producers in different languages keep one order per key; records without a key may go anywhere and
 *  therefore share batches. */

/** The Java client's choice: `toPositive(murmur2(key)) % partitions`. */
export function partitionOfKey(key: Uint8Array, partitions: number): number {
  return (murmur2(key) & 0x7fff_ffff) % partitions
}

/** MurmurHash2 with the seed of the Java client, as a signed 32-bit number. Not a good hash, but everybody's. */
export function murmur2(bytes: Uint8Array): number {
  const { length } = bytes
  let hash = 0x9747b28c ^ length
  let at = 0
  for (; at + 4 <= length; at += 4) {
    const block =
      (bytes[at] as number) |
      ((bytes[at + 1] as number) << 8) |
      ((bytes[at + 2] as number) << 16) |
      ((bytes[at + 3] as number) << 24)
    const mixed = Math.imul(block, 0x5bd1e995)
    hash = Math.imul(hash, 0x5bd1e995) ^ Math.imul(mixed ^ (mixed >>> 24), 0x5bd1e995)
  }
  let tail = 0
  for (let last = length - 1; last >= at; last--) tail = (tail << 8) | (bytes[last] as number)
  if (at < length) hash = Math.imul(hash ^ tail, 0x5bd1e995)
  hash = Math.imul(hash ^ (hash >>> 13), 0x5bd1e995)
  return hash ^ (hash >>> 15)
}

/** Sends records without a key of one topic to one partition for about as long as a batch is open, then to another: as
 *  even as one by one, with a fraction of the requests. */
export class StickyPartition {
  readonly #lingerMs: number
  readonly #batchBytesMax: number
  #partition = -1
  #untilMs = 0
  #bytesLeft = 0

  constructor(options: { readonly lingerMs: number; readonly batchBytesMax: number }) {
    this.#lingerMs = options.lingerMs
    this.#batchBytesMax = options.batchBytesMax
  }

  choose(sizeInBytes: number, partitions: number, nowMs: number, random: () => number): number {
    if (nowMs >= this.#untilMs || sizeInBytes > this.#bytesLeft || this.#partition >= partitions) {
      this.#partition = this.#another(partitions, random)
      this.#untilMs = nowMs + this.#lingerMs
      this.#bytesLeft = this.#batchBytesMax
    }
    this.#bytesLeft -= sizeInBytes
    return this.#partition
  }

  /** Any but the present one, whose batch is probably on its way. */
  #another(partitions: number, random: () => number): number {
    const isPresent = this.#partition >= 0 && this.#partition < partitions
    if (!isPresent || partitions === 1) return Math.floor(random() * partitions)
    const step = 1 + Math.floor(random() * (partitions - 1))
    return (this.#partition + step) % partitions
  }
}
