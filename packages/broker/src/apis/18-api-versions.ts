/** ApiVersions: 0–4. What is served, which is what `protocol/apis.ts` lists; nothing else is advertised.
 *
 *  * 3: flexible (the response header never is), client name and version, features · 4: features whose lowest level is 0
 *
 *  The features are those of Kafka 4.3 as far as their APIs are served, because clients change their ways by them: from
 *  `transaction.version` 2 on they leave out AddPartitionsToTxn (KIP-890).
 *
 *  A version that is not known is answered in version 0 with code 35; the server sees to that. */

import type { Handler } from '../core/broker-state.ts'
import { apiByKey, apiNames, isServed, type ResponseOf, schemas, servedVersions } from '../protocol/apis.ts'
import { errorCode } from '../protocol/error-code.ts'

/** A level counts only if the APIs that it promises are there. */
const features = [
  { name: 'group.version', lowest: 0, level: isServedKey(68, 0) ? 1 : 0 },
  { name: 'metadata.version', lowest: 7, level: 30 },
  { name: 'transaction.version', lowest: 0, level: isServedKey(26, 5) && isServedKey(28, 5) ? 2 : 0 },
].filter(({ level }) => level > 0)
/** Kafka counts its metadata records; all that a client needs is that an epoch is known. */
const featuresEpoch = 1

export const apiVersions: Handler<'ApiVersions'> = (request, { version, connection }) => {
  const legalName = /^[A-Za-z0-9](?:[A-Za-z0-9\-.]*[A-Za-z0-9])?$/
  const isLegal =
    version < 3 || (legalName.test(request.clientSoftwareName) && legalName.test(request.clientSoftwareVersion))
  if (!isLegal) return { errorCode: errorCode.invalidRequest, apiKeys: [] }
  connection.sasl?.versionsTold()
  return {
    ...servedApis(errorCode.none),
    supportedFeatures: features
      .filter(({ lowest }) => version >= 4 || lowest > 0)
      .map(({ name, lowest, level }) => ({ name, minVersion: lowest, maxVersion: level })),
    finalizedFeaturesEpoch: featuresEpoch,
    finalizedFeatures: features.map(({ name, level }) => ({ name, maxVersionLevel: level, minVersionLevel: level })),
  }
}

function isServedKey(key: number, version: number): boolean {
  const name = apiByKey(key)
  return name !== undefined && isServed(name, version)
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
