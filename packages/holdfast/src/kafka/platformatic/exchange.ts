/** Sends one request of the client library over our link and gives its decoded answer back.
 *
 *  The library's API functions expect its own connection, but use nothing of it except `send`; so they are given something
 *  that only notes what they would send. They throw when an answer carries an error code; the answer itself rides in that
 *  error, and is what callers get. */

import * as client from '@platformatic/kafka'
import type { Link, RequestOptions } from '../link.ts'
import { PortError } from '../port.ts'

type Encoding = {
  readonly apiKey: number
  readonly apiVersion: number
  readonly createPayload: () => client.Writer | Promise<client.Writer>
  readonly parse: client.ResponseParser<unknown>
  readonly hasRequestTags: boolean
  readonly hasResponseTags: boolean
}

/** An API function of the library, of any version: all versions of an API take the same arguments. */
export type ClientApi = (connection: client.Connection, ...parameters: never[]) => void

/** Resolves with the decoded answer, error codes included. Rejects with a `PortError` only. */
export async function exchange(
  link: Link,
  api: ClientApi,
  parameters: readonly unknown[],
  options: RequestOptions,
): Promise<unknown> {
  const { apiKey, apiVersion, createPayload, parse, hasRequestTags, hasResponseTags } = encodingOf(api, parameters)
  let payload: readonly Buffer[]
  try {
    payload = (await createPayload()).buffers
  } catch (cause) {
    throw new PortError('unsupported', link.node, `API ${apiKey} version ${apiVersion} cannot carry the request`, {
      cause,
    })
  }
  const answer = await link.request({ apiKey, apiVersion, hasRequestTags, hasResponseTags, payload }, options)
  try {
    return await parse(0, apiKey, apiVersion, client.Reader.from(answer))
  } catch (error) {
    if (error instanceof client.ResponseError) return error['response']
    const message = `the answer to API ${apiKey} version ${apiVersion} cannot be understood`
    throw new PortError('protocol', link.node, message, { cause: error })
  }
}

function encodingOf(api: ClientApi, parameters: readonly unknown[]): Encoding {
  let encoding: Encoding | null = null
  const send = (
    apiKey: number,
    apiVersion: number,
    createPayload: Encoding['createPayload'],
    parse: Encoding['parse'],
    hasRequestTags: boolean,
    hasResponseTags: boolean,
  ): void => {
    encoding = { apiKey, apiVersion, createPayload, parse, hasRequestTags, hasResponseTags }
  }
  api({ send } as unknown as client.Connection, ...(parameters as never[]))
  if (encoding === null) throw new Error('the API function sent nothing')
  return encoding
}
