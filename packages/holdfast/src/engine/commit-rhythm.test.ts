import fc from 'fast-check'
import { expect, test } from 'vitest'
import { CommitRhythm } from './commit-rhythm.ts'
import { testGroup } from './member-rig.fixture.ts'

const settings = { ...testGroup, commitIntervalMs: 1_000, commitRecords: 10, commitGapMs: 100 }

function rhythm(): CommitRhythm {
  return new CommitRhythm(settings, () => 0.5)
}

test('a commit is due an interval after the first thing to commit, whatever comes later', () => {
  const commits = rhythm()
  commits.note(1, 5_000)
  commits.note(1, 5_900)
  expect(commits.nextWakeMs).toBe(6_000)
})

test('a commit is due an interval after the last one, whatever became dirty while that was in flight', () => {
  const commits = rhythm()
  commits.note(1, 0)
  commits.sent(1_000)
  commits.note(1, 1_001)
  commits.acknowledged()
  expect(commits.nextWakeMs).toBe(2_001)
})

test('what ended before a commit does not hurry the next', () => {
  const commits = rhythm()
  commits.note(10, 5_000)
  commits.sent(5_000)
  commits.acknowledged()
  commits.note(9, 5_001)
  expect(commits.nextWakeMs).toBe(6_001)
  commits.note(1, 5_001)
  expect(commits.nextWakeMs).toBe(5_100)
})

test('when nothing is left to commit nobody is woken, and what ended does not hurry the next commit', () => {
  const commits = rhythm()
  commits.note(10, 5_000)
  commits.settle()
  expect(commits.nextWakeMs).toBe(Infinity)
  commits.note(1, 5_000)
  expect(commits.nextWakeMs).toBe(6_000)
})

test('a commit that failed is repeated although nothing new came', () => {
  const commits = rhythm()
  commits.note(1, 0)
  commits.sent(1_000)
  const delayMs = commits.failed(1_500)
  expect(commits.nextWakeMs).toBe(1_500 + delayMs)
})

test('commits that fail in a row wait ever longer, and an acknowledgement ends that', () => {
  const commits = rhythm()
  const waits: number[] = []
  for (let nowMs = 0; waits.length < 3; nowMs += 10_000) {
    commits.sent(nowMs)
    waits.push(commits.failed(nowMs))
  }
  expect(waits).toEqual([75, 150, 300])
  commits.sent(40_000)
  commits.acknowledged()
  commits.sent(50_000)
  expect(commits.failed(50_000)).toBe(75)
})

test('a hurry waits for the request in flight and for the pause after a failure', () => {
  const commits = rhythm()
  expect(commits.mayHurry(0)).toBe(true)
  commits.sent(1_000)
  expect(commits.mayHurry(9_000)).toBe(false)
  commits.failed(1_000)
  expect(commits.mayHurry(1_074)).toBe(false)
  expect(commits.mayHurry(1_075)).toBe(true)
  commits.sent(1_075)
  commits.failed(1_075)
  commits.forgive()
  expect(commits.mayHurry(1_075)).toBe(true)
})

test('a new membership owes nothing to the old one', () => {
  const commits = rhythm()
  commits.sent(1_000)
  commits.failed(1_000)
  commits.reset()
  expect(commits.mayHurry(1_000)).toBe(true)
  expect(commits.nextWakeMs).toBe(Infinity)
  commits.sent(2_000)
  commits.note(1, 2_000)
  commits.reset()
  expect(commits.isInFlight).toBe(false)
  expect(commits.nextWakeMs).toBe(Infinity)
  commits.sent(3_000)
  expect(commits.failed(3_000)).toBe(75)
})

/** Goal: whoever sends when he is woken, and only then, has one request in flight, keeps the pauses, never forgets what is
 *  dirty, and sleeps when nothing is. */
test('a member that commits when it is woken commits all there is, one request at a time, with pauses', () => {
  const act = fc.oneof(
    fc.record({ kind: fc.constantFrom('note' as const, 'time' as const), by: fc.integer({ min: 0, max: 700 }) }),
    fc.record({ kind: fc.constantFrom('answer' as const, 'fail' as const), by: fc.constant(0) }),
  )
  fc.assert(
    fc.property(fc.array(act, { maxLength: 60 }), (acts) => {
      const commits = rhythm()
      let nowMs = 0
      let sentAtMs = 0
      let earliestMs = 0
      /** Since when something waits that no request carries. */
      let dirtySinceMs = Infinity
      let isInFlight = false
      for (const { kind, by } of acts) {
        if (kind === 'time') nowMs += by
        if (kind === 'note') {
          commits.note(by % 8, nowMs)
          dirtySinceMs = Math.min(dirtySinceMs, nowMs)
        }
        if (kind === 'answer' && isInFlight) {
          commits.acknowledged()
          isInFlight = false
          earliestMs = sentAtMs + settings.commitGapMs
        }
        if (kind === 'fail' && isInFlight) {
          earliestMs = nowMs + commits.failed(nowMs)
          isInFlight = false
          dirtySinceMs = nowMs
        }
        const { nextWakeMs } = commits
        const isWaiting = dirtySinceMs < Infinity && !isInFlight
        expect(nextWakeMs < Infinity).toBe(isWaiting)
        if (!isWaiting) continue
        expect(nextWakeMs).toBeGreaterThanOrEqual(earliestMs)
        const latestMs = Math.max(sentAtMs, dirtySinceMs) + settings.commitIntervalMs
        expect(nextWakeMs).toBeLessThanOrEqual(Math.max(latestMs, earliestMs))
        if (nextWakeMs > nowMs) continue
        commits.sent(nowMs)
        sentAtMs = nowMs
        dirtySinceMs = Infinity
        isInFlight = true
      }
    }),
    { numRuns: 300 },
  )
})
