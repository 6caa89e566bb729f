/** What the coordinator of a classic group answers: a rebalance with a drain, stale members, generations and instances. */

import { setTimeout as delay } from 'node:timers/promises'
import { type Fact, FactSheet } from './fact.ts'
import { committed, commitAsTool, Member } from './group.ts'
import { createTopic, freshName, type Topic, Wire } from './wire.ts'

const drainMs = 5_000
const beatEveryMs = 300
const partitions = 6

export async function membershipFacts(bootstrap: string): Promise<readonly Fact[]> {
  const sheet = new FactSheet('membership')
  const wire = await Wire.open(bootstrap)
  const topic = await createTopic(wire, 'membership', partitions)
  await drainFacts(bootstrap, wire, topic, sheet)
  await staleFacts(bootstrap, topic, sheet)
  await joiningFacts(bootstrap, topic, sheet)
  await lateFacts(bootstrap, topic, sheet)
  await instanceFacts(bootstrap, topic, sheet)
  await toolFacts(bootstrap, wire, topic, sheet)
  await wire.close()
  return sheet.facts
}

/** One member owns all, a second one joins, the first drains for 5 s before it joins again. */
async function drainFacts(bootstrap: string, wire: Wire, topic: Topic, sheet: FactSheet): Promise<void> {
  const options = { group: freshName('drain'), topic: topic.name }
  const first = await Member.open(bootstrap, options)
  const second = await Member.open(bootstrap, options)
  const alone = await first.join()
  sheet.saw(
    'first JoinGroup without a member id',
    alone.gaveIdFirst ? '79 with an id, then 0' : String(alone.errorCode),
  )
  sheet.saw('Heartbeat between JoinGroup and SyncGroup', await first.heartbeat())
  sheet.saw('OffsetCommit between JoinGroup and SyncGroup', await first.commit(1))
  sheet.saw('SyncGroup, then Heartbeat', [await first.sync(alone, partitions), await first.heartbeat()])

  const startedMs = performance.now()
  const secondJoins = second.join()
  const beats: number[] = []
  while (performance.now() - startedMs < drainMs) {
    await delay(beatEveryMs)
    beats.push(await first.heartbeat())
  }
  sheet.saw(`Heartbeats every ${beatEveryMs} ms during a drain of ${drainMs} ms`, countsOf(beats))
  sheet.saw('OffsetCommit under the old generation, still draining', await first.commit(5, partitions))
  sheet.saw('… read back', await committed(wire, options.group, topic.name))
  sheet.saw('Heartbeat and OffsetCommit with a wrong generation, draining', [
    await first.heartbeat(first.generation - 1),
    await first.commit(9, 1, first.generation - 1),
  ])
  const oldGeneration = first.generation
  const [firstJoined, secondJoined] = await Promise.all([first.join(), secondJoins])
  sheet.saw('both joined', {
    codes: [firstJoined.errorCode, secondJoined.errorCode],
    generations: [oldGeneration, first.generation],
  })
  sheet.saw('the first stays the leader', firstJoined.leader === first.memberId)
  sheet.saw('OffsetCommit before SyncGroup: old generation, new generation', [
    await first.commit(6, 1, oldGeneration),
    await first.commit(6),
  ])
  sheet.saw('Heartbeat before SyncGroup: old generation, new generation', [
    await first.heartbeat(oldGeneration),
    await first.heartbeat(),
  ])
  const synced = await Promise.all([first.sync(firstJoined, partitions), second.sync(secondJoined, partitions)])
  sheet.saw('SyncGroup of both, then Heartbeats', [...synced, await first.heartbeat(), await second.heartbeat()])
  const leftMs = performance.now()
  sheet.saw('LeaveGroup of both', [await first.leave(), await second.leave()])
  sheet.saw('… took', `${(performance.now() - leftMs).toFixed(1)} ms`)
  await Promise.all([first.close(), second.close()])
}

async function staleFacts(bootstrap: string, topic: Topic, sheet: FactSheet): Promise<void> {
  const member = await Member.open(bootstrap, { group: freshName('stale'), topic: topic.name })
  await member.sync(await member.join(), partitions)
  const { generation } = member
  sheet.saw('Heartbeat with generation − 1, + 1', [
    await member.heartbeat(generation - 1),
    await member.heartbeat(generation + 1),
  ])
  sheet.saw('OffsetCommit with generation − 1, + 1', [
    await member.commit(1, 1, generation - 1),
    await member.commit(1, 1, generation + 1),
  ])
  sheet.saw('Heartbeat, OffsetCommit of an unknown member', [
    await member.heartbeat(generation, 'nobody'),
    await member.commit(1, 1, generation, 'nobody'),
  ])
  const other = await Member.open(bootstrap, { group: freshName('none'), topic: topic.name })
  sheet.saw('Heartbeat to a group that does not exist', await other.heartbeat(1, 'nobody'))
  sheet.saw('OffsetCommit with a generation to a group that does not exist', await other.commit(1, 1, 1, 'nobody'))
  await other.close()
  await member.leave()
  sheet.saw('Heartbeat, OffsetCommit after LeaveGroup', [await member.heartbeat(), await member.commit(1)])
  await member.close()
}

/** A commit of a member whose own JoinGroup waits for the others. */
async function joiningFacts(bootstrap: string, topic: Topic, sheet: FactSheet): Promise<void> {
  const options = { group: freshName('joining'), topic: topic.name }
  const [first, second] = [await Member.open(bootstrap, options), await Member.open(bootstrap, options)]
  await first.sync(await first.join(), partitions)
  const secondJoins = second.join()
  while ((await first.heartbeat()) !== 27) await delay(20)
  const [firstJoined, secondJoined] = await Promise.all([first.join(), secondJoins])
  await Promise.all([first.sync(firstJoined, partitions), second.sync(secondJoined, partitions)])

  const firstRejoins = first.join()
  while ((await second.heartbeat()) !== 27) await delay(20)
  sheet.saw('OffsetCommit, Heartbeat while the own JoinGroup waits for another member', [
    await first.commit(7),
    await first.heartbeat(),
  ])
  const [rejoined] = await Promise.all([firstRejoins, second.join()])
  sheet.saw('… that JoinGroup', rejoined.errorCode)

  const strange = await Member.open(bootstrap, { ...options, protocols: ['something-else'] })
  sheet.saw('JoinGroup without a protocol in common', (await strange.join()).errorCode)
  await Promise.all([first.close(), second.close(), strange.close()])
}

/** A drain that takes longer than the rebalance timeout. */
async function lateFacts(bootstrap: string, topic: Topic, sheet: FactSheet): Promise<void> {
  const options = { group: freshName('late'), topic: topic.name, rebalanceTimeoutMs: 1_000 }
  const [first, second] = [await Member.open(bootstrap, options), await Member.open(bootstrap, options)]
  await first.sync(await first.join(), partitions)
  const startedMs = performance.now()
  await second.join()
  sheet.saw(
    'JoinGroup of the second while the first never rejoins (rebalance timeout 1,000 ms) took',
    roundedSince(startedMs),
  )
  sheet.saw('Heartbeat, OffsetCommit of the first after the rebalance timeout', [
    await first.heartbeat(),
    await first.commit(1),
  ])
  sheet.saw('JoinGroup of the first with its old member id', (await first.join()).errorCode)
  await Promise.all([first.close(), second.close()])
}

async function instanceFacts(bootstrap: string, topic: Topic, sheet: FactSheet): Promise<void> {
  const options = { group: freshName('static'), topic: topic.name, instanceId: 'one' }
  const first = await Member.open(bootstrap, options)
  const joined = await first.join()
  await first.sync(joined, partitions)
  sheet.saw('static member: first JoinGroup', joined.gaveIdFirst ? '79, then 0' : joined.errorCode)
  const { generation } = first
  const twin = await Member.open(bootstrap, options)
  const twinJoined = await twin.join()
  sheet.saw('the same instance joins again', {
    errorCode: twinJoined.errorCode,
    generationMoved: twin.generation !== generation,
  })
  sheet.saw('Heartbeat, OffsetCommit of the earlier one', [await first.heartbeat(), await first.commit(1)])
  sheet.saw('SyncGroup, Heartbeat of the later one', [await twin.sync(twinJoined, partitions), await twin.heartbeat()])
  await Promise.all([first.close(), twin.close()])
}

async function toolFacts(bootstrap: string, wire: Wire, topic: Topic, sheet: FactSheet): Promise<void> {
  const group = freshName('tool')
  const toolCommit = (offset: number): Promise<number> => commitAsTool(wire, group, topic.name, offset, '')
  sheet.saw('OffsetFetch of a group that never committed', await committed(wire, group, topic.name))
  sheet.saw('OffsetCommit with generation −1 and no member, empty group', await toolCommit(3))
  const member = await Member.open(bootstrap, { group, topic: topic.name })
  await member.sync(await member.join(), partitions)
  sheet.saw('… while the group has a member', await toolCommit(4))
  await member.leave()
  await member.close()
}

function countsOf(codes: readonly number[]): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const code of codes) counts[`answered ${code}`] = (counts[`answered ${code}`] ?? 0) + 1
  return counts
}

function roundedSince(startedMs: number): string {
  return `${Math.round((performance.now() - startedMs) / 100) * 100} ms`
}
