/** Cuts a byte stream into frames (a length, then that many bytes), and lays out the headers of requests and answers. */

import { type ApiName, codecOf, isFlexible } from '../protocol/apis.ts'
import { MalformedFrame, type WireReader, WireWriter } from '../protocol/wire.ts'

const lengthBytes = 4

export class FrameSplitter {
  #chunks: Buffer[] = []
  #bufferedBytes = 0

  get bufferedBytes(): number {
    return this.#bufferedBytes
  }

  push(chunk: Buffer): void {
    this.#chunks.push(chunk)
    this.#bufferedBytes += chunk.length
  }

  /** The next whole frame without its length; undefined until it is there. Throws a `MalformedFrame` for a senseless length. */
  next(frameBytesMax: number): Buffer | undefined {
    if (this.#bufferedBytes < lengthBytes) return undefined
    const length = this.#front(lengthBytes).readInt32BE(0)
    if (length < 0 || length > frameBytesMax) {
      throw new MalformedFrame(`a frame has 0 to ${frameBytesMax} bytes, got ${length}`)
    }
    if (this.#bufferedBytes < lengthBytes + length) return undefined
    const front = this.#front(lengthBytes + length)
    const rest = front.subarray(lengthBytes + length)
    if (rest.length === 0) this.#chunks.shift()
    else this.#chunks[0] = rest
    this.#bufferedBytes -= lengthBytes + length
    return front.subarray(lengthBytes, lengthBytes + length)
  }

  /** Joins chunks until the first holds at least `length` bytes: a large frame is copied once, not once per chunk. */
  #front(length: number): Buffer {
    let first = this.#chunks[0] as Buffer
    if (first.length < length) {
      let count = 0
      for (let bytes = 0; bytes < length; count++) bytes += (this.#chunks[count] as Buffer).length
      first = Buffer.concat(this.#chunks.slice(0, count))
      this.#chunks = [first, ...this.#chunks.slice(count)]
    }
    return first
  }
}

export type RequestHeader = {
  readonly apiKey: number
  readonly version: number
  readonly correlationId: number
}

export function readHeader(reader: WireReader): RequestHeader {
  return { apiKey: reader.int16(), version: reader.int16(), correlationId: reader.int32() }
}

/** The rest of the header. The client id keeps its old form even where everything else is compact. */
export function readClientId(reader: WireReader, api: ApiName, version: number): string {
  const length = reader.int16()
  const clientId = length < 0 ? '' : reader.utf8(length)
  if (isFlexible(api, version)) reader.skipTaggedFields()
  return clientId
}

/** A whole answer, its length included. */
export function encodeResponse(api: ApiName, version: number, correlationId: number, response: object): Buffer {
  const writer = new WireWriter()
  writer.int32(0)
  writer.int32(correlationId)
  // ApiVersions keeps the old header, because a client reads it before it knows what the broker speaks.
  if (isFlexible(api, version) && api !== 'ApiVersions') writer.unsignedVarint(0)
  codecOf(api, version, 'response').write(writer, response)
  writer.patchInt32(0, writer.length - lengthBytes)
  return writer.result()
}
