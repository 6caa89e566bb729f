/** R28: a batch that fails its checksum brings nothing to a handler: it is told, fetched again, and handled once it is
 *  whole. The partitions beside it go on. */
import { EmbeddedKafka, type RequestOf } from '@holdfast/broker'
import { createHoldfast, topic } from 'holdfast'
import { expect, test } from 'vitest'
import { append, committedAt, committedOffset, Diary, nextEvent, testApp } from './consumer-world.ts'

type FetchAnswer = {
  responses: { partitions: { partitionIndex: number; records: Buffer | null }[] }[]
}

/** Flips one bit in every batch of partition 0 until told otherwise. */
function corrupt(kafka: EmbeddedKafka, byteFromEnd: number): () => void {
  let isOurs = false
  return kafka.core.intercept('Fetch', async (request: RequestOf<'Fetch'>, { nodeId, version, clientId }) => {
    if (isOurs) return undefined
    isOurs = true
    const connection = kafka.core.connect(nodeId, clientId)
    const answering = kafka.core.handle(nodeId, 'Fetch', version, request, connection)
    // The fault has been asked about our own request by now: what comes next is a client's again.
    await new Promise((resolve) => setImmediate(resolve))
    isOurs = false
    const answer = (await answering) as unknown as FetchAnswer
    connection.disconnect()
    const partitions = answer.responses.flatMap((each) => each.partitions)
    for (const partition of partitions) {
      if (partition.partitionIndex !== 0 || partition.records === null || partition.records.length === 0) continue
      const records = Buffer.from(partition.records)
      const at = records.length - byteFromEnd
      records[at] = (records[at] ?? 0) ^ 0x10
      partition.records = records
    }
    return answer
  })
}

test.each([
  ['the value of its last record', 2],
  ['its checksum', 61 + 10 - 17],
])('a bit that flipped in %s', async (_, byteFromEnd) => {
  await using kafka = await EmbeddedKafka.start({ topics: { orders: 2 } })
  await using app = createHoldfast({ ...testApp, kafka: kafka.bootstrap })
  const handled = new Diary<string>()
  app.consume(topic('orders'), {}, (message) =>
    handled.note(`${message.partition}/${message.offset}=${message.valueBytes?.toString()}`),
  )
  append(kafka, 'orders', [{ value: 'abc' }])
  append(kafka, 'orders', [{ value: 'abc' }], 1)
  const mend = corrupt(kafka, byteFromEnd)
  const told = nextEvent(app, 'fetch.corrupt')

  await app.start()
  expect(await told).toMatchObject({ at: { topic: 'orders', partition: 0 }, offset: 0 })
  await committedAt(kafka, 'billing', 'orders', 1, 1)
  expect(handled.lines).toEqual(['1/0=abc'])
  expect(committedOffset(kafka, 'billing', 'orders')).toBe(0)

  mend()
  await committedAt(kafka, 'billing', 'orders', 1)

  expect(handled.lines).toEqual(['1/0=abc', '0/0=abc'])
})
