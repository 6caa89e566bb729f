/** R10, R11, R17, R19 over a row of ownerships: what an acknowledged commit marked is never handled again, and nothing that
 *  is unfinished is ever skipped, wherever a process dies. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { MarksHistory } from './marks-history.fixture.ts'

const kinds = [
  'deliver',
  'end',
  'fail',
  'time',
  'stored',
  'lostWrite',
  'commit',
  'lostAnswer',
  'lostCommit',
  'crash',
  'lose',
  'rebalance',
]
const weights: Readonly<Record<string, number>> = { deliver: 6, end: 8, fail: 5, time: 5, stored: 2, commit: 5 }

const anyAct = fc.record({
  kind: fc.oneof(...kinds.map((kind) => ({ arbitrary: fc.constant(kind), weight: weights[kind] ?? 1 }))),
  pick: fc.nat(50),
})

/** Goal: whatever happens between them, commits tell exactly what is known, and the next owner goes on from there. */
test.each(['none', 'key', 'partition'] as const)(
  'any row of ownerships repeats nothing that was marked and skips nothing (%s)',
  (order) => {
    fc.assert(
      fc.property(fc.array(anyAct, { minLength: 20, maxLength: 90 }), (acts) => {
        const history = new MarksHistory(order)
        for (const act of acts) history.act(act)
        history.finishAll()
      }),
      { numRuns: 15 },
    )
    expect.hasAssertions()
  },
)
