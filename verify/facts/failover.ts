/** What three brokers answer when asked in the wrong place, and after the leader of a partition was killed. Starts brokers
 *  of its own, because it kills one. */

import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fetchV17, findCoordinatorV6, metadataV12 } from '@platformatic/kafka'
import { type Cluster, startCluster, stopCluster } from '../../scripts/kafka/cluster.ts'
import { fetchJars } from '../../scripts/kafka/jars.ts'
import { killPid } from '../processes.ts'
import { type Fact, FactSheet } from './fact.ts'
import { commitAsTool, committed, Member } from './group.ts'
import { epochEnd, fetch, listOffset, readUncommitted } from './reads.ts'
import { createTopic, encodeRecords, freshName, produce, type Topic, Wire } from './wire.ts'

const end = -1

export async function failoverFacts(): Promise<readonly Fact[]> {
  const sheet = new FactSheet('failover')
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-facts-'))
  const cluster = await startCluster({ jars: await fetchJars(), brokers: 3, folder, lifetime: 'ours' })
  const wires = new Map<number, Wire>()
  try {
    for (const { nodeId, port } of cluster.brokers) wires.set(nodeId, await Wire.open(`127.0.0.1:${port}`))
    const any = wireOf(wires, 1)
    const topic = await createTopic(any, 'failover', 1, {}, 3)
    const leader = await leaderOf(any, topic)
    const follower = wireOf(wires, (leader.nodeId % 3) + 1)
    await produce(wireOf(wires, leader.nodeId), topic.name, encodeRecords(topic.name, [{ value: 'a' }, { value: 'b' }]))
    await wrongBrokerFacts(wires, follower, topic, sheet)
    await wrongCoordinatorFacts(cluster, wires, topic, sheet)
    await killedLeaderFacts(cluster, wires, topic, leader.nodeId, sheet)
  } finally {
    for (const wire of wires.values()) await wire.close().catch(() => undefined)
    await stopCluster(cluster)
  }
  return sheet.facts
}

async function wrongBrokerFacts(
  wires: ReadonlyMap<number, Wire>,
  follower: Wire,
  topic: Topic,
  sheet: FactSheet,
): Promise<void> {
  const leader = await leaderOf(follower, topic)
  const partitions = [
    { partition: 0, currentLeaderEpoch: -1, fetchOffset: 0n, lastFetchedEpoch: -1, partitionMaxBytes: 1_000 },
  ]
  const topics = [{ topicId: topic.id, partitions }]
  const fetched = await follower.send(fetchV17.api, 0, 1, 1_000, 0, 0, -1, topics, [], '')
  const partition = fetched.responses[0]?.partitions[0]
  sheet.saw('Fetch from a follower (v17, no rack)', {
    errorCode: partition?.errorCode,
    namesTheLeader: partition?.currentLeader?.leaderId === leader.nodeId,
    givesItsAddress: fetched.nodeEndpoints?.some((node) => node.nodeId === leader.nodeId) ?? false,
  })
  const written = await produce(follower, topic.name, encodeRecords(topic.name, [{ value: 'x' }]))
  sheet.saw('Produce, ListOffsets, OffsetForLeaderEpoch to a follower', [
    written.errorCode,
    await listOffset(follower, topic, end, readUncommitted),
    await epochEnd(follower, topic.name, 0),
  ])
  const asked = { topicId: topic.id, offsets: { 0: 0 }, leaderEpoch: leader.epoch }
  sheet.saw('Fetch with the current leader epoch from a follower, from the leader', [
    (await fetch(follower, asked)).partitions[0]?.errorCode,
    (await fetch(wireOf(wires, leader.nodeId), asked)).partitions[0]?.errorCode,
  ])
}

async function wrongCoordinatorFacts(
  cluster: Cluster,
  wires: ReadonlyMap<number, Wire>,
  topic: Topic,
  sheet: FactSheet,
): Promise<void> {
  const group = freshName('misplaced')
  const located = await wireOf(wires, 1).send(findCoordinatorV6.api, 0, [group])
  const coordinator = located.coordinators[0]?.nodeId ?? 0
  const elsewhere = cluster.brokers.find(({ nodeId }) => nodeId !== coordinator)
  const wrong = wireOf(wires, elsewhere?.nodeId ?? 0)
  const member = await Member.open(`127.0.0.1:${elsewhere?.port}`, { group, topic: topic.name })
  sheet.saw('JoinGroup, Heartbeat, OffsetCommit, OffsetFetch to a broker that does not coordinate the group', [
    (await member.join()).errorCode,
    await member.heartbeat(1, 'nobody'),
    await commitAsTool(wrong, group, topic.name, 1, ''),
    (await committed(wrong, group, topic.name)).errorCode,
  ])
  await member.close()
}

async function killedLeaderFacts(
  cluster: Cluster,
  wires: ReadonlyMap<number, Wire>,
  topic: Topic,
  killed: number,
  sheet: FactSheet,
): Promise<void> {
  const survivor = wireOf(wires, (killed % 3) + 1)
  const before = await leaderOf(survivor, topic)
  const killedMs = performance.now()
  await killPid(pidOf(cluster, killed))
  let after = before
  while (after.nodeId === killed || after.nodeId < 0) after = await leaderOf(survivor, topic)
  sheet.saw(
    'the leader is killed: another one is in Metadata after',
    `${((performance.now() - killedMs) / 1_000).toFixed(1)} s`,
  )
  sheet.saw('leader epoch before and after', [before.epoch, after.epoch])
  const wire = wireOf(wires, after.nodeId)
  const ask = async (rest: object): Promise<unknown> => {
    const seen = (await fetch(wire, { topicId: topic.id, offsets: { 0: 2 }, leaderEpoch: after.epoch, ...rest }))
      .partitions[0]
    return seen?.errorCode === 0 ? (seen.diverging ?? 'served') : `error ${seen?.errorCode}`
  }
  sheet.saw('Fetch with the old leader epoch', await ask({ leaderEpoch: before.epoch }))
  sheet.saw(
    'Produce to the new leader with two of three replicas',
    (await produce(wire, topic.name, encodeRecords(topic.name, [{ value: 'c' }]))).errorCode,
  )
  sheet.saw('OffsetForLeaderEpoch of the old epoch, of the new one', [
    await epochEnd(wire, topic.name, before.epoch),
    await epochEnd(wire, topic.name, after.epoch),
  ])
  sheet.saw('Fetch at 2, last fetched epoch the old one', await ask({ lastFetchedEpoch: before.epoch }))
  sheet.saw(
    'Fetch at 3, last fetched epoch the old one (which ended at 2)',
    await ask({ lastFetchedEpoch: before.epoch, offsets: { 0: 3 } }),
  )
}

async function leaderOf(wire: Wire, topic: Topic): Promise<{ readonly nodeId: number; readonly epoch: number }> {
  const { topics } = await wire.send(metadataV12.api, [topic.name], false, false)
  const partition = topics[0]?.partitions[0]
  return { nodeId: partition?.leaderId ?? -1, epoch: partition?.leaderEpoch ?? -1 }
}

function pidOf(cluster: Cluster, nodeId: number): number {
  const broker = cluster.brokers.find((one) => one.nodeId === nodeId)
  if (broker === undefined) throw new Error(`the cluster has no broker ${nodeId}`)
  return broker.pid
}

function wireOf(wires: ReadonlyMap<number, Wire>, nodeId: number): Wire {
  const wire = wires.get(nodeId)
  if (wire === undefined) throw new Error(`no connection to broker ${nodeId}`)
  return wire
}
