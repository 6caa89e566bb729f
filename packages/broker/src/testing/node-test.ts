/** `@holdfast/broker/node-test`: a broker for every test of `node:test`, started before it and stopped after it.
 *
 *      const kafka = embeddedKafka({ topics: { orders: 3 } })
 *      test('…', async () => { connect(kafka().bootstrap) })
 */

import { after, afterEach, before, beforeEach } from 'node:test'

import { type CurrentKafka, type KafkaForTests, kafkaForTests } from './stop-and-tell.ts'

export { type CurrentKafka, type KafkaForTests }

/** Call it at the top of a file or in a `describe`, before other hooks: those run in the order in which they are set. A test
 *  fails whose faults were never met; a failed test shows the broker's history. */
export function embeddedKafka(options: KafkaForTests = {}): CurrentKafka {
  return kafkaForTests<{ readonly passed?: boolean }>(options, {
    beforeAll: before,
    beforeEach,
    afterEach: (hook) => afterEach((context) => hook(context)),
    afterAll: after,
    hasFailed: ({ passed }) => passed === false,
  })
}
