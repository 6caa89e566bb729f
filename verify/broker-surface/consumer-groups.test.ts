/** The same words for groups of the consumer protocol (KIP-848), where the broker assigns and heartbeats do everything. */

import { afterEach, beforeEach, expect, test } from 'vitest'

import { type DecodedResponse, EmbeddedKafka } from '../../packages/broker/src/index.ts'
import { Member } from './member.ts'

let kafka: EmbeddedKafka
let member: Member
let memberId: string

beforeEach(async () => {
  kafka = await EmbeddedKafka.start({ topics: { orders: 2 }, clock: 'manual' })
  member = new Member(kafka)
  memberId = ''
})

afterEach(() => kafka.stop())

/** A heartbeat that tells what is new; the answer names the member and its epoch. */
async function beat(
  memberEpoch: number,
  over: { topicPartitions?: { topicId: string; partitions: number[] }[] } = {},
): Promise<DecodedResponse<'ConsumerGroupHeartbeat'>> {
  const isJoin = memberEpoch === 0
  const about = isJoin ? { rebalanceTimeoutMs: 5_000, subscribedTopicNames: ['orders'], topicPartitions: [] } : {}
  const request = { groupId: 'g', memberId, memberEpoch, ...about, ...over }
  const answer = await member.ask('ConsumerGroupHeartbeat', request)
  if (answer.memberId !== null) memberId = answer.memberId
  return answer
}

/** Joins, and owns what it is assigned. Returns its epoch. */
async function join(): Promise<number> {
  const { memberEpoch, assignment } = await beat(0)
  const owned = (assignment?.topicPartitions ?? []).map(({ topicId, partitions }) => ({ topicId, partitions }))
  await beat(memberEpoch, { topicPartitions: owned })
  return memberEpoch
}

test('an assignment is waited for and shown by topic', async () => {
  const waiting = kafka.waitForAssignment('g', { members: 1 })
  await join()
  const { type, members } = await waiting
  expect([type, members]).toMatchObject(['consumer', [{ memberId, assignment: { orders: [0, 1] } }]])
})

test('what was assigned and never committed is lag', async () => {
  kafka.append('orders', 1, [{ value: 'a' }])
  const memberEpoch = await join()
  const waiting = kafka.waitForLag('g', 0)
  const partitions = [{ partitionIndex: 1, committedOffset: 1 }]
  const commit = {
    groupId: 'g',
    memberId,
    generationIdOrMemberEpoch: memberEpoch,
    topics: [{ name: 'orders', partitions }],
  }
  await kafka.core.handle(1, 'OffsetCommit', 9, commit, member.connection())
  expect(await waiting).toBe(0)
})

test('a member is expired, and its next heartbeat refused', async () => {
  const memberEpoch = await join()
  kafka.expireMember('g', memberId)
  expect((await beat(memberEpoch)).errorCode).toBe(25)
})

test('a rebalance is asked for, and the next heartbeat brings a new epoch', async () => {
  const memberEpoch = await join()
  kafka.triggerRebalance('g')
  expect((await beat(memberEpoch)).memberEpoch).toBe(memberEpoch + 1)
})

test('a heartbeat fails for the group that is meant', async () => {
  const memberEpoch = await join()
  kafka.fail('ConsumerGroupHeartbeat', { code: 'FENCED_MEMBER_EPOCH', group: 'g' })
  expect((await beat(memberEpoch)).errorCode).toBe(110)
})
