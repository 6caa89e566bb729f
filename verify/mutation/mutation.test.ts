/** The runner on a file whose mutants are known: those that its test sees are killed, and no other is. */
import { join } from 'node:path'
import { writeFile } from 'node:fs/promises'
import { expect, test } from 'vitest'
import { copySources } from '../copies.ts'
import { engineFolder } from './areas.ts'
import { tryMutants } from './trials.ts'

/** All tests of the engine run once, on a machine that is busy. */
const timeoutMs = 300_000

const code = `export function limited(count: number, most: number): number {
  if (Number.isNaN(count)) throw new RangeError('not a number')
  return count > most ? most : count
}
`

const itsTest = `import { expect, test } from 'vitest'
import { limited } from './limited.ts'

test('no more than the most', () => {
  expect([limited(1, 2), limited(3, 2)]).toEqual([1, 2])
})
`

test(
  'a mutant that no test notices survives, the others are killed, and what errors say is left alone',
  async () => {
    const file = `${engineFolder}/limited.ts`
    const copy = await copySources(async (folder) => {
      await writeFile(join(folder, file), code)
      await writeFile(join(folder, engineFolder, 'limited.test.ts'), itsTest)
    })
    try {
      const mutants = await tryMutants({ copy, files: [file], workers: 1 })
      const of = (fate: string): string[] =>
        mutants.filter((each) => each.fate === fate).map(({ line, was, becomes }) => `${line}: ${was} → ${becomes}`)
      expect(of('killed')).toEqual(
        expect.arrayContaining([
          '3: count > most → true',
          '3: count > most → false',
          '3: count > most → count <= most',
        ]),
      )
      // Nobody passes what is no number, and of two equal ones it does not matter which is taken.
      expect(of('survived').toSorted()).toEqual([
        '2: Number.isNaN(count) → false',
        "2: throw new RangeError('not a number') → ;",
        '3: count > most → count >= most',
      ])
    } finally {
      await copy.remove()
    }
  },
  timeoutMs,
)
