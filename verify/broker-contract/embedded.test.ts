/** The contract on the embedded broker: rows for one node on one and on three, the others on three. */

import { describe } from 'vitest'
import { embeddedGround } from './ground.ts'
import { rows } from './rows/index.ts'
import { rowsFor, testRows } from './suite.ts'

describe.each([1, 3] as const)('the embedded broker, nodes: %i', (nodes) => {
  testRows(rowsFor(rows, 'embedded', nodes), () => embeddedGround(nodes))
})
