/** The contract of calls that are aborted, late or cut off, whatever they ask for. */

import { describe, expect, test } from 'vitest'
import { fetchOf, kindOf, PortFixture, type PortSetup } from './port-fixture.ts'

export function callLaws(kafkaOf: () => PortFixture, setup: () => Promise<PortSetup>): void {
  describe('calls', () => {
    test('an aborted call rejects at once, and the next one on its channel is answered', async () => {
      const kafka = kafkaOf()
      const topic = await kafka.createTopic()
      const controller = new AbortController()
      const request = { ...fetchOf(topic, { [topic.first]: 0 }), maxWaitMs: 200 }
      const aborted = kindOf(
        kafka.callTo(topic.leader, 'Fetch', request, { channel: 'fetch', signal: controller.signal }),
      )
      const next = kafka.callTo(topic.leader, 'Fetch', fetchOf(topic, { [topic.first]: 0 }), { channel: 'fetch' })
      controller.abort()

      expect(await aborted).toBe('aborted')
      expect((await next).errorCode).toBe(0)
      expect(
        await kindOf(
          kafka.call('Metadata', { topics: [], allowAutoTopicCreation: false }, { signal: controller.signal }),
        ),
      ).toBe('aborted')
    })

    test('a call that is not answered in time is a timeout, and its channel works again afterwards', async () => {
      const kafka = kafkaOf()
      const topic = await kafka.createTopic()
      await kafka.callTo(topic.leader, 'Fetch', fetchOf(topic, { [topic.first]: 0 }), { channel: 'fetch' })
      const request = { ...fetchOf(topic, { [topic.first]: 0 }), maxWaitMs: 5_000 }

      expect(await kindOf(kafka.callTo(topic.leader, 'Fetch', request, { channel: 'fetch', timeoutMs: 50 }))).toBe(
        'timeout',
      )
      const next = await kafka.callTo(topic.leader, 'Fetch', fetchOf(topic, { [topic.first]: 0 }), { channel: 'fetch' })
      expect(next.errorCode).toBe(0)
    })

    test('closing the port rejects what is in flight and whatever comes later', async () => {
      const other = new PortFixture(await setup())
      const topic = await other.createTopic()
      const request = { ...fetchOf(topic, { [topic.first]: 0 }), maxWaitMs: 5_000 }
      const inFlight = kindOf(other.callTo(topic.leader, 'Fetch', request, { channel: 'fetch' }))
      other.port.close()

      expect(await inFlight).toBe('closed')
      expect(await kindOf(other.call('Metadata', { topics: [], allowAutoTopicCreation: false }))).toBe('closed')
      other.port.close()
      await other.close()
    })
  })
}
