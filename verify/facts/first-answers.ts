/** What a broker answers while it is not ready: groups before `__consumer_offsets` exists, topics that were just made.
 *  Starts a broker of its own, because the topics of a coordinator are made once. */

import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  createTopicsV7,
  deleteTopicsV6,
  findCoordinatorV6,
  initProducerIdV5,
  metadataV12,
  offsetFetchV9,
} from '@platformatic/kafka'
import { startCluster, stopCluster } from '../../scripts/kafka/cluster.ts'
import { fetchJars } from '../../scripts/kafka/jars.ts'
import { type Fact, FactSheet } from './fact.ts'
import { noTopicId } from './reads.ts'
import { encodeRecords, freshName, produce, untilLed, Wire } from './wire.ts'

const groupKey = 0
const transactionKey = 1

export async function firstAnswerFacts(): Promise<readonly Fact[]> {
  const sheet = new FactSheet('first-answers')
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-facts-'))
  const jars = await fetchJars()
  const cluster = await startCluster({ jars, brokers: 1, folder, lifetime: 'ours', internalTopics: 'untouched' })
  try {
    const wire = await Wire.open(cluster.bootstrap)
    await coordinatorFacts(wire, sheet)
    await topicFacts(wire, sheet)
    await wire.close()
  } finally {
    await stopCluster(cluster)
  }
  return sheet.facts
}

async function coordinatorFacts(wire: Wire, sheet: FactSheet): Promise<void> {
  const unready = await wire.send(
    offsetFetchV9.api,
    [{ groupId: 'early', memberId: null, memberEpoch: -1, topics: null }],
    false,
  )
  sheet.saw('OffsetFetch before anybody asked for a coordinator', unready.groups[0]?.errorCode)
  const locate = (keyType: number) => async (): Promise<number> =>
    (await wire.send(findCoordinatorV6.api, keyType, ['early'])).coordinators[0]?.errorCode ?? Number.NaN
  const fetchOffsets = async (): Promise<number> => {
    const groups = [{ groupId: 'early', memberId: null, memberEpoch: -1, topics: null }]
    return (await wire.send(offsetFetchV9.api, groups, false)).groups[0]?.errorCode ?? Number.NaN
  }
  const initialise = async (): Promise<number> =>
    (await wire.send(initProducerIdV5.api, 'early', 10_000, -1n, -1)).errorCode
  sheet.saw('FindCoordinator for a group, first time', await untilZero(locate(groupKey)))
  sheet.saw('… then OffsetFetch', await untilZero(fetchOffsets))
  sheet.saw('FindCoordinator for a transactional id, first time', await untilZero(locate(transactionKey)))
  sheet.saw('… then InitProducerId', await untilZero(initialise))
}

async function topicFacts(wire: Wire, sheet: FactSheet): Promise<void> {
  const automatic = freshName('automatic')
  const look = (name: string, allowAutoTopicCreation: boolean) => async (): Promise<number> => {
    const topic = (await wire.send(metadataV12.api, [name], allowAutoTopicCreation, false)).topics[0]
    return topic?.errorCode || (topic?.partitions.find((partition) => partition.errorCode !== 0)?.errorCode ?? 0)
  }
  sheet.saw('Metadata of a missing topic, creation not allowed', await look(automatic, false)())
  sheet.saw('Metadata of a missing topic, creation allowed', await untilZero(look(automatic, true)))

  const create = async (
    name: string,
    configs: Readonly<Record<string, string>> = {},
    numPartitions = 1,
  ): Promise<number> => {
    const entries = Object.entries(configs).map(([key, value]) => ({ name: key, value }))
    const asked = [{ name, numPartitions, replicationFactor: -1, assignments: [], configs: entries }]
    return (await wire.send(createTopicsV7.api, asked, 5_000, false)).topics[0]?.errorCode ?? Number.NaN
  }
  const name = freshName('made')
  sheet.saw('CreateTopics, then Metadata', [await create(name), await untilZero(look(name, false))])
  sheet.saw('CreateTopics of a name that exists', await create(name))
  sheet.saw('CreateTopics with an unknown config, with a wrong value, with an illegal name, with 0 partitions', [
    await create(freshName('bad'), { 'no.such.config': '1' }),
    await create(freshName('bad'), { 'retention.ms': 'soon' }),
    await create('not a name'),
    await create(freshName('bad'), {}, 0),
  ])
  sheet.saw('CreateTopics with segment.bytes of 1,024, of 1,048,576', [
    await create(freshName('small'), { 'segment.bytes': '1024' }),
    await create(freshName('large'), { 'segment.bytes': '1048576' }),
  ])
  const before = await untilLed(wire, name)
  const remove = async (topic: string): Promise<number> =>
    (await wire.send(deleteTopicsV6.api, [{ name: topic, topicId: noTopicId }], 5_000)).responses[0]?.errorCode ??
    Number.NaN
  sheet.saw('DeleteTopics, again, Metadata after it', [
    await remove(name),
    await remove(name),
    await look(name, false)(),
  ])
  sheet.saw('Produce to a deleted topic', (await produce(wire, name, encodeRecords(name, [{ value: 'x' }]))).errorCode)
  sheet.saw('CreateTopics of the same name', await create(name))
  const after = await untilLed(wire, name)
  sheet.saw('… has another topic id', before.id !== after.id)
}

/** The codes that came before 0, in runs, and how long that took. */
async function untilZero(ask: () => Promise<number>): Promise<string> {
  const startedMs = performance.now()
  const runs: { code: number; count: number }[] = []
  for (;;) {
    const code = await ask()
    const last = runs.at(-1)
    if (last?.code === code) last.count += 1
    else runs.push({ code, count: 1 })
    if (code === 0) break
  }
  const shown = runs.map((run) => (run.count === 1 ? String(run.code) : `${run.code} × ${run.count}`)).join(', then ')
  return `${shown}; after ${Math.round(performance.now() - startedMs)} ms`
}
