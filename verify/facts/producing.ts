/** What Produce answers to batches that are sent twice, out of order, by strangers, or that are wrong. */

import { type Fact, FactSheet } from './fact.ts'
import { fetch } from './reads.ts'
import { createTopic, encodeRecords, newProducer, noProducer, produce, type ProduceResult, Wire } from './wire.ts'

const crcAt = 17

export async function produceFacts(bootstrap: string): Promise<readonly Fact[]> {
  const sheet = new FactSheet('producing')
  const wire = await Wire.open(bootstrap)
  await resendFacts(bootstrap, wire, sheet)
  await strangerFacts(wire, sheet)
  await wrongFacts(wire, sheet)
  await wrapFacts(wire, sheet)
  await wire.close()
  return sheet.facts
}

async function resendFacts(bootstrap: string, wire: Wire, sheet: FactSheet): Promise<void> {
  const { name, id: topicId } = await createTopic(wire, 'resend')
  const producer = await newProducer(wire)
  const batch = (sequence: number): Buffer => encodeRecords(name, [{ value: 'a' }, { value: 'b' }], producer, sequence)
  const first = batch(0)
  sheet.saw('a batch of two, sequence 0', brief(await produce(wire, name, first)))
  sheet.saw('the same bytes again', brief(await produce(wire, name, first)))
  const other = await Wire.open(bootstrap)
  sheet.saw('the same bytes on a new connection', brief(await produce(other, name, first)))
  const { partitions } = await fetch(wire, { topicId, offsets: { 0: 0 } })
  sheet.saw('high watermark after that', partitions[0]?.highWatermark)
  sheet.saw('sequence 4 instead of 2', brief(await produce(wire, name, batch(4))))
  sheet.saw('sequence 1 instead of 2', brief(await produce(wire, name, batch(1))))
  for (const sequence of [2, 4, 6, 8]) await produce(wire, name, batch(sequence))
  sheet.saw('the first bytes again, 4 batches later', brief(await produce(wire, name, first)))
  await produce(wire, name, batch(10))
  sheet.saw('the first bytes again, 5 batches later', brief(await produce(wire, name, first)))
  sheet.saw('the batch before the last one again', brief(await produce(wire, name, batch(8))))
  await other.close()
}

async function strangerFacts(wire: Wire, sheet: FactSheet): Promise<void> {
  const { name } = await createTopic(wire, 'strangers')
  const send = async (id: bigint, epoch: number, sequence: number): Promise<string> =>
    brief(await produce(wire, name, encodeRecords(name, [{ value: 'x' }], { id, epoch }, sequence)))
  const { id, epoch } = await newProducer(wire)
  sheet.saw('a producer that the partition does not know, sequence 5', await send(id, epoch, 5))
  sheet.saw('… then sequence 6, then sequence 9', [await send(id, epoch, 6), await send(id, epoch, 9)])
  sheet.saw('a producer id that nobody gave out', await send(987_654_321n, 0, 0))
  sheet.saw('a higher epoch, sequence 3, then 0', [await send(id, epoch + 1, 3), await send(id, epoch + 1, 0)])
  sheet.saw('the lower epoch after it', await send(id, epoch, 7))
}

async function wrongFacts(wire: Wire, sheet: FactSheet): Promise<void> {
  const { name } = await createTopic(wire, 'wrong')
  const compacted = await createTopic(wire, 'keys', 1, { 'cleanup.policy': 'compact' })
  const lonely = await createTopic(wire, 'lonely', 1, { 'min.insync.replicas': '2' })
  const stamped = await createTopic(wire, 'stamped', 1, { 'message.timestamp.type': 'LogAppendTime' })
  const batch = (value = 'x'): Buffer => encodeRecords(name, [{ value }])
  sheet.saw('one replica on a topic with min.insync.replicas=2', brief(await produce(wire, lonely.name, batch())))
  const flipped = batch()
  flipped.writeInt32BE(flipped.readInt32BE(crcAt) ^ 1, crcAt)
  sheet.saw('a batch with a wrong CRC', brief(await produce(wire, name, flipped)))
  sheet.saw(
    'two batches in one request for one partition',
    brief(await produce(wire, name, Buffer.concat([batch(), batch()]))),
  )
  sheet.saw('a batch above message.max.bytes', brief(await produce(wire, name, batch('x'.repeat(1_100_000)))))
  sheet.saw('a topic that does not exist', brief(await produce(wire, 'facts-no-such-topic', batch())))
  sheet.saw('a partition that does not exist', brief(await produce(wire, name, batch(), 9)))
  const keyless = encodeRecords(compacted.name, [{ value: 'x' }], noProducer)
  sheet.saw('no key on a compacted topic', brief(await produce(wire, compacted.name, keyless)))
  const appended = await produce(wire, stamped.name, encodeRecords(stamped.name, [{ value: 'x', timestampMs: 1_000 }]))
  sheet.saw('log append time in the answer: LogAppendTime, CreateTime', [
    Math.abs(appended.logAppendTimeMs - Date.now()) < 5_000 ? 'the clock of the broker' : appended.logAppendTimeMs,
    (await produce(wire, name, batch())).logAppendTimeMs,
  ])
  const old = encodeRecords(name, [{ value: 'x', timestampMs: 1_000 }])
  const future = encodeRecords(name, [{ value: 'x', timestampMs: Date.now() + 2 * 3_600_000 }])
  sheet.saw('CreateTime of 1970, of two hours from now', [
    brief(await produce(wire, name, old)),
    brief(await produce(wire, name, future)),
  ])
}

/** Sequences are 31 bits and start again at 0. */
async function wrapFacts(wire: Wire, sheet: FactSheet): Promise<void> {
  const { name } = await createTopic(wire, 'wrap')
  const producer = await newProducer(wire)
  const three = [{ value: 'a' }, { value: 'b' }, { value: 'c' }]
  const highest = 2 ** 31 - 1
  sheet.saw('three records from sequence 2³¹ − 2, then one from sequence 1', [
    brief(await produce(wire, name, encodeRecords(name, three, producer, highest - 1))),
    brief(await produce(wire, name, encodeRecords(name, [{ value: 'd' }], producer, 1))),
  ])
}

function brief({ errorCode, baseOffset }: ProduceResult): string {
  return errorCode === 0 ? `offset ${baseOffset}` : `error ${errorCode}`
}
