import fc from 'fast-check'
import { expect, test } from 'vitest'
import { entryOf } from './engine-parts.fixture.ts'
import { ReadyEntries } from './ready-entries.ts'

test('whatever the order in which entries may start, the oldest of them goes first', () => {
  const operations = fc.array(
    fc.oneof(
      fc.nat(50).map((turn) => turn),
      fc.constant('shift' as const),
    ),
    { maxLength: 200 },
  )
  fc.assert(
    fc.property(operations, (steps) => {
      const ready = new ReadyEntries<number>()
      const model: number[] = []
      for (const step of steps) {
        if (step === 'shift') expect(ready.shift()?.turn).toBe(model.shift())
        else {
          const entry = entryOf(step)
          entry.turn = step
          ready.push(entry)
          model.push(step)
          model.sort((one, other) => one - other)
        }
        expect(ready.size).toBe(model.length)
      }
    }),
  )
})
