/** Whatever members come, go and die, and whatever the network does to what they say: one owner at a time, no commit by
 *  anybody else, and in the end everything is owned and handled. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { GroupWorld, recordsOfPartition, worldPartitions } from './group-world.fixture.ts'

/** By how often they happen. */
const acts = [
  ...['start', 'start', 'stop', 'stop', 'kill', 'lose', 'lose', 'long'],
  ...Array.from({ length: 8 }, () => ['ask', 'answer', 'end', 'fetch', 'time', 'exchange']).flat(),
] as const

const membersMax = 6

test.each(['eager', 'cooperative'] as const)('%s: every history of a group keeps the laws of ownership', (protocol) => {
  const history = fc.array(fc.tuple(fc.constantFrom(...acts), fc.nat(4), fc.nat(9)), {
    minLength: 30,
    maxLength: 200,
    size: 'max',
  })
  fc.assert(
    fc.property(history, (given) => {
      const world = new GroupWorld(protocol)
      world.start()
      for (const [act, who, pick] of given) {
        const member = world.members[who % world.members.length]!
        if (act === 'start' && world.members.length < membersMax) world.start()
        if (act === 'stop') world.stop(member)
        if (act === 'kill' && pick < 3) world.kill(member)
        if (act === 'lose') world.lose(member, pick)
        if (act === 'ask') world.ask(member, pick)
        if (act === 'answer') world.answer(member, pick)
        if (act === 'end') world.end(member, pick)
        if (act === 'fetch') world.fetch(member)
        if (act === 'time') world.advance(pick * 150)
        if (act === 'long') world.advance(pick * 1_500)
        if (act === 'exchange') world.exchange()
      }
      world.start()
      world.settle()
      expect(world.owners().map((owners) => owners.length)).toEqual(Array.from({ length: worldPartitions }, () => 1))
      expect(world.done.size).toBe(worldPartitions * recordsOfPartition)
    }),
    { numRuns: 200 },
  )
})
