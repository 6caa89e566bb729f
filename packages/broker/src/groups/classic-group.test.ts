import { beforeEach, describe, expect, test } from 'vitest'

import { errorCode } from '../protocol/error-code.ts'
import { VirtualClock } from '../testing/virtual-clock.ts'
import { ClassicGroup } from './classic-group.ts'
import type { JoinCommand } from './commands.ts'
import type { JoinAnswer, SyncAnswer } from './member.ts'

let clock: VirtualClock
let group: ClassicGroup
let ids: number
const membersMax = 4

function newGroup(rebalanceDelayMs: number): ClassicGroup {
  const newMemberId = (prefix: string): string => `${prefix}-${++ids}`
  return new ClassicGroup('g', { clock, rebalanceDelayMs, membersMax, newMemberId, onAssigned: () => {} })
}

beforeEach(() => {
  clock = new VirtualClock()
  ids = 0
  group = newGroup(0)
})

function command(over: Partial<JoinCommand> = {}): JoinCommand {
  return {
    memberId: '',
    groupInstanceId: null,
    clientId: 'c',
    sessionTimeoutMs: 10_000,
    rebalanceTimeoutMs: 30_000,
    protocolType: 'consumer',
    protocols: [{ name: 'range', metadata: Buffer.from('m') }],
    mustKnowMemberId: false,
    canSkipAssignment: true,
    ...over,
  }
}

/** Starts a join and keeps whatever comes of it. */
function joining(over: Partial<JoinCommand> = {}): { answer: JoinAnswer | undefined } {
  const kept: { answer: JoinAnswer | undefined } = { answer: undefined }
  void Promise.resolve(group.join(command(over))).then((answer) => (kept.answer = answer))
  return kept
}

function stamp(
  memberId: string,
  generationId: number,
): { memberId: string; groupInstanceId: null; generationId: number } {
  return { memberId, groupInstanceId: null, generationId }
}

async function sync(memberId: string, generationId: number, assigned: readonly string[] = []): Promise<SyncAnswer> {
  const assignments = assigned.map((id) => ({ memberId: id, assignment: Buffer.from(`for ${id}`) }))
  return group.sync({ ...stamp(memberId, generationId), protocolType: 'consumer', protocolName: 'range', assignments })
}

/** One member, alone and assigned. Its id is c-1, the generation 1. */
async function stableGroup(): Promise<void> {
  joining()
  await clock.advance(0)
  await sync('c-1', 1, ['c-1'])
}

describe('joining', () => {
  test('a new member of a modern version gets an id first and must come back with it', async () => {
    const refused = joining({ mustKnowMemberId: true })
    await clock.advance(0)
    expect(refused.answer).toMatchObject({ errorCode: errorCode.memberIdRequired, memberId: 'c-1' })
    expect(group.members).toEqual([])

    const joined = joining({ mustKnowMemberId: true, memberId: 'c-1' })
    await clock.advance(0)
    expect(joined.answer).toMatchObject({ errorCode: 0, generationId: 1, leader: 'c-1' })
  })

  test('an id that nobody comes back with is forgotten after the session timeout', async () => {
    joining({ mustKnowMemberId: true })
    await clock.advance(10_000)
    const late = joining({ mustKnowMemberId: true, memberId: 'c-1' })
    await clock.advance(0)
    expect(late.answer?.errorCode).toBe(errorCode.unknownMemberId)
  })

  test('the first rebalance waits for the delay, and again while members keep coming', async () => {
    group = newGroup(3_000)
    const first = joining()
    await clock.advance(2_000)
    joining()
    await clock.advance(3_999)
    expect(first.answer).toBeUndefined()
    await clock.advance(1)
    expect(first.answer?.members.map((member) => member.memberId)).toEqual(['c-1', 'c-2'])
  })

  test('a full group takes nobody else, and while it rebalances the last to come are left out', async () => {
    const first = Array.from({ length: membersMax }, () => joining())
    await clock.advance(0)
    expect(first.map(({ answer }) => answer?.errorCode)).toEqual([0, 0, 0, 0])
    const surplus = joining()
    await clock.advance(0)
    expect(surplus.answer).toMatchObject({ errorCode: errorCode.groupMaxSizeReached, memberId: '' })

    joining({ memberId: 'c-1', protocols: [{ name: 'range', metadata: Buffer.from('other') }] })
    const others = Array.from({ length: membersMax }, () => joining())
    await clock.advance(0)
    expect(others.map(({ answer }) => answer?.errorCode)).toEqual([undefined, undefined, undefined, 81])
    const late = joining({ memberId: 'c-2' })
    await clock.advance(0)
    expect(late.answer?.errorCode).toBe(errorCode.groupMaxSizeReached)
  })

  test('only the leader is told who is in the group', async () => {
    const [leader, follower] = [joining(), joining()]
    await clock.advance(0)
    expect([leader.answer?.members.length, follower.answer?.members.length]).toEqual([2, 0])
    expect(follower.answer?.leader).toBe('c-1')
  })

  test('the protocol that most members prefer wins, among those that all speak', async () => {
    const speak = (...names: string[]): Partial<JoinCommand> => ({
      protocols: names.map((name) => ({ name, metadata: Buffer.from(name) })),
    })
    const first = joining(speak('a', 'b', 'c'))
    joining(speak('c', 'b'))
    joining(speak('b', 'c'))
    await clock.advance(0)
    expect(first.answer?.protocolName).toBe('b')
    const stranger = joining(speak('a'))
    await clock.advance(0)
    expect(stranger.answer?.errorCode).toBe(errorCode.inconsistentGroupProtocol)
  })

  test('a follower that missed an answer gets it again, a leader starts a rebalance', async () => {
    joining()
    joining()
    await clock.advance(0)
    void sync('c-2', 1)
    await sync('c-1', 1, ['c-1', 'c-2'])

    const follower = joining({ memberId: 'c-2' })
    await clock.advance(0)
    expect([follower.answer?.generationId, group.state]).toEqual([1, 'stable'])

    joining({ memberId: 'c-1' })
    await clock.advance(0)
    expect(group.state).toBe('preparing')
  })

  test('who does not join again within the rebalance timeout is out', async () => {
    await stableGroup()
    const second = joining()
    for (let beats = 0; beats < 6; beats++) {
      expect(group.heartbeat(stamp('c-1', 1))).toBe(errorCode.rebalanceInProgress)
      await clock.advance(5_000)
    }
    expect(second.answer).toMatchObject({ generationId: 2, leader: 'c-2' })
    expect(group.members.map((member) => member.memberId)).toEqual(['c-2'])
  })
})

describe('syncing', () => {
  test('followers wait for the leader and everybody gets its own part', async () => {
    joining()
    joining()
    await clock.advance(0)
    const follower = sync('c-2', 1)
    const leader = await sync('c-1', 1, ['c-1', 'c-2'])
    expect([leader.assignment.toString(), (await follower).assignment.toString()]).toEqual(['for c-1', 'for c-2'])
    expect(group.state).toBe('stable')
  })

  test('a leader that dies before it syncs costs one rebalance, not the group', async () => {
    joining()
    joining()
    await clock.advance(0)
    const follower = sync('c-2', 1)
    await clock.advance(10_000)
    expect((await follower).errorCode).toBe(errorCode.rebalanceInProgress)
    const again = joining({ memberId: 'c-2' })
    await clock.advance(0)
    expect(again.answer).toMatchObject({ generationId: 2, leader: 'c-2' })
  })

  test('a member that joins and never syncs is removed after the rebalance timeout', async () => {
    joining()
    joining()
    await clock.advance(0)
    await sync('c-1', 1, ['c-1'])
    for (let beats = 0; beats < 6; beats++) {
      group.heartbeat(stamp('c-1', 1))
      group.heartbeat(stamp('c-2', 1))
      await clock.advance(5_000)
    }
    expect(group.members.map((member) => member.memberId)).toEqual(['c-1'])
    expect(group.state).toBe('preparing')
  })
})

describe('sessions', () => {
  test('a heartbeat renews the session, silence ends it', async () => {
    await stableGroup()
    await clock.advance(9_999)
    expect(group.heartbeat(stamp('c-1', 1))).toBe(errorCode.none)
    await clock.advance(9_999)
    expect(group.members.length).toBe(1)
    await clock.advance(1)
    expect([group.members.length, group.state]).toEqual([0, 'empty'])
    expect(group.heartbeat(stamp('c-1', 1))).toBe(errorCode.unknownMemberId)
  })

  test('a heartbeat of another generation is illegal', async () => {
    await stableGroup()
    expect(group.heartbeat(stamp('c-1', 2))).toBe(errorCode.illegalGeneration)
  })

  test('leaving ends a rebalance that only waited for the one who left', async () => {
    await stableGroup()
    const second = joining()
    expect(group.leave('c-1', null)).toBe(errorCode.none)
    await clock.advance(0)
    expect(second.answer).toMatchObject({ generationId: 2, leader: 'c-2' })
  })
})

describe('a commit', () => {
  test('is taken from a member in its generation, also while a rebalance is prepared', async () => {
    await stableGroup()
    expect(group.checkCommit(stamp('c-1', 1))).toBe(errorCode.none)
    joining()
    expect(group.state).toBe('preparing')
    expect(group.checkCommit(stamp('c-1', 1))).toBe(errorCode.none)
  })

  test('is refused while the assignment is awaited, with 27', async () => {
    joining()
    await clock.advance(0)
    expect(group.checkCommit(stamp('c-1', 1))).toBe(errorCode.rebalanceInProgress)
  })

  test('is refused from another generation and from strangers', async () => {
    await stableGroup()
    expect(group.checkCommit(stamp('c-1', 0))).toBe(errorCode.illegalGeneration)
    expect(group.checkCommit(stamp('x', 1))).toBe(errorCode.unknownMemberId)
  })

  test('without membership is taken only while the group is empty', async () => {
    expect(group.checkCommit(stamp('', -1))).toBe(errorCode.none)
    await stableGroup()
    expect(group.checkCommit(stamp('', -1))).toBe(errorCode.unknownMemberId)
  })
})

describe('a static member', () => {
  const instance = { groupInstanceId: 'i' }

  test('that comes back keeps generation and assignment, and its older self is fenced', async () => {
    joining(instance)
    await clock.advance(0)
    await group.sync({ ...stamp('i-1', 1), ...instance, protocolType: null, protocolName: null, assignments: [] })

    const back = joining(instance)
    await clock.advance(0)

    expect(back.answer).toMatchObject({ generationId: 1, memberId: 'i-2', leader: 'i-2', skipAssignment: true })
    expect(group.heartbeat({ ...stamp('i-1', 1), ...instance })).toBe(errorCode.fencedInstanceId)
    expect(group.checkCommit({ ...stamp('i-1', 1), ...instance })).toBe(errorCode.fencedInstanceId)
    expect(group.heartbeat({ ...stamp('i-2', 1), ...instance })).toBe(errorCode.none)
  })

  test('leaves by its instance id alone', async () => {
    joining(instance)
    await clock.advance(0)
    expect(group.leave('', 'i')).toBe(errorCode.none)
    expect(group.leave('', 'i')).toBe(errorCode.unknownMemberId)
  })
})
