/** Rows about incremental fetch sessions (KIP-227): what is told again, what ends a session, and what is refused. */

import { expect } from 'vitest'
import { type Row } from '../row.ts'
import { batch, fetchWhole, pairOnOneNode, produce, told, topicIdOf } from '../steps/log-steps.ts'

const rule = 'KIP-227'

export const fetchSessionRows: readonly Row[] = [
  {
    id: 'fetch/session-tells-what-changed',
    api: 'Fetch',
    when: 'a session of two partitions is opened, asked again, and asked after a record came to the second',
    expect: 'both partitions, then none, then the second',
    rule,
    priority: 'P0',
    async run(ground) {
      const { topic, wire, pair } = await pairOnOneNode(ground)
      const names = pair.map((partition) => `${topic}-${partition}`)
      const opened = await fetchWhole(wire, { [topic]: pair.map((partition) => ({ partition })) }, { sessionEpoch: 0 })
      const { sessionId } = opened
      expect(sessionId).not.toBe(0)
      expect(told(opened)).toEqual(names)
      expect(told(await fetchWhole(wire, {}, { sessionId, sessionEpoch: 1 }))).toEqual([])
      await produce(wire, topic, batch(), { index: pair[1] })
      const after = await fetchWhole(wire, {}, { sessionId, sessionEpoch: 2 })
      expect([after.sessionId, ...told(after)]).toEqual([sessionId, names[1]])
    },
  },
  {
    id: 'fetch/session-remembers-what-was-asked',
    api: 'Fetch',
    when: 'a session is asked again without naming the partition that had a record',
    expect: 'the same record again; once the partition is named behind it, nothing',
    rule,
    priority: 'P0',
    async run(ground) {
      const topic = await ground.topic()
      const wire = await ground.leader(topic)
      await produce(wire, topic, batch(2))
      const { sessionId } = await fetchWhole(wire, { [topic]: [{}] }, { sessionEpoch: 0 })
      const again = await fetchWhole(wire, {}, { sessionId, sessionEpoch: 1 })
      expect(again.responses[0]?.partitions[0]?.records?.length).toBe(batch(2).length)
      const behind = await fetchWhole(wire, { [topic]: [{ fetchOffset: 2 }] }, { sessionId, sessionEpoch: 2 })
      expect(told(behind)).toEqual([])
    },
  },
  {
    id: 'fetch/session-repeats-an-error',
    api: 'Fetch',
    when: 'a partition of a session is asked beyond its end, twice, and then at its end',
    expect: '1 OFFSET_OUT_OF_RANGE each time, then 0 although nothing is there',
    rule,
    priority: 'P1',
    async run(ground) {
      const topic = await ground.topic()
      const wire = await ground.leader(topic)
      const opened = await fetchWhole(wire, { [topic]: [{ fetchOffset: 9 }] }, { sessionEpoch: 0 })
      const { sessionId } = opened
      const again = await fetchWhole(wire, {}, { sessionId, sessionEpoch: 1 })
      const mended = await fetchWhole(wire, { [topic]: [{ fetchOffset: 0 }] }, { sessionId, sessionEpoch: 2 })
      const codes = [opened, again, mended].map(({ responses }) => responses[0]?.partitions[0]?.errorCode)
      expect(codes).toEqual([1, 1, 0])
    },
  },
  {
    id: 'fetch/session-of-another-connection',
    api: 'Fetch',
    when: 'a session is asked on another connection',
    expect: 'it is served: a session belongs to the node',
    rule,
    priority: 'P0',
    async run(ground) {
      const topic = await ground.topic()
      const wire = await ground.leader(topic)
      const { sessionId } = await fetchWhole(wire, { [topic]: [{}] }, { sessionEpoch: 0 })
      const other = await ground.leader(topic)
      expect(await fetchWhole(other, {}, { sessionId, sessionEpoch: 1 })).toMatchObject({ errorCode: 0, sessionId })
    },
  },
  {
    id: 'fetch/session-wrong-epoch',
    api: 'Fetch',
    when: 'a session is asked with another epoch than the next, then with the next',
    expect: '71 INVALID_FETCH_SESSION_EPOCH, then 0: the session lives on',
    rule,
    priority: 'P0',
    async run(ground) {
      const topic = await ground.topic()
      const wire = await ground.leader(topic)
      const { sessionId } = await fetchWhole(wire, { [topic]: [{}] }, { sessionEpoch: 0 })
      expect(await fetchWhole(wire, {}, { sessionId, sessionEpoch: 5 })).toMatchObject({ errorCode: 71, sessionId: 0 })
      expect(await fetchWhole(wire, {}, { sessionId, sessionEpoch: 1 })).toMatchObject({ errorCode: 0, sessionId })
    },
  },
  {
    id: 'fetch/session-unknown',
    api: 'Fetch',
    when: 'nobody has opened the session',
    expect: '70 FETCH_SESSION_ID_NOT_FOUND',
    rule,
    priority: 'P0',
    async run(ground) {
      const wire = await ground.node()
      const answer = await fetchWhole(wire, {}, { sessionId: 123_456, sessionEpoch: 1 })
      expect(answer).toMatchObject({ errorCode: 70, sessionId: 0, responses: [] })
    },
  },
  {
    id: 'fetch/session-closed-by-its-client',
    api: 'Fetch',
    when: 'a session is asked with epoch −1, then with its next epoch',
    expect: '0 without a session, then 70 FETCH_SESSION_ID_NOT_FOUND',
    rule,
    priority: 'P0',
    async run(ground) {
      const topic = await ground.topic()
      const wire = await ground.leader(topic)
      const { sessionId } = await fetchWhole(wire, { [topic]: [{}] }, { sessionEpoch: 0 })
      expect(await fetchWhole(wire, {}, { sessionId, sessionEpoch: -1 })).toMatchObject({ errorCode: 0, sessionId: 0 })
      expect(await fetchWhole(wire, {}, { sessionId, sessionEpoch: 1 })).toMatchObject({ errorCode: 70 })
    },
  },
  {
    id: 'fetch/session-replaced-by-a-new-one',
    api: 'Fetch',
    when: 'a session is opened by a request that names another one',
    expect: 'a new session; the other is gone (70)',
    rule,
    priority: 'P1',
    async run(ground) {
      const topic = await ground.topic()
      const wire = await ground.leader(topic)
      const { sessionId } = await fetchWhole(wire, { [topic]: [{}] }, { sessionEpoch: 0 })
      const next = await fetchWhole(wire, { [topic]: [{}] }, { sessionId, sessionEpoch: 0 })
      expect(next.sessionId).not.toBe(sessionId)
      expect(await fetchWhole(wire, {}, { sessionId, sessionEpoch: 1 })).toMatchObject({ errorCode: 70 })
    },
  },
  {
    id: 'fetch/session-forgets-a-partition',
    api: 'Fetch',
    when: 'one of two partitions is forgotten and both get a record',
    expect: 'the other one only',
    rule,
    priority: 'P0',
    async run(ground) {
      const { topic, wire, pair } = await pairOnOneNode(ground)
      const asked = { [topic]: pair.map((partition) => ({ partition })) }
      const { sessionId } = await fetchWhole(wire, asked, { sessionEpoch: 0 })
      for (const index of pair) await produce(wire, topic, batch(), { index })
      const forgottenTopics = [{ topic, partitions: pair.slice(0, 1) }]
      const answer = await fetchWhole(wire, {}, { sessionId, sessionEpoch: 1, forgottenTopics })
      expect(told(answer)).toEqual([`${topic}-${pair[1]}`])
    },
  },
  {
    id: 'fetch/session-that-forgets-everything-ends',
    api: 'Fetch',
    when: 'the only partition of a session is forgotten, and the session asked again',
    expect: '0 without a session, then 70 FETCH_SESSION_ID_NOT_FOUND',
    rule: 'seen on 4.3.1',
    priority: 'P1',
    async run(ground) {
      const topic = await ground.topic()
      const wire = await ground.leader(topic)
      const { sessionId } = await fetchWhole(wire, { [topic]: [{}] }, { sessionEpoch: 0 })
      const forgottenTopics = [{ topic, partitions: [0] }]
      const last = await fetchWhole(wire, {}, { sessionId, sessionEpoch: 1, forgottenTopics })
      expect(last).toMatchObject({ errorCode: 0, sessionId: 0, responses: [] })
      expect(await fetchWhole(wire, {}, { sessionId, sessionEpoch: 2 })).toMatchObject({ errorCode: 70 })
    },
  },
  {
    id: 'fetch/session-keeps-to-ids-or-names',
    api: 'Fetch',
    when: 'a session opened with topic ids is asked in a version with names, then in one with ids',
    expect: '106 FETCH_SESSION_TOPIC_ID_ERROR, then 0 under the same epoch',
    rule: 'KIP-516',
    priority: 'P1',
    async run(ground) {
      const topic = await ground.topic()
      const wire = await ground.leader(topic)
      const id = await topicIdOf(ground, topic)
      const { sessionId } = await fetchWhole(wire, { [id]: [{}] }, { version: 13, sessionEpoch: 0 })
      const byName = await fetchWhole(wire, {}, { version: 12, sessionId, sessionEpoch: 1 })
      expect(byName).toMatchObject({ errorCode: 106, sessionId: 0, responses: [] })
      const byId = await fetchWhole(wire, {}, { version: 13, sessionId, sessionEpoch: 1 })
      expect(byId).toMatchObject({ errorCode: 0, sessionId })
    },
  },
]
