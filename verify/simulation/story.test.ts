/** How a broken law is told: what it speaks about is there, and it fits on a page. */

import { expect, test } from 'vitest'
import { storyLinesMax, storyOf } from './story.ts'
import { appended, began, committed, ended, life, story, stopped } from './story.fixture.ts'

const law = 'commit-never-passes-unfinished'

/** Record 500 of a thousand is committed and never done. */
const events = story(
  life('switchedOn'),
  life('started'),
  ...Array.from({ length: 1_000 }, (_, offset) => [appended(offset), began(offset, offset)]).flat(),
  ...Array.from({ length: 1_000 }, (_, offset) => (offset === 500 ? [] : [ended(offset, offset)])).flat(),
  committed(1_000),
  stopped(),
)
const atMs = events.at(-2)?.atMs
const violations = [{ law, what: `at ${atMs} ms 0/1000 was committed while 0/500 was not done` }]
const lines = storyOf(events, violations).split('\n')

test('a long history fits on a page', () => {
  expect(lines.length).toBeLessThanOrEqual(storyLinesMax)
})

test('the records that the law names are told from the beginning to the end', () => {
  const named = lines.filter((line) => line.includes('0/500'))
  expect(named.map((line) => line.trim().split(/\s+/)[2])).toEqual(['record', '▶', expect.any(String)])
})

test('other records are counted where they were', () => {
  expect(lines).toContain('          …  500 appended, 500 began')
  expect(lines).toContain('          …  499 appended, 499 began, 999 ended')
  expect(lines.join('\n')).not.toContain('0/499')
})

test('machines are told, and the broken law stands behind what broke it', () => {
  expect(lines.filter((line) => line.includes('■')).length).toBe(3)
  const mark = lines.findIndex((line) => line.startsWith('  ▲'))
  expect(lines[mark]).toContain(law)
  expect(lines[mark - 1]).toContain('● committed 0/1000')
})

test('a law that names a machine and moments gets what the machine did then', () => {
  const asks = { kind: 'commitAsked', machine: 'b', atMs: 2_000 } as const
  const many = story(life('switchedOn'), ...Array.from({ length: 200 }, (_, offset) => appended(offset)), asks, asks)
  const told = storyOf(many, [{ law, what: 'b asked for commits at 1500 ms and at 2000 ms' }]).split('\n')
  expect(told.filter((line) => line.includes('asks to commit'))).toHaveLength(2)
  expect(told.at(-1)).toContain('▲')
})

test('a short history is told whole', () => {
  const short = story(life('started'), appended(0), began(1, 0), ended(1, 0), committed(1))
  expect(storyOf(short, []).split('\n')).toHaveLength(short.length)
})

test('even a page full of faults is cut to a page, with what led to the broken law', () => {
  const fault = { kind: 'fault', fault: 'nodeDown', what: 'node 1' } as const
  const many = story(
    ...Array.from({ length: 500 }, () => fault),
    committed(9),
    ...Array.from({ length: 500 }, () => fault),
  )
  const told = storyOf(many, [{ law, what: `at ${many[500]?.atMs} ms 0/9 was committed` }]).split('\n')
  expect(told.length).toBeLessThanOrEqual(storyLinesMax)
  expect(told.join('\n')).toContain('● committed 0/9')
})
