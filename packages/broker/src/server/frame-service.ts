/** Answers one frame: the bytes of a request in, the bytes of the answer out. Sockets are `client-socket.ts`; the fuzzer
 *  (`verify/fuzz/`) calls this with frames that nobody would send. */

import { unknownApiVersions } from '../apis/18-api-versions.ts'
import type { BrokerCore } from '../core/broker-core.ts'
import { ConnectionClosed, type CoreConnection } from '../core/connection.ts'
import { apiByKey, codecOf, isServed, type RequestOf } from '../protocol/apis.ts'
import { errorCode } from '../protocol/error-code.ts'
import { WireReader, WireWriter } from '../protocol/wire.ts'
import { encodeResponse, readClientId, readHeader } from './frames.ts'

export type FrameService = {
  readonly core: BrokerCore
  readonly connection: CoreConnection
  readonly warn: (message: string) => void
}

/** Resolves with undefined where the protocol has no answer. Rejects with a `MalformedFrame` for bytes that are no request,
 *  and with `ConnectionClosed` for a request that ends its connection; anything else is a bug of the broker. */
export async function answerFrame(
  frame: Buffer,
  { core, connection, warn }: FrameService,
): Promise<Buffer | undefined> {
  if (connection.sasl?.expectsRawTokens === true) return answerRawToken(frame, core, connection)
  const reader = new WireReader(frame)
  const { apiKey, version, correlationId } = readHeader(reader)
  const api = apiByKey(apiKey)
  if (api === 'ApiVersions' && !isServed(api, version)) {
    readClientId(reader, api, version)
    return encodeResponse(api, 0, correlationId, unknownApiVersions())
  }
  if (api === undefined || !isServed(api, version)) {
    warn(`API ${api ?? `with key ${apiKey}`} version ${version} is not served: connection closed`)
    throw new ConnectionClosed()
  }
  connection.clientId = readClientId(reader, api, version)
  const request = codecOf(api, version, 'request').read(reader)
  const response = await core.dispatch(api, version, request, connection)
  if (api === 'Produce' && (request as RequestOf<'Produce'>).acks === 0) return noAnswer(response)
  return encodeResponse(api, version, correlationId, response)
}

/** After a handshake of version 0 a token is a frame of its own, and so is the answer. A refusal has no place to stand. */
async function answerRawToken(authBytes: Buffer, core: BrokerCore, connection: CoreConnection): Promise<Buffer> {
  const answer = (await core.dispatch('SaslAuthenticate', 0, { authBytes }, connection)) as {
    readonly errorCode: number
    readonly authBytes: Buffer
  }
  if (answer.errorCode !== errorCode.none) throw new ConnectionClosed()
  const writer = new WireWriter()
  writer.int32(answer.authBytes.length)
  writer.bytes(answer.authBytes)
  return writer.result()
}

/** With acks=0 there is no answer, and an error can be told only by closing the connection. */
function noAnswer(response: object): undefined {
  const { responses } = response as { responses: { partitions: { errorCode: number }[] }[] }
  if (responses.some(({ partitions }) => partitions.some((each) => each.errorCode !== errorCode.none))) {
    throw new ConnectionClosed()
  }
}
