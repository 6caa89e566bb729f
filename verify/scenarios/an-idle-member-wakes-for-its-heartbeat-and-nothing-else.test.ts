/** R9, A8: with nothing to commit, to retry or to time out, no timer is set but that of the heartbeat; before the group is
 *  joined there is none at all. */
import { expect, test, vi } from 'vitest'
import { chunkOf, MemberRig, offsets } from '../../packages/holdfast/src/engine/member-rig.fixture.ts'

test('a minute of idleness costs twenty heartbeats', () => {
  const rig = new MemberRig().assign()
  rig.deliver(chunkOf(offsets(0, 1)))
  rig.end(0)
  rig.end(1)
  rig.advance(1_000)
  rig.answerCommit()
  rig.take()
  const step = vi.spyOn(rig, 'step')

  rig.advance(60_000)

  expect(rig.take().map(({ verb }) => verb)).toEqual(Array<string>(20).fill('heartbeat'))
  expect(step.mock.calls.filter(([event]) => event.kind === 'tick')).toHaveLength(20)
})

test('a member that has not been answered yet sets no timer', () => {
  const rig = new MemberRig()
  expect(rig.flow.nextWakeMs).toBe(Infinity)
  rig.step({ kind: 'start' })
  expect(rig.flow.nextWakeMs).toBe(Infinity)
})
