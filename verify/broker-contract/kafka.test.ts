/** The contract on real Kafka: the same rows as on the embedded broker, but for those that cannot be provoked there. */

import { describeOnKafka, describeOnThreeNodes } from '../real-kafka.ts'
import { kafkaGround } from './ground.ts'
import { rows } from './rows/index.ts'
import { rowsFor, testRows } from './suite.ts'

describeOnKafka('Kafka, one node or more', (bootstrap) => {
  testRows(rowsFor(rows, 'kafka', 1), () => kafkaGround(bootstrap))
})

describeOnThreeNodes('Kafka, three nodes', (bootstrap) => {
  testRows(rowsFor(rows, 'kafka', 3), () => kafkaGround(bootstrap))
})
