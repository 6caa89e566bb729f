/** Rows about when a Fetch request is answered: at once, with the first bytes, or after its wait. */

import { expect } from 'vitest'
import { type Row } from '../row.ts'
import { batch, fetchOne, fetchWhole, produce } from '../steps/log-steps.ts'

const seen = 'seen on 4.3.1'
/** So long that a row would be given up before it is over: an answer did not wait. */
const endlessMs = 120_000
/** A wait that is meant to end by itself. */
const shortMs = 300

export const fetchWaitRows: readonly Row[] = [
  {
    id: 'fetch/unknown-topic-does-not-end-a-wait',
    api: 'Fetch',
    when: 'one of two topics does not exist and the other gets a record during a long wait',
    expect: 'the answer comes with the record: the missing topic had not ended the wait',
    rule: seen,
    priority: 'P1',
    async run(ground) {
      const topic = await ground.topic()
      const wire = await ground.leader(topic)
      const missing = ground.name('missing')
      const waiting = fetchWhole(wire, { [missing]: [{}], [topic]: [{}] }, { maxWaitMs: endlessMs })
      await produce(await ground.leader(topic), topic)
      const answered = new Map(
        (await waiting).responses.map(({ topic: name, partitions }) => [name, partitions[0]?.errorCode]),
      )
      expect(answered).toEqual(
        new Map([
          [missing, 3],
          [topic, 0],
        ]),
      )
    },
  },
  {
    id: 'fetch/nothing-but-unknown-topics-is-answered-at-once',
    api: 'Fetch',
    when: 'no topic of the request exists and the wait is long',
    expect: '3 UNKNOWN_TOPIC_OR_PARTITION at once',
    rule: seen,
    priority: 'P1',
    async run(ground) {
      const wire = await ground.node()
      expect(await fetchOne(wire, ground.name('missing'), {}, { maxWaitMs: endlessMs })).toMatchObject({ errorCode: 3 })
    },
  },
  {
    id: 'fetch/error-ends-a-wait',
    api: 'Fetch',
    when: 'one of two partitions is asked beyond its end and the wait is long',
    expect: '1 OFFSET_OUT_OF_RANGE for it, at once',
    rule: seen,
    priority: 'P0',
    async run(ground) {
      const topic = await ground.topic()
      const wire = await ground.leader(topic)
      expect(await fetchOne(wire, topic, { fetchOffset: 9 }, { maxWaitMs: endlessMs })).toMatchObject({ errorCode: 1 })
    },
  },
  {
    id: 'fetch/no-bytes-wanted-is-answered-at-once',
    api: 'Fetch',
    when: 'minBytes is 0, there is nothing to read and the wait is long',
    expect: '0, empty, at once',
    rule: 'protocol guide: Fetch, minBytes',
    priority: 'P0',
    async run(ground) {
      const topic = await ground.topic()
      const wire = await ground.leader(topic)
      expect(await fetchOne(wire, topic, {}, { minBytes: 0, maxWaitMs: endlessMs })).toMatchObject({ errorCode: 0 })
    },
  },
  {
    id: 'fetch/more-wanted-than-may-come-is-answered-at-once',
    api: 'Fetch',
    when: 'minBytes is more than maxBytes, maxBytes are there and the wait is long',
    expect: 'the records at once',
    rule: seen,
    priority: 'P1',
    async run(ground) {
      const topic = await ground.topic()
      const wire = await ground.leader(topic)
      for (let sent = 0; sent < 3; sent++) await produce(wire, topic, batch(10))
      const { records } = await fetchOne(wire, topic, {}, { minBytes: 10_000, maxBytes: 200, maxWaitMs: endlessMs })
      expect(records?.length).toBe(200)
    },
  },
  {
    id: 'fetch/waits-for-bytes-and-no-longer-than-told',
    api: 'Fetch',
    when: 'less than minBytes are there',
    expect: 'the answer comes after the wait, later than that to a question of another connection, with what is there',
    rule: 'protocol guide: Fetch, maxWait',
    priority: 'P0',
    async run(ground) {
      const topic = await ground.topic()
      const wire = await ground.leader(topic)
      const other = await ground.leader(topic)
      await produce(wire, topic)
      const order: string[] = []
      const waiting = fetchOne(wire, topic, {}, { minBytes: 100_000, maxWaitMs: shortMs })
      const noted = waiting.then(() => order.push('waited'))
      await fetchOne(other, topic, {}, { maxWaitMs: endlessMs }).then(() => order.push('other'))
      await noted
      expect(order).toEqual(['other', 'waited'])
      expect((await waiting).records?.length).toBe(batch().length)
    },
  },
]
