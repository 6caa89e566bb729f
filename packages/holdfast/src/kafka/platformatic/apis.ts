/** Sends requests of the port: chooses the version, finds the library's function for it, and turns what comes back into the
 *  port's answer. Everything that differs from API to API is in `api-rows.ts`. */

import * as client from '@platformatic/kafka'
import type { Link, RequestOptions } from '../link.ts'
import { type KafkaApi, PortError, type RequestOf, type ResponseOf } from '../port.ts'
import { type ApiRow, apiRows } from './api-rows.ts'
import { type ClientApi, exchange } from './exchange.ts'
import { fetchApi, produceApi } from './raw-apis.ts'

/** Sends one request of the port in the highest version that both sides speak and that can carry it. */
export async function call<A extends KafkaApi>(
  link: Link,
  api: A,
  request: RequestOf<A>,
  options: RequestOptions,
): Promise<ResponseOf<A>> {
  const row: ApiRow<A> = apiRows[api]
  const theirs = link.versionsOf(row.key)
  const newest = Math.min(theirs?.max ?? -1, row.versions.max, row.maxVersionFor?.(request) ?? row.versions.max)
  const oldest = Math.max(theirs?.min ?? 0, row.versions.min, row.minVersionFor?.(request) ?? row.versions.min)
  if (newest < oldest) {
    const offered = theirs === undefined ? 'none' : `${theirs.min} to ${theirs.max}`
    throw new PortError(
      'unsupported',
      link.node,
      `${api} needs version ${row.versions.min} to ${row.versions.max}, the broker offers ${offered}`,
    )
  }
  const answer = await exchange(link, clientApi(api, newest), row.parameters(request, newest), options)
  try {
    return row.answer(answer as never, request)
  } catch (cause) {
    throw new PortError('protocol', link.node, `the answer to ${api} holds a number beyond 2⁵³`, { cause })
  }
}

const found = new Map<string, ClientApi>()

function clientApi(api: KafkaApi, version: number): ClientApi {
  const name = `${api[0]?.toLowerCase()}${api.slice(1)}V${version}`
  let known = found.get(name)
  if (known === undefined) {
    if (api === 'Fetch') known = fetchApi(version)
    else if (api === 'Produce') known = produceApi(version)
    else known = (client as unknown as Readonly<Record<string, { readonly api: ClientApi }>>)[name]?.api
    if (known === undefined) throw new Error(`the client library has no ${name}`)
    found.set(name, known)
  }
  return known
}
