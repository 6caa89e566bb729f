/** What every implementation of the port promises, whatever stands behind it: each API with its success and its main error
 *  codes as values, and what happens to calls that are aborted, late or cut off. */

import { afterAll, beforeAll, describe } from 'vitest'
import { callLaws } from './call-laws.ts'
import { groupLaws } from './group-laws.ts'
import { offsetLaws } from './offset-laws.ts'
import { PortFixture, type PortSetup } from './port-fixture.ts'
import { recordLaws } from './record-laws.ts'
import { sessionLaws } from './session-laws.ts'
import { topicLaws } from './topic-laws.ts'

/** `setup` is called more than once: closing a port is part of the contract. */
export function portContract(name: string, setup: () => Promise<PortSetup>): void {
  describe(name, () => {
    let kafka: PortFixture
    beforeAll(async () => {
      kafka = new PortFixture(await setup())
    })
    afterAll(() => kafka.close())
    for (const laws of [topicLaws, recordLaws, sessionLaws, groupLaws, offsetLaws]) laws(() => kafka)
    callLaws(() => kafka, setup)
  })
}
