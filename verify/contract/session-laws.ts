/** The contract of fetch sessions, and of a fetch that waits. */

import { describe, expect, test } from 'vitest'
import { type FetchResponse } from '../../packages/holdfast/src/kafka/port.ts'
import { kafkaErrors as code } from '../../packages/holdfast/src/model/kafka-errors.ts'
import { batchOf, fetchOf, partitionsOf, type PortFixture, produceOf, textsOf } from './port-fixture.ts'

export function sessionLaws(kafkaOf: () => PortFixture): void {
  describe('fetch sessions', () => {
    incrementalLaws(kafkaOf)
    waitingLaws(kafkaOf)
  })
}

function incrementalLaws(kafkaOf: () => PortFixture): void {
  test('a session answers with what changed, and forgets what it is told to', async () => {
    const kafka = kafkaOf()
    const topic = await kafka.createTopic()
    const fetch = (
      sessionId: number,
      sessionEpoch: number,
      changes: Partial<ReturnType<typeof fetchOf>>,
    ): Promise<FetchResponse> =>
      kafka.callTo(topic.leader, 'Fetch', { ...fetchOf(topic, {}), topics: [], ...changes, sessionId, sessionEpoch })
    const opened = await fetch(0, 0, { topics: fetchOf(topic, { [topic.first]: 0, [topic.second]: 0 }).topics })
    expect([opened.errorCode, opened.sessionId > 0, partitionsOf(opened).length]).toEqual([0, true, 2])

    const unchanged = await fetch(opened.sessionId, 1, {})
    expect([unchanged.errorCode, partitionsOf(unchanged)]).toEqual([0, []])

    await kafka.callTo(
      topic.leader,
      'Produce',
      produceOf(topic, { [topic.first]: batchOf(['new']), [topic.second]: batchOf(['other']) }),
    )
    const { name, topicId } = topic
    const forgetting = await fetch(opened.sessionId, 2, {
      forgottenTopics: [{ topic: name, topicId, partitions: [topic.second] }],
    })
    expect(partitionsOf(forgetting).map((each) => each.partitionIndex)).toEqual([topic.first])
    expect(textsOf(forgetting)).toEqual(['new'])
  })

  test('a wrong epoch and an unknown session are errors of the whole answer', async () => {
    const kafka = kafkaOf()
    const topic = await kafka.createTopic()
    const request = fetchOf(topic, { [topic.first]: 0 })
    const opened = await kafka.callTo(topic.leader, 'Fetch', { ...request, sessionEpoch: 0 })
    const { sessionId } = opened
    const wrong = await kafka.callTo(topic.leader, 'Fetch', { ...request, topics: [], sessionId, sessionEpoch: 9 })
    const unknown = await kafka.callTo(topic.leader, 'Fetch', {
      ...request,
      topics: [],
      sessionId: 7,
      sessionEpoch: 1,
    })

    expect(wrong.errorCode).toBe(code.INVALID_FETCH_SESSION_EPOCH)
    expect(unknown.errorCode).toBe(code.FETCH_SESSION_ID_NOT_FOUND)
  })
}

function waitingLaws(kafkaOf: () => PortFixture): void {
  test('a fetch that waits is answered by the record it waits for, and blocks no other channel', async () => {
    const kafka = kafkaOf()
    const topic = await kafka.createTopic()
    let isAnswered = false
    const waiting = kafka
      .callTo(
        topic.leader,
        'Fetch',
        { ...fetchOf(topic, { [topic.first]: 0 }), maxWaitMs: 10_000 },
        { channel: 'fetch' },
      )
      .finally(() => (isAnswered = true))
    // Both calls go to the same broker: if they had to wait for the fetch, it would be answered before them.
    await kafka.callTo(topic.leader, 'Metadata', { topics: [], allowAutoTopicCreation: false })
    expect(isAnswered).toBe(false)
    await kafka.callTo(topic.leader, 'Produce', produceOf(topic, { [topic.first]: batchOf(['awaited']) }), {
      channel: 'produce',
    })

    expect(textsOf(await waiting)).toEqual(['awaited'])
  })
}
