/** A member that may not do what is due must not be woken for it: what allows it is an event. */
import { expect, test } from 'vitest'
import { failCommit, failFetch } from './engine-parts.fixture.ts'
import { chunkOf, MemberRig, offsets } from './member-rig.fixture.ts'

/** Ticks that the flow asks for within `ms`; the clock moves by a millisecond at least, as the loop's timer does. */
function ticksWithin(rig: MemberRig, ms: number): number {
  const untilMs = rig.nowMs + ms
  let ticks = 0
  while (rig.nowMs < untilMs && rig.flow.nextWakeMs <= untilMs) {
    rig.nowMs = Math.max(rig.nowMs + 1, rig.flow.nextWakeMs)
    rig.step({ kind: 'tick' })
    ticks += 1
  }
  rig.nowMs = untilMs
  return ticks
}

test('a commit that waits for the lease wakes nobody meanwhile', () => {
  const rig = new MemberRig().assign()
  rig.beatsAreAnswered = false
  rig.deliver(chunkOf(offsets(0)))
  ticksWithin(rig, 50_000)
  rig.end(0)
  expect(ticksWithin(rig, 60_000)).toBeLessThan(60)
})

test('a commit that fails until the lease is gone wakes nobody afterwards', () => {
  const rig = new MemberRig().assign()
  rig.beatsAreAnswered = false
  rig.deliver(chunkOf(offsets(0)))
  rig.end(0)
  for (let round = 0; round < 60 && rig.flow.membership.holdsLease(rig.nowMs); round++) {
    ticksWithin(rig, 1_000)
    failCommit(rig)
  }
  expect(rig.flow.membership.holdsLease(rig.nowMs)).toBe(false)
  expect(ticksWithin(rig, 60_000)).toBeLessThan(60)
})

test('a fetch that failed before a drain wakes nobody during it', () => {
  const rig = new MemberRig().assign()
  rig.deliver(chunkOf(offsets(0)))
  failFetch(rig)
  rig.step({ kind: 'partitionsChanged', reason: 'test' })
  expect(rig.flow.membership.phase).toBe('draining')
  expect(ticksWithin(rig, 9_000)).toBeLessThan(50)
})
