/** Holdfast as its users get it: default options, commits on, checksums checked. */
import { type ConsumeOptions, createHoldfast, topic as topicNamed } from 'holdfast'
import { type ConsumeGiven, newGroup, Tally } from './tally.ts'
import { type VitalFigures } from './vitals.ts'

export type HoldfastGiven = ConsumeGiven & { readonly order: NonNullable<ConsumeOptions['order']> }

export async function measureHoldfast({ bootstrap, topic, records, order }: HoldfastGiven): Promise<VitalFigures> {
  const tally = new Tally(records)
  const app = createHoldfast({ kafka: bootstrap, group: newGroup(), log: false })
  app.on('group.joined', tally.begin)
  app.consume(topicNamed(topic), { order, deadLetters: false }, tally.handler)
  await app.start()
  return tally.done
}
