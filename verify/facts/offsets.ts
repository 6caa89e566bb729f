/** What stands at offsets that hold no record: transaction markers, aborted records, compaction gaps; and what ListOffsets
 *  and OffsetForLeaderEpoch say about such logs. */

import { setTimeout as delay } from 'node:timers/promises'
import {
  addOffsetsToTxnV3,
  addPartitionsToTxnV3,
  endTxnV3,
  txnOffsetCommitV3,
  offsetFetchV9,
} from '@platformatic/kafka'
import { type Fact, FactSheet } from './fact.ts'
import { epochEnd, fetch, type FetchSeen, listOffset, readCommitted, readUncommitted } from './reads.ts'
import {
  createTopic,
  encodeRecords,
  freshName,
  newProducer,
  noProducer,
  produce,
  type Producer,
  type Topic,
  Wire,
} from './wire.ts'

const compactedWithinMs = 20_000
const end = -1
const start = -2

export async function offsetFacts(bootstrap: string): Promise<readonly Fact[]> {
  const sheet = new FactSheet('offsets')
  const wire = await Wire.open(bootstrap)
  await transactionFacts(wire, sheet)
  await hookedFacts(wire, sheet)
  await compactionFacts(wire, sheet)
  await epochFacts(wire, sheet)
  await wire.close()
  return sheet.facts
}

type Transaction = {
  readonly id: string
  readonly producer: Producer
  /** Error codes of AddPartitionsToTxn and of Produce. */
  write(sequence: number, values: readonly string[]): Promise<readonly number[]>
  end(committed: boolean): Promise<number>
}

async function beginTransactions(wire: Wire, topic: Topic): Promise<Transaction> {
  const id = freshName('tx')
  const producer = await newProducer(wire, id)
  return {
    id,
    producer,
    async write(sequence, values) {
      const topics = [{ name: topic.name, partitions: [0] }]
      const added = await wire.send(addPartitionsToTxnV3.api, [
        { transactionalId: id, producerId: producer.id, producerEpoch: producer.epoch, verifyOnly: false, topics },
      ])
      const partition = added.resultsByTransaction[0]?.topicResults[0]?.resultsByPartition[0]
      const records = values.map((value) => ({ value }))
      const bytes = encodeRecords(topic.name, records, producer, sequence, id)
      const { errorCode } = await produce(wire, topic.name, bytes, 0, id)
      return [partition?.partitionErrorCode ?? Number.NaN, errorCode]
    },
    async end(committed) {
      return (await wire.send(endTxnV3.api, id, producer.id, producer.epoch, committed)).errorCode
    },
  }
}

async function transactionFacts(wire: Wire, sheet: FactSheet): Promise<void> {
  const topic = await createTopic(wire, 'transactions')
  const read = (isolation: 0 | 1, offset = 0): Promise<FetchSeen> =>
    fetch(wire, { topicId: topic.id, offsets: { 0: offset }, isolation })
  const ends = async (): Promise<string> =>
    `uncommitted ${await listOffset(wire, topic, end, readUncommitted)}; committed ${await listOffset(wire, topic, end, readCommitted)}`
  await produce(wire, topic.name, encodeRecords(topic.name, [{ value: 'plain' }]))
  const transaction = await beginTransactions(wire, topic)
  sheet.saw(
    'one plain record, two in an open transaction: AddPartitionsToTxn, Produce',
    await transaction.write(0, ['a', 'b']),
  )
  sheet.saw('… Fetch uncommitted', brief(await read(readUncommitted)))
  sheet.saw('… Fetch committed', brief(await read(readCommitted)))
  sheet.saw('… ListOffsets −1', await ends())
  sheet.saw('commit (EndTxn v3)', await transaction.end(true))
  await untilStable(wire, topic)
  sheet.saw('… Fetch committed from 0', brief(await read(readCommitted)))
  sheet.saw('… Fetch from 3, where the marker stands', brief(await read(readCommitted, 3)))
  sheet.saw('… Fetch from 4, behind the marker', brief(await read(readCommitted, 4)))
  sheet.saw('… ListOffsets −1', await ends())
  sheet.saw('two more, then abort', [...(await transaction.write(2, ['c', 'd'])), await transaction.end(false)])
  await untilStable(wire, topic)
  sheet.saw('… Fetch committed from 4', brief(await read(readCommitted, 4)))
  sheet.saw('… Fetch uncommitted from 4', brief(await read(readUncommitted, 4)))
  sheet.saw('… ListOffsets −1', await ends())
  const transactional = encodeRecords(topic.name, [{ value: 'x' }], transaction.producer, 4, transaction.id)
  const refused = await produce(wire, topic.name, transactional, 0, transaction.id)
  sheet.saw('a transactional batch without AddPartitionsToTxn (Produce v11)', refused.errorCode)
  const later = await newProducer(wire, transaction.id)
  sheet.saw('a second InitProducerId: same id, epoch', [
    later.id === transaction.producer.id,
    `${transaction.producer.epoch} → ${later.epoch}`,
  ])
  sheet.saw('the fenced one: AddPartitionsToTxn, Produce, EndTxn', [
    ...(await transaction.write(4, ['z'])),
    await transaction.end(true),
  ])
}

/** Offsets that are committed inside a transaction. */
async function hookedFacts(wire: Wire, sheet: FactSheet): Promise<void> {
  const topic = await createTopic(wire, 'hooked')
  const group = freshName('hooked')
  const transaction = await beginTransactions(wire, topic)
  const { id, epoch } = transaction.producer
  const offsets = async (requireStable: boolean): Promise<string> => {
    const topics = [{ name: topic.name, partitionIndexes: [0] }]
    const groups = [{ groupId: group, memberId: null, memberEpoch: -1, topics }]
    const answer = await wire.send(offsetFetchV9.api, groups, requireStable)
    const found = answer.groups[0]?.topics[0]?.partitions[0]
    return `error ${found?.errorCode}, offset ${found?.committedOffset}, metadata '${found?.metadata}'`
  }
  await transaction.write(0, ['a'])
  const added = await wire.send(addOffsetsToTxnV3.api, transaction.id, id, epoch, group)
  const partitions = [{ partitionIndex: 0, committedOffset: 7n, committedLeaderEpoch: -1, committedMetadata: 'in tx' }]
  const topics = [{ name: topic.name, partitions }]
  const hooked = await wire.send(txnOffsetCommitV3.api, transaction.id, group, id, epoch, -1, '', null, topics)
  sheet.saw('AddOffsetsToTxn, TxnOffsetCommit', [added.errorCode, hooked.topics[0]?.partitions[0]?.errorCode])
  sheet.saw('OffsetFetch before EndTxn: stable required, not required', [await offsets(true), await offsets(false)])
  sheet.saw('EndTxn', await transaction.end(true))
  await untilStable(wire, topic)
  sheet.saw('OffsetFetch after it', await offsets(true))
}

async function compactionFacts(wire: Wire, sheet: FactSheet): Promise<void> {
  const configs = {
    'cleanup.policy': 'compact',
    'segment.ms': '100',
    'min.cleanable.dirty.ratio': '0',
    'delete.retention.ms': '0',
  }
  const topic = await createTopic(wire, 'compacted', 1, configs)
  const producer = await newProducer(wire)
  let sequence = 0
  const write = async (key: string, value: string | null): Promise<void> => {
    await produce(wire, topic.name, encodeRecords(topic.name, [{ key, value }], producer, sequence))
    sequence += 1
  }
  for (let round = 0; round < 5; round += 1) await write('same', `value ${round}`)
  // A later timestamp than segment.ms allows starts a new segment; the cleaner leaves the newest one alone.
  const roll = async (key: string): Promise<void> => {
    const timestampMs = Date.now() + 1_000
    await produce(wire, topic.name, encodeRecords(topic.name, [{ key, value: 'roll', timestampMs }], noProducer))
  }
  await roll('roll 1')
  const before = brief(await fetch(wire, { topicId: topic.id, offsets: { 0: 0 } }))
  sheet.saw('five values of one key and one of another, before compaction', before)
  const atMs = performance.now()
  let seen = before
  while (seen === before && performance.now() - atMs < compactedWithinMs) {
    await delay(100)
    seen = brief(await fetch(wire, { topicId: topic.id, offsets: { 0: 0 } }))
  }
  sheet.saw('… after it, Fetch from 0', seen)
  sheet.saw('… Fetch from 2, inside the gap', brief(await fetch(wire, { topicId: topic.id, offsets: { 0: 2 } })))
  sheet.saw('… ListOffsets −2', await listOffset(wire, topic, start, readUncommitted))

  sheet.saw('… Fetch from 5, the next segment', brief(await fetch(wire, { topicId: topic.id, offsets: { 0: 5 } })))

  await write('same', null)
  await untilEmptied(wire, topic, roll)
  const emptied = await fetch(wire, { topicId: topic.id, offsets: { 0: 5 } })
  sheet.saw('the last batch of an idempotent producer after all its records were compacted away', emptyBatches(emptied))
}

/** A tombstone lives until a cleaning after the one that saw it first, and a cleaning needs something new to clean. */
async function untilEmptied(wire: Wire, topic: Topic, roll: (key: string) => Promise<void>): Promise<void> {
  const untilMs = performance.now() + compactedWithinMs
  for (let round = 2; performance.now() < untilMs; round += 1) {
    await roll(`roll ${round}`)
    await delay(500)
    if (emptyBatches(await fetch(wire, { topicId: topic.id, offsets: { 0: 5 } })) !== 'none is empty') return
  }
}

function emptyBatches(seen: FetchSeen): string {
  const empty = seen.partitions.flatMap(({ batches }) => batches.filter((batch) => batch.records === 0))
  return empty.length === 0
    ? 'none is empty'
    : empty.map(({ offsets }) => `${offsets} stays, with 0 records`).join('; ')
}

async function epochFacts(wire: Wire, sheet: FactSheet): Promise<void> {
  const { name } = await createTopic(wire, 'epochs')
  await produce(wire, name, encodeRecords(name, [{ value: 'a' }, { value: 'b' }]))
  sheet.saw('OffsetForLeaderEpoch of epoch 0 (the current one)', await epochEnd(wire, name, 0))
  sheet.saw('… of epoch 3, not reached yet', await epochEnd(wire, name, 3))
  sheet.saw('… with current leader epoch 5', await epochEnd(wire, name, 0, 5))
  sheet.saw('… of a topic that does not exist', await epochEnd(wire, 'facts-no-such-topic', 0))
  const topic = await createTopic(wire, 'times')
  const records = [1_000, 2_000, 3_000].map((timestampMs) => ({ value: 'x', timestampMs }))
  await produce(wire, topic.name, encodeRecords(topic.name, records))
  sheet.saw('ListOffsets for the times 1,500 and 9,000; records of 1,000, 2,000, 3,000', [
    await listOffset(wire, topic, 1_500, readUncommitted),
    await listOffset(wire, topic, 9_000, readUncommitted),
  ])
  sheet.saw('ListOffsets −3 (highest timestamp)', await listOffset(wire, topic, -3, readUncommitted))
}

/** Markers are written after EndTxn has answered. */
async function untilStable(wire: Wire, topic: Topic): Promise<void> {
  while ((await listOffset(wire, topic, end, readCommitted)) !== (await listOffset(wire, topic, end, readUncommitted)))
    await delay(20)
}

function brief(seen: FetchSeen): string {
  return seen.partitions
    .map((partition) => {
      const { errorCode, highWatermark, lastStable, batches, aborted } = partition
      if (errorCode !== 0) return `error ${errorCode}`
      const shown = batches.map(
        ({ offsets, records, control }) => `${offsets} (${control ? 'control' : `${records} records`})`,
      )
      const list = aborted ? `, aborted from ${aborted.map(([, offset]) => offset).join(', ')}` : ''
      return `${shown.join(' ') || 'no batches'}, last stable ${lastStable}, high watermark ${highWatermark}${list}`
    })
    .join('; ')
}
