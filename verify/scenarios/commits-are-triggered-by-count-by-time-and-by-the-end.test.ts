/** R9, R4, R32, A9: a commit is sent after 1,000 completions, or a second after the first one, or at once when a partition
 *  is given back; its deadline is armed once, and cleared when nothing is left to commit. */
import { describe, expect, test } from 'vitest'
import { chunkOf, MemberRig, offsets } from '../../packages/holdfast/src/engine/member-rig.fixture.ts'

/** A rig with `count` records running, and a second gone since its last commit. */
function running(count: number): MemberRig {
  const rig = new MemberRig({ subscription: { concurrency: count, bufferedRecordsMax: count } }).assign()
  rig.deliver(chunkOf(offsets(...Array.from({ length: count }, (_, offset) => offset))))
  return rig
}

describe('by count', () => {
  test('the thousandth completion commits at once', () => {
    const rig = running(1_001)
    for (let offset = 0; offset < 999; offset++) rig.end(offset)
    expect(rig.commits).toHaveLength(0)

    rig.end(999)

    expect(rig.lastCommitted()).toBe(1_000)
  })

  test('but never within 100 ms of the commit before it', () => {
    const rig = running(2_000)
    for (let offset = 0; offset < 1_000; offset++) rig.end(offset)
    rig.answerCommit()
    for (let offset = 1_000; offset < 2_000; offset++) rig.end(offset)
    expect(rig.commits).toHaveLength(1)

    rig.advance(99)
    expect(rig.commits).toHaveLength(1)
    rig.advance(1)

    expect(rig.lastCommitted()).toBe(2_000)
  })
})

describe('by time', () => {
  test('the deadline runs from the first completion; later ones do not push it back', () => {
    const rig = running(3)
    rig.end(0)
    rig.advance(600)
    rig.end(1)
    rig.advance(399)
    expect(rig.commits).toHaveLength(0)

    rig.advance(1)

    expect(rig.lastCommitted()).toBe(2)
  })

  test('the deadline is cleared when all is committed', () => {
    const rig = running(1)
    rig.end(0)
    rig.advance(1_000)
    rig.answerCommit()

    rig.advance(30_000)

    expect(rig.commits).toHaveLength(1)
  })
})

describe('by the end', () => {
  test('a stop commits without waiting for the deadline', () => {
    const rig = running(1)
    rig.end(0)

    rig.step({ kind: 'drain', drainMs: 20_000 })
    rig.step({ kind: 'leave', budgetMs: 3_000 })

    expect(rig.lastCommitted()).toBe(1)
  })

  test('a rebalance commits before it joins again', () => {
    const rig = running(1)
    rig.end(0)
    rig.take()

    rig.step({ kind: 'partitionsChanged', reason: 'test' })

    expect(rig.lastCommitted()).toBe(1)
    expect(rig.names()).not.toContain('join')
    rig.answerCommit()
    expect(rig.names()).toContain('join')
  })

  test('nothing is sent when nothing is left to commit', () => {
    const rig = running(1)
    rig.step({ kind: 'drain', drainMs: 0 })
    rig.end(0, 'failed')
    rig.step({ kind: 'leave', budgetMs: 3_000 })

    expect(rig.commits).toHaveLength(0)
  })
})
