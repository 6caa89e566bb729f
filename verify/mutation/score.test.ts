/** What the fates of mutants come to, without running any. */
import { expect, test } from 'vitest'
import { areas, filesNamed } from './areas.ts'
import { areasBelow, compare, scoresOf } from './score.ts'
import type { Mutant } from './mutants.ts'

function mutant(file: string, fate: Mutant['fate'], becomes = 'true'): Mutant {
  return {
    file: `packages/holdfast/src/engine/${file}`,
    id: '0',
    line: 1,
    code: 'if (a < b)',
    was: 'a < b',
    becomes,
    fate,
  }
}

const row = { file: 'ledger.ts', code: 'if (a < b)', was: 'a < b', becomes: 'true', reason: 'nothing changes' }

test('what is too slow counts as killed, and a score is never rounded up', () => {
  const mutants = [
    mutant('ledger.ts', 'killed'),
    mutant('ledger.ts', 'timedOut'),
    mutant('ledger.ts', 'survived'),
    mutant('lanes.ts', 'killed'),
  ]
  expect(scoresOf(mutants)).toEqual({
    mutants: 4,
    killed: 2,
    timedOut: 1,
    survived: 1,
    score: 75,
    areas: { ledger: 66.6, lanes: 100 },
    files: { 'ledger.ts': 66.6, 'lanes.ts': 100 },
  })
})

test('an area below its bound is named, one that reaches it exactly is not', () => {
  const survivors = Array.from({ length: 3 }, () => mutant('ledger.ts', 'survived'))
  const killed = Array.from({ length: 17 }, () => mutant('ledger.ts', 'killed'))
  expect(areasBelow(scoresOf([...killed, ...survivors]))).toEqual([])
  expect(areasBelow(scoresOf([...killed.slice(1), ...survivors]))).toEqual(['ledger'])
})

test('a survivor without a reason is told', () => {
  const [one, other] = [mutant('ledger.ts', 'survived'), mutant('ledger.ts', 'survived', 'false')]
  expect(compare([one, other], [row]).unlisted).toEqual([other])
})

test('a reason for a mutant that is killed is told, and one for a mutant that is gone', () => {
  const gone = { ...row, becomes: 'a <= b' }
  const compared = compare([mutant('ledger.ts', 'killed')], [row, gone])
  expect(compared).toEqual({ unlisted: [], killedSince: [row], vanished: [gone] })
})

test('a reason that fits several mutants holds while one of them survives', () => {
  expect(compare([mutant('ledger.ts', 'killed'), mutant('ledger.ts', 'survived')], [row]).killedSince).toEqual([])
})

test('reasons for files that were not mutated are not judged', () => {
  expect(compare([mutant('lanes.ts', 'killed')], [row])).toEqual({ unlisted: [], killedSince: [], vanished: [] })
})

test('names are areas or files, and a name that is neither is refused', () => {
  expect(filesNamed(['ledger', 'lanes.ts', 'ledger.ts'], () => true)).toEqual(
    ['ledger.ts', 'entry.ts', 'lanes.ts'].map((file) => `packages/holdfast/src/engine/${file}`),
  )
  expect(filesNamed([], () => true)).toHaveLength(areas.flatMap(({ files }) => files).length)
  expect(() => filesNamed(['nothing'], () => false)).toThrow('expected an area or a file')
})
