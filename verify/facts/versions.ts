/** Which versions of the APIs that Holdfast uses the broker serves, and what it says to a version that it does not. */

import * as kafka from '@platformatic/kafka'
import { type Fact, FactSheet } from './fact.ts'
import { Wire } from './wire.ts'

const apisUsed: Readonly<Record<string, number>> = {
  Produce: 0,
  Fetch: 1,
  ListOffsets: 2,
  Metadata: 3,
  OffsetCommit: 8,
  OffsetFetch: 9,
  FindCoordinator: 10,
  JoinGroup: 11,
  Heartbeat: 12,
  LeaveGroup: 13,
  SyncGroup: 14,
  DescribeGroups: 15,
  SaslHandshake: 17,
  ApiVersions: 18,
  CreateTopics: 19,
  DeleteTopics: 20,
  DeleteRecords: 21,
  InitProducerId: 22,
  OffsetForLeaderEpoch: 23,
  AddPartitionsToTxn: 24,
  AddOffsetsToTxn: 25,
  EndTxn: 26,
  TxnOffsetCommit: 28,
  DescribeConfigs: 32,
  SaslAuthenticate: 36,
  ConsumerGroupHeartbeat: 68,
}

export async function versionFacts(bootstrap: string): Promise<readonly Fact[]> {
  const sheet = new FactSheet('versions')
  const wire = await Wire.open(bootstrap)
  const answer = await wire.send(kafka.apiVersionsV4.api, 'holdfast-facts', '1')
  for (const [name, key] of Object.entries(apisUsed)) {
    const served = answer.apiKeys.find((api) => api.apiKey === key)
    const range = served ? `${served.minVersion}–${served.maxVersion}` : 'not served'
    sheet.saw(`${name} (${key})`, `${range}, @platformatic/kafka up to ${newestIn(name)}`)
  }
  const features = answer.finalizedFeatures?.map(({ name, maxVersionLevel }) => `${name} ${maxVersionLevel}`)
  sheet.saw('finalized features', features?.join(', ') ?? 'none')
  const oldest = await wire.send(kafka.apiVersionsV0.api, '', '')
  sheet.saw('ApiVersions v0', { errorCode: oldest.errorCode, apis: oldest.apiKeys.length })
  await sheet.tried('an API version that is too new (Heartbeat v4 sent as v99)', () =>
    wire.send(
      kafka.createAPI(12, 99, kafka.heartbeatV4.createRequest, kafka.heartbeatV4.parseResponse, true, true),
      'no-group',
      0,
      'nobody',
      null,
    ),
  )
  await wire.close()
  return sheet.facts
}

function newestIn(name: string): string {
  const prefix = `${name.charAt(0).toLowerCase()}${name.slice(1)}V`
  const versions = Object.keys(kafka)
    .filter((key) => key.startsWith(prefix) && /^\d+$/.test(key.slice(prefix.length)))
    .map((key) => Number(key.slice(prefix.length)))
  return versions.length === 0 ? 'none' : `v${Math.max(...versions)}`
}
