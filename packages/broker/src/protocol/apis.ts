/** The table of everything that is served: API names, keys, versions, and the types and codecs of their messages. */

import { compileMessage, type MessageCodec } from './codec.ts'
import type { ApiSchema, Decoded, Given, Loose } from './schema.ts'
import { adminSchemas } from './schemas/admin.ts'
import { clusterSchemas } from './schemas/cluster.ts'
import { consumerGroupSchemas } from './schemas/consumer-groups.ts'
import { groupSchemas } from './schemas/groups.ts'
import { recordSchemas } from './schemas/records.ts'
import { transactionSchemas } from './schemas/transactions.ts'

type Schemas = typeof recordSchemas &
  typeof groupSchemas &
  typeof clusterSchemas &
  typeof adminSchemas &
  typeof consumerGroupSchemas &
  typeof transactionSchemas

export const schemas: Schemas = {
  ...recordSchemas,
  ...groupSchemas,
  ...clusterSchemas,
  ...adminSchemas,
  ...consumerGroupSchemas,
  ...transactionSchemas,
}

export type ApiName = keyof Schemas
export type RequestOf<A extends ApiName> = Decoded<Schemas[A]['request']>
/** What a handler returns; fields with a default may be left out. */
export type ResponseOf<A extends ApiName> = Given<Schemas[A]['response']>
/** What a caller inside the process passes; a field that is left out has its default. */
export type GivenRequest<A extends ApiName> = Loose<RequestOf<A>>
/** What a client reads from a response. */
export type DecodedResponse<A extends ApiName> = Decoded<Schemas[A]['response']>

export const apiNames: readonly ApiName[] = Object.keys(schemas) as ApiName[]

const byKey = new Map<number, ApiName>(apiNames.map((name) => [schemas[name].key, name]))

export function apiByKey(key: number): ApiName | undefined {
  return byKey.get(key)
}

export function servedVersions(api: ApiName): { readonly min: number; readonly max: number } {
  const [min, max] = schemas[api].versions
  return { min, max }
}

export function isFlexible(api: ApiName, version: number): boolean {
  return version >= schemas[api].flexibleFrom
}

export function isServed(api: ApiName, version: number): boolean {
  const { min, max } = servedVersions(api)
  return version >= min && version <= max
}

type Direction = 'request' | 'response'

const compiled = new Map<string, MessageCodec>()

/** Compiled at first use: a test that speaks five APIs should not pay for the tables of thirty. */
export function codecOf(api: ApiName, version: number, direction: Direction): MessageCodec {
  const id = `${api} ${version} ${direction}`
  let codec = compiled.get(id)
  if (codec === undefined) {
    const schema: ApiSchema = schemas[api]
    codec = compileMessage(schema[direction], version, isFlexible(api, version))
    compiled.set(id, codec)
  }
  return codec
}
