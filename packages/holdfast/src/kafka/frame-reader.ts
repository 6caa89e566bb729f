/** Cuts the bytes that arrive on a connection into frames: a length of four bytes, then that many bytes.
 *
 *  A frame that lies within one chunk is a view on it; one that spans chunks is put together once, when its last byte is
 *  there, so that an announced length alone costs no memory. What a frame means is left to the link. */

/** Larger than any answer that Holdfast asks for (fetches ask for 8 MiB), small enough to fail on garbage at once. */
export const frameBytesMax: number = 128 * 1024 * 1024

const lengthSize = 4

/** The bytes are not frames; nothing after them can be trusted. */
export class FrameError extends Error {
  override readonly name = 'FrameError'
}

export class FrameReader {
  /** Chunks of the frame that has begun, the four bytes of its length included. */
  #chunks: Buffer[] = []
  #buffered = 0

  /** Hands out every frame that `chunk` completes, in order. Throws a `FrameError` at a length that no frame can have. */
  push(chunk: Buffer, onFrame: (frame: Buffer) => void): void {
    let bytes = chunk
    if (this.#buffered > 0) {
      this.#chunks.push(chunk)
      this.#buffered += chunk.length
      if (!this.#holdsWholeFrame()) return
      bytes = Buffer.concat(this.#chunks, this.#buffered)
      this.#chunks = []
      this.#buffered = 0
    }
    let at = 0
    while (bytes.length - at >= lengthSize) {
      const end = at + lengthSize + frameLength(bytes, at)
      if (end > bytes.length) break
      onFrame(bytes.subarray(at + lengthSize, end))
      at = end
    }
    if (at < bytes.length) {
      this.#chunks = [bytes.subarray(at)]
      this.#buffered = bytes.length - at
    }
  }

  #holdsWholeFrame(): boolean {
    if (this.#buffered < lengthSize) return false
    const first = this.#chunks[0] as Buffer
    if (first.length < lengthSize) {
      this.#chunks = [Buffer.concat(this.#chunks, this.#buffered)] // at most a few bytes and one chunk, once per frame
    }
    return this.#buffered >= lengthSize + frameLength(this.#chunks[0] as Buffer, 0)
  }
}

function frameLength(bytes: Buffer, at: number): number {
  const length = bytes.readInt32BE(at)
  if (length < lengthSize || length > frameBytesMax) {
    throw new FrameError(`expected a frame of 4 to ${frameBytesMax} bytes, got the length ${length}`)
  }
  return length
}
