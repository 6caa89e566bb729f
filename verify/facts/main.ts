/** `node verify/facts/main.ts [area…]`: asks a real Kafka what it does and prints the answers as a table. `docs/kafka-facts.md`
 *  is written from this output.
 *
 *  The Kafka is KAFKA_BROKERS, or the one that `npm run kafka -- start` left running. The areas `first-answers`
 *  and `failover` start brokers of their own: one that nobody has spoken to, and three of which one is killed. */

import { recallCluster } from '../../scripts/kafka/state.ts'
import { commitMetadataFacts } from './commit-metadata.ts'
import { type Fact, formatFacts } from './fact.ts'
import { failoverFacts } from './failover.ts'
import { fetchFacts } from './fetching.ts'
import { firstAnswerFacts } from './first-answers.ts'
import { foreignFacts } from './foreign.ts'
import { membershipFacts } from './membership.ts'
import { offsetFacts } from './offsets.ts'
import { produceFacts } from './producing.ts'
import { versionFacts } from './versions.ts'

const areas: Readonly<Record<string, (bootstrap: string) => Promise<readonly Fact[]>>> = {
  versions: versionFacts,
  'first-answers': firstAnswerFacts,
  membership: membershipFacts,
  'commit-metadata': commitMetadataFacts,
  fetching: fetchFacts,
  producing: produceFacts,
  offsets: offsetFacts,
  foreign: foreignFacts,
  failover: failoverFacts,
}

process.exitCode = await main(process.argv.slice(2))

async function main(chosen: readonly string[]): Promise<number> {
  const unknown = chosen.filter((area) => !(area in areas))
  if (unknown.length > 0) {
    console.error(`unknown area ${unknown.join(', ')}; there are ${Object.keys(areas).join(', ')}`)
    return 2
  }
  const known = await recallCluster()
  const bootstrap = process.env['KAFKA_BROKERS'] || (known && known.alive > 0 ? known.cluster.bootstrap : undefined)
  if (bootstrap === undefined) {
    console.error('no real Kafka: npm run kafka -- start')
    return 1
  }
  const facts: Fact[] = []
  for (const [area, ask] of Object.entries(areas)) {
    if (chosen.length === 0 || chosen.includes(area)) facts.push(...(await ask(bootstrap)))
  }
  console.log(formatFacts(facts))
  return 0
}
