/** `@holdfast/broker/vitest`: a broker for every test, started before it and stopped after it.
 *
 *      const kafka = embeddedKafka({ topics: { orders: 3 } })
 *      test('…', async () => { connect(kafka().bootstrap) })
 */

import { afterAll, afterEach, beforeAll, beforeEach } from 'vitest'

import { type CurrentKafka, type KafkaForTests, kafkaForTests } from './stop-and-tell.ts'

export { type CurrentKafka, type KafkaForTests }

/** Call it where hooks are allowed: at the top of a file or in a `describe`. Hooks that are set later run before the broker
 *  stops, so that clients can leave it. A test fails whose faults were never met; a failed test shows the broker's history. */
export function embeddedKafka(options: KafkaForTests = {}): CurrentKafka {
  return kafkaForTests<{ readonly task: { readonly result?: { readonly state: string } } }>(options, {
    beforeAll,
    beforeEach,
    afterEach,
    afterAll,
    hasFailed: ({ task }) => task.result?.state === 'fail',
  })
}
