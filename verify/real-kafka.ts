/** Tells tests where a real Kafka listens, if one does. Tests ask here and nowhere else.
 *
 *  `npm test` decides whether there is one and passes its address as HOLDFAST_TEST_KAFKA, taking KAFKA_BROKERS out of the
 *  environment so that an application under test never connects to it by accident. KAFKA_BROKERS counts where vitest is
 *  run by itself. HOLDFAST_TEST_KAFKA_3 is the address of a cluster of three nodes, for the few tests that need one. With `kafka` in HOLDFAST_REQUIRE (a list, split by commas) its absence is a failure, not a skip. */

import { describe, test } from 'vitest'
import { isKafkaRequired } from '../scripts/kafka/required.ts'

export type RealKafka = {
  /** `host:port`, split by commas. */
  readonly bootstrap: string
}

/** The real Kafka of this run; undefined if there is none. Throws if there is none although it is required. */
export function realKafka(): RealKafka | undefined {
  const bootstrap = process.env['HOLDFAST_TEST_KAFKA'] || process.env['KAFKA_BROKERS']
  if (bootstrap) return { bootstrap }
  if (isKafkaRequired()) {
    throw new Error('HOLDFAST_REQUIRE asks for a real Kafka and there is none: npm run kafka -- start, then npm test')
  }
  return undefined
}

/** A suite that needs a real Kafka. Without one it counts as a single skipped test and `suite` is not called. */
export function describeOnKafka(name: string, suite: (bootstrap: string) => void): void {
  const kafka = realKafka()
  if (kafka) describe(name, () => suite(kafka.bootstrap))
  else describe.skip(name, () => test('needs a real Kafka', () => undefined))
}

/** A suite that needs a real Kafka of three nodes. */
export function describeOnThreeNodes(name: string, suite: (bootstrap: string) => void): void {
  const bootstrap = threeNodes()
  if (bootstrap !== undefined) describe(name, () => suite(bootstrap))
  else describe.skip(name, () => test('needs a real Kafka of three nodes', () => undefined))
}

function threeNodes(): string | undefined {
  const bootstrap = process.env['HOLDFAST_TEST_KAFKA_3'] || realKafka()?.bootstrap
  // A cluster may have more nodes than its address names; ours names all.
  if (bootstrap !== undefined && bootstrap.split(',').length >= 3) return bootstrap
  if (isKafkaRequired()) throw new Error('HOLDFAST_REQUIRE asks for a real Kafka: npm test starts one with three nodes')
  return undefined
}
