/** R1, R2, R4, R14, G5: a member whose session has expired has lost everything: its attempts are aborted, nothing of the old
 *  ownership is committed, and what still runs of a lane holds that lane in the next one. */
import { EmbeddedKafka } from '@holdfast/broker'
import { createHoldfast, topic } from 'holdfast'
import { expect, test } from 'vitest'
import { protocols } from './attempt-diary.ts'
import {
  append,
  commitRequests,
  committedAt,
  committedOffset,
  Diary,
  Gate,
  nextEvent,
  testApp,
} from './consumer-world.ts'

test.each(protocols)('%s: an expired member commits nothing old and runs no key twice at once', async (protocol) => {
  await using kafka = await EmbeddedKafka.start({ topics: { orders: 1 } })
  await using app = createHoldfast({ ...testApp, kafka: kafka.bootstrap, heartbeatInterval: '100ms', protocol })
  const diary = new Diary<string>()
  const gate = new Gate()
  const consumer = app.consume(topic('orders'), {}, async ({ key, offset }, { attempt, signal }) => {
    diary.note(`start ${key}${offset}/${attempt}`)
    signal.addEventListener('abort', () => diary.note(`abort ${key}${offset}: ${(signal.reason as Error).message}`))
    if (offset === 0 && diary.lines.filter((line) => line.startsWith('start a0')).length === 1) await gate.opened
    diary.note(`end ${key}${offset}`)
  })
  append(kafka, 'orders', [{ key: 'a' }, { key: 'b' }, { key: 'a' }])
  await app.start()
  await diary.until((lines) => lines.includes('end b1'))
  const { members, generation } = kafka.core.group('billing') ?? { members: [], generation: -1 }
  const lost = nextEvent(app, 'partition.lost')
  const assigned = nextEvent(app, 'partition.assigned')
  const stale = nextEvent(app, 'attempt.stale')

  kafka.core.expireMember('billing', members[0]?.memberId ?? '')
  const { epoch } = await lost
  expect((await assigned).epoch).toBeGreaterThan(epoch)
  await diary.until((lines) => lines.filter((line) => line === 'end b1').length === 2)

  expect(diary.lines.filter((line) => / a\d/.test(line))).toEqual([
    'start a0/1',
    'abort a0: the partition was lost to another member',
  ])
  expect(committedOffset(kafka, 'billing', 'orders')).toBe(0)

  gate.open()
  await committedAt(kafka, 'billing', 'orders', 3)

  expect(await stale).toMatchObject({ offset: 0, epoch })
  expect(diary.lines.filter((line) => /^(start|end) a/.test(line))).toEqual([
    'start a0/1',
    'end a0',
    'start a0/1',
    'end a0',
    'start a2/1',
    'end a2',
  ])
  for (const commit of commitRequests(kafka, 'billing')) {
    if (commit.offset > 0) expect(commit.generation).toBeGreaterThan(generation)
  }
  expect(consumer.status()?.counts).toMatchObject({ accepted: 6, done: 4, abandoned: 2 })
})
