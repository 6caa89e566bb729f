/** ApiVersions: 0–4. What is served, which is what `protocol/apis.ts` lists; nothing else is advertised.
 *
 *  * 3: flexible (the response header never is), client name and version · 4: as 3
 *
 *  A version that is not known is answered in version 0 with code 35; the server sees to that. */

import { type Handler } from '../core/broker-state.ts'
import { apiNames, type ResponseOf, schemas, servedVersions } from '../protocol/apis.ts'
import { errorCode } from '../protocol/error-code.ts'

export const apiVersions: Handler<'ApiVersions'> = (request, { version }) => {
  const legalName = /^[A-Za-z0-9](?:[A-Za-z0-9\-.]*[A-Za-z0-9])?$/
  const isLegal =
    version < 3 || (legalName.test(request.clientSoftwareName) && legalName.test(request.clientSoftwareVersion))
  return isLegal ? servedApis(errorCode.none) : { errorCode: errorCode.invalidRequest, apiKeys: [] }
}

function servedApis(code: number): ResponseOf<'ApiVersions'> {
  const apiKeys = apiNames
    .map((name) => {
      const { min, max } = servedVersions(name)
      // Kafka advertises Produce 0 without serving it, and librdkafka takes it as the sign that compression works.
      return { apiKey: schemas[name].key, minVersion: name === 'Produce' ? 0 : min, maxVersion: max }
    })
    .toSorted((left, right) => left.apiKey - right.apiKey)
  return { errorCode: code, apiKeys, throttleTimeMs: 0 }
}

/** The answer to a version that is not served tells about ApiVersions alone, so that the client can ask again. */
export function unknownApiVersions(): ResponseOf<'ApiVersions'> {
  const { apiKeys } = servedApis(errorCode.unsupportedVersion)
  const apiKey = schemas.ApiVersions.key
  return { errorCode: errorCode.unsupportedVersion, apiKeys: apiKeys.filter((each) => each.apiKey === apiKey) }
}
