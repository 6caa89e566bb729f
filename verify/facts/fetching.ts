/** How fetch sessions behave, and what Fetch answers to what cannot be served. */

import { setTimeout as delay } from 'node:timers/promises'
import { deleteRecordsV2, deleteTopicsV6 } from '@platformatic/kafka'
import { type Fact, FactSheet } from './fact.ts'
import { commitAsTool, committed } from './group.ts'
import { fetch, type FetchSeen, noTopicId } from './reads.ts'
import { createTopic, encodeRecords, freshName, produce, type Topic, Wire } from './wire.ts'

const goneWithinMs = 5_000

export async function fetchFacts(bootstrap: string): Promise<readonly Fact[]> {
  const sheet = new FactSheet('fetching')
  const wire = await Wire.open(bootstrap)
  await sessionFacts(bootstrap, wire, sheet)
  await refusalFacts(wire, sheet)
  await limitFacts(wire, sheet)
  await deletionFacts(wire, sheet)
  await wire.close()
  return sheet.facts
}

async function sessionFacts(bootstrap: string, wire: Wire, sheet: FactSheet): Promise<void> {
  const topic = await createTopic(wire, 'sessions', 3)
  const topicId = topic.id
  const write = (index: number): Promise<unknown> =>
    produce(wire, topic.name, encodeRecords(topic.name, [{ value: 'x' }]), index)
  await write(0)
  const opened = await fetch(wire, { topicId, sessionEpoch: 0, offsets: { 0: 0, 1: 0, 2: 0 } })
  const { sessionId } = opened
  sheet.saw(
    'open a session (0, 0) on 3 partitions, one with a record',
    `session ${sessionId ? 'given' : '0'}; ${brief(opened)}`,
  )
  const next = (sessionEpoch: number, rest: object = {}): Promise<FetchSeen> =>
    fetch(wire, { topicId, sessionId, sessionEpoch, ...rest })
  sheet.saw('epoch 1, nothing named: the position has not moved', brief(await next(1)))
  sheet.saw('epoch 2, partition 0 moved to 1: nothing new anywhere', brief(await next(2, { offsets: { 0: 1 } })))
  await write(1)
  sheet.saw('epoch 3, nothing named, after a record in partition 1', brief(await next(3)))
  sheet.saw('epoch 4, partition 1 forgotten although it has data', brief(await next(4, { forget: [1] })))
  sheet.saw('epoch 5, partition 1 named again at 1', brief(await next(5, { offsets: { 1: 1 } })))
  const waitingMs = performance.now()
  const waiting = next(6, { maxWaitMs: 5_000 })
  const other = await Wire.open(bootstrap)
  await produce(other, topic.name, encodeRecords(topic.name, [{ value: 'y' }]), 2)
  sheet.saw('epoch 6, long poll of 5 s, a record after it was sent', brief(await waiting))
  sheet.saw('… ended', performance.now() - waitingMs < 2_500 ? 'at once' : 'late')
  sheet.saw('epoch 9 instead of 7', brief(await next(9)))
  sheet.saw('… then epoch 7', brief(await next(7)))
  sheet.saw('epoch 7 again', brief(await next(7)))
  sheet.saw(
    'the session used on another connection',
    brief(await fetch(other, { topicId, sessionId, sessionEpoch: 8 })),
  )
  sheet.saw('a session that does not exist', brief(await fetch(wire, { topicId, sessionId: 12_345, sessionEpoch: 3 })))
  const closed = await next(-1)
  sheet.saw('close with epoch −1, nothing named', `session ${closed.sessionId}; ${brief(closed)}`)
  sheet.saw('… the session afterwards', brief(await next(9)))
  const sessionless = await fetch(wire, { topicId, offsets: { 0: 0 } })
  sheet.saw('no session (0, −1)', `session ${sessionless.sessionId}; ${brief(sessionless)}`)
  await other.close()
}

async function refusalFacts(wire: Wire, sheet: FactSheet): Promise<void> {
  const topic = await createTopic(wire, 'refusals')
  const topicId = topic.id
  await produce(wire, topic.name, encodeRecords(topic.name, [{ value: 'a' }, { value: 'b' }]))
  const ask = async (rest: object): Promise<string> => brief(await fetch(wire, { topicId, offsets: { 0: 0 }, ...rest }))
  sheet.saw('offset beyond the end', await ask({ offsets: { 0: 3 } }))
  sheet.saw('offset at the end', await ask({ offsets: { 0: 2 } }))
  sheet.saw('a partition that does not exist', await ask({ offsets: { 7: 0 } }))
  sheet.saw('an unknown topic id', await ask({ topicId: '11111111-2222-4333-8444-555555555555' }))
  sheet.saw('the nil topic id', await ask({ topicId: noTopicId }))
  sheet.saw('current leader epoch 0, 5', [await ask({ leaderEpoch: 0 }), await ask({ leaderEpoch: 5 })])
  const after = (lastFetchedEpoch: number, offset: number): Promise<string> =>
    ask({ leaderEpoch: 0, lastFetchedEpoch, offsets: { 0: offset } })
  sheet.saw('last fetched epoch 0 at offset 2 (the end), at offset 3', [await after(0, 2), await after(0, 3)])
  sheet.saw('last fetched epoch 3 at offset 2', await after(3, 2))
  const session = { topicId: '11111111-2222-4333-8444-555555555555', sessionEpoch: 0, offsets: { 0: 0 } }
  sheet.saw('an unknown topic id in a new session', brief(await fetch(wire, session)))

  const partitions = [{ partitionIndex: 0, offset: 1n }]
  await wire.send(deleteRecordsV2.api, [{ name: topic.name, partitions }], 5_000)
  sheet.saw('offset 0 after DeleteRecords up to 1', await ask({}))
  sheet.saw('offset 1, in the middle of the batch 0–1, after it', await ask({ offsets: { 0: 1 } }))
}

async function limitFacts(wire: Wire, sheet: FactSheet): Promise<void> {
  const topic = await createTopic(wire, 'limits')
  for (const value of ['a', 'b', 'c']) {
    await produce(wire, topic.name, encodeRecords(topic.name, [{ value: value.repeat(1_000) }]))
  }
  const ask = async (maxBytes: number): Promise<string> =>
    brief(await fetch(wire, { topicId: topic.id, offsets: { 0: 0 }, maxBytes }))
  sheet.saw('three batches of 1 KB, limits (request and partition) of 1 byte', await ask(1))
  sheet.saw('… of 1,600 bytes', await ask(1_600))
  await produce(wire, topic.name, encodeRecords(topic.name, [{ value: 'x' }, { value: 'y' }, { value: 'z' }]))
  sheet.saw(
    'offset 4, in the middle of the batch 3–5',
    brief(await fetch(wire, { topicId: topic.id, offsets: { 0: 4 } })),
  )
}

/** A topic that is deleted after a group committed on it. */
async function deletionFacts(wire: Wire, sheet: FactSheet): Promise<void> {
  const topic: Topic = await createTopic(wire, 'deleted')
  const group = freshName('deleted')
  await produce(wire, topic.name, encodeRecords(topic.name, [{ value: 'x' }]))
  await commitAsTool(wire, group, topic.name, 1, 'note')
  await wire.send(deleteTopicsV6.api, [{ name: topic.name, topicId: noTopicId }], 5_000)
  sheet.saw(
    'Fetch by the id of a deleted topic, at once',
    brief(await fetch(wire, { topicId: topic.id, offsets: { 0: 0 } })),
  )
  sheet.saw('what a group had committed on a deleted topic, at once', await committed(wire, group, topic.name))
  const deletedMs = performance.now()
  while ((await committed(wire, group, topic.name)).offset !== -1 && performance.now() - deletedMs < goneWithinMs)
    await delay(20)
  sheet.saw('… and then', await committed(wire, group, topic.name))
}

function brief(seen: FetchSeen): string {
  if (seen.errorCode !== 0) return `error ${seen.errorCode}`
  if (seen.partitions.length === 0) return 'no partitions'
  return seen.partitions
    .map((partition) => {
      const { errorCode, highWatermark, logStart, batches, diverging } = partition
      const what =
        errorCode === 0 ? `batches ${batches.map(({ offsets }) => offsets).join(' ') || 'none'}` : `error ${errorCode}`
      const split = diverging ? `, diverges: epoch ${diverging.epoch} ends at ${diverging.endOffset}` : ''
      return `p${partition.partition}: ${what} (start ${logStart}, high watermark ${highWatermark}${split})`
    })
    .join('; ')
}
