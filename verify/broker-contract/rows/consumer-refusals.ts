/** What a heartbeat of the consumer protocol is refused for before anybody's state is looked at, and by whom. */

import { expect } from 'vitest'
import { type GivenRequest } from '../../../packages/broker/src/protocol/apis.ts'
import { type Row } from '../row.ts'
import { loneMember } from '../steps/classic-member.ts'
import { ConsumerMember, loneConsumer } from '../steps/consumer-member.ts'

type Mistake = {
  readonly id: string
  readonly when: string
  readonly version?: number
  readonly given: GivenRequest<'ConsumerGroupHeartbeat'>
  readonly message: string
}

const someId = '00000000-0000-4000-8000-000000000001'

/** Each is made in a heartbeat that joins and is right otherwise. */
const mistakes: readonly Mistake[] = [
  { id: 'no-member-id', when: 'there is no member id', given: { memberId: '' }, message: "MemberId can't be empty." },
  {
    id: 'no-member-id-after-joining',
    when: 'version 0, and there is no member id though the epoch is above 0',
    version: 0,
    given: { memberId: '', memberEpoch: 1 },
    message: "MemberId can't be empty.",
  },
  { id: 'no-group-id', when: 'the group id is empty', given: { groupId: '' }, message: "GroupId can't be empty." },
  {
    id: 'empty-instance-id',
    when: 'the instance id is empty',
    given: { instanceId: '' },
    message: "InstanceId can't be empty.",
  },
  { id: 'empty-rack-id', when: 'the rack is blank', given: { rackId: ' ' }, message: "RackId can't be empty." },
  {
    id: 'no-rebalance-timeout',
    when: 'a member joins without a rebalance timeout',
    given: { rebalanceTimeoutMs: -1 },
    message: 'RebalanceTimeoutMs must be provided in first request.',
  },
  {
    id: 'join-without-partitions',
    when: 'a member joins and does not say that it holds nothing',
    given: { topicPartitions: null },
    message: 'TopicPartitions must be empty when (re-)joining.',
  },
  {
    id: 'join-with-partitions',
    when: 'a member joins and says that it holds something',
    given: { topicPartitions: [{ topicId: someId, partitions: [0] }] },
    message: 'TopicPartitions must be empty when (re-)joining.',
  },
  {
    id: 'no-subscription',
    when: 'a member joins with neither names nor a regular expression',
    given: { subscribedTopicNames: null },
    message: 'Either SubscribedTopicNames or SubscribedTopicRegex must be non-null when (re-)joining.',
  },
  {
    id: 'away-without-instance',
    when: 'the epoch is −2 and there is no instance id',
    given: { memberEpoch: -2 },
    message: "InstanceId can't be null.",
  },
  {
    id: 'epoch-below-all',
    when: 'the epoch is −3',
    given: { memberEpoch: -3 },
    message: 'MemberEpoch is invalid.',
  },
]

/** Patterns that RE2 has not, with what it says. */
const patterns: readonly (readonly [id: string, pattern: string, reason: string])[] = [
  ['unclosed-class', '[', 'missing closing ]'],
  ['unclosed-group', '(a', 'missing closing )'],
  ['look-ahead', '(?=a)', 'invalid or unsupported Perl syntax'],
  ['back-reference', '(a)\\1', 'invalid escape sequence'],
  ['possessive', 'a++', 'invalid nested repetition operator'],
  ['repeats-nothing', '*', 'missing argument to repetition operator'],
  ['too-many-repeats', 'a{1001}', 'invalid repeat count'],
]

const mistakeRows = mistakes.map(({ id, when, version = 1, given, message }): Row => ({
  id: `consumer-group-heartbeat/${id}`,
  api: 'ConsumerGroupHeartbeat',
  when,
  expect: `42 INVALID_REQUEST, ‘${message}’`,
  rule: 'KIP-848, request validation; seen on 4.3.1',
  priority: 'P0',
  async run(ground) {
    const member = await ConsumerMember.of(ground)
    expect(await member.join(['any'], given, version)).toMatchObject({ errorCode: 42, errorMessage: message })
  },
}))

const patternRows = patterns.map(([id, pattern, reason]): Row => ({
  id: `consumer-group-heartbeat/regex-${id}`,
  api: 'ConsumerGroupHeartbeat',
  when: `a member subscribes with ${pattern}`,
  expect: `128 INVALID_REGULAR_EXPRESSION, ‘${reason}’`,
  rule: 'KIP-848: the syntax of RE2; seen on 4.3.1',
  priority: 'P1',
  async run(ground) {
    const member = await ConsumerMember.of(ground)
    const errorMessage = `SubscribedTopicRegex \`${pattern}\` is not a valid regular expression: ${reason}.`
    const answer = await member.join(null, { subscribedTopicRegex: pattern })
    expect(answer).toMatchObject({ errorCode: 128, errorMessage })
  },
}))

export const consumerRefusalRows: readonly Row[] = [
  ...mistakeRows,
  ...patternRows,
  {
    id: 'consumer-group-heartbeat/unknown-assignor',
    api: 'ConsumerGroupHeartbeat',
    when: 'a member asks for an assignor that the broker has not',
    expect: '112 UNSUPPORTED_ASSIGNOR, naming those that it has',
    rule: 'KIP-848: group.consumer.assignors',
    priority: 'P0',
    async run(ground) {
      const member = await ConsumerMember.of(ground)
      const errorMessage = 'ServerAssignor sticky is not supported. Supported assignors: uniform, range.'
      expect(await member.join(['any'], { serverAssignor: 'sticky' })).toMatchObject({ errorCode: 112, errorMessage })
    },
  },
  {
    id: 'consumer-group-heartbeat/unknown-group',
    api: 'ConsumerGroupHeartbeat',
    when: 'a heartbeat with an epoch, or one that leaves, to a group that does not exist',
    expect: '69 GROUP_ID_NOT_FOUND',
    rule: 'KIP-848: only joining creates a group',
    priority: 'P0',
    async run(ground) {
      const member = await ConsumerMember.of(ground)
      const epochs = [1, -1]
      const answers = await Promise.all(epochs.map((memberEpoch) => member.heartbeat({ memberEpoch })))
      expect(answers.map(({ errorCode }) => errorCode)).toEqual([69, 69])
    },
  },
  {
    id: 'consumer-group-heartbeat/unknown-member',
    api: 'ConsumerGroupHeartbeat',
    when: 'somebody who is not in the group sends a heartbeat with its epoch, or leaves',
    expect: '25 UNKNOWN_MEMBER_ID',
    rule: 'KIP-848',
    priority: 'P0',
    async run(ground) {
      const member = await loneConsumer(ground, await ground.topic())
      const stranger = member.other()
      expect((await stranger.heartbeat({ memberEpoch: member.epoch })).errorCode).toBe(25)
      expect((await stranger.leave()).errorCode).toBe(25)
    },
  },
  {
    id: 'consumer-group-heartbeat/greater-epoch',
    api: 'ConsumerGroupHeartbeat',
    when: 'the epoch is one that the member has not reached',
    expect: '110 FENCED_MEMBER_EPOCH; the right epoch is served after it',
    rule: 'KIP-848',
    priority: 'P0',
    async run(ground) {
      const member = await loneConsumer(ground, await ground.topic())
      expect((await member.heartbeat({ memberEpoch: member.epoch + 1 })).errorCode).toBe(110)
      expect((await member.heartbeat()).errorCode).toBe(0)
    },
  },
  {
    id: 'consumer-group-heartbeat/smaller-epoch',
    api: 'ConsumerGroupHeartbeat',
    when: 'the epoch is one that the member has left behind',
    expect: '110 FENCED_MEMBER_EPOCH',
    rule: 'KIP-848',
    priority: 'P0',
    async run(ground) {
      const member = await loneConsumer(ground, await ground.topic())
      expect((await member.heartbeat({ memberEpoch: member.epoch - 1 })).errorCode).toBe(110)
    },
  },
  {
    id: 'consumer-group-heartbeat/group-of-classic-members',
    api: 'ConsumerGroupHeartbeat',
    when: 'a heartbeat with an epoch, or one that leaves, to a group of the classic protocol',
    expect: '69 GROUP_ID_NOT_FOUND',
    rule: 'KIP-848; seen on 4.3.1',
    priority: 'P0',
    async run(ground) {
      const classic = await loneMember(ground)
      const member = await ConsumerMember.of(ground, classic.groupId)
      const answers = await Promise.all([1, -1].map((memberEpoch) => member.heartbeat({ memberEpoch })))
      expect(answers.map(({ errorCode }) => errorCode)).toEqual([69, 69])
      expect(await classic.heartbeat()).toBe(0)
    },
  },
  {
    id: 'consumer-group-heartbeat/group-of-other-clients',
    api: 'ConsumerGroupHeartbeat',
    when: 'a consumer joins a living classic group whose protocol type is not consumer',
    expect: '69 GROUP_ID_NOT_FOUND; the group is not disturbed',
    rule: 'KIP-848: only groups of consumers can be converted',
    priority: 'P0',
    async run(ground) {
      const classic = await loneMember(ground, ground.name('group'), { protocolType: 'connect' })
      const member = await ConsumerMember.of(ground, classic.groupId)
      expect((await member.join(['any'])).errorCode).toBe(69)
      expect(await classic.heartbeat()).toBe(0)
    },
  },
  {
    id: 'consumer-group-heartbeat/not-the-coordinator',
    api: 'ConsumerGroupHeartbeat',
    when: 'the node does not coordinate the group',
    expect: '16 NOT_COORDINATOR',
    rule: 'KIP-848',
    priority: 'P0',
    nodes: 3,
    async run(ground) {
      const { nodeId } = await ground.coordinator('group')
      const stranger = new ConsumerMember(await ground.node((nodeId % 3) + 1), 'group', ground.name('member'))
      expect((await stranger.join(['any'])).errorCode).toBe(16)
    },
  },
  {
    id: 'consumer-group-heartbeat/coordinator-that-loads',
    api: 'ConsumerGroupHeartbeat',
    when: 'the group has just moved to this node',
    expect: '14 COORDINATOR_LOAD_IN_PROGRESS for a moment, also for requests of classic members and for lists; then 0',
    rule: 'protocol guide, error codes',
    priority: 'P0',
    only: { on: 'embedded', reason: 'on Kafka a coordinator moves when a broker dies' },
    async run(ground) {
      const member = await loneConsumer(ground, await ground.topic())
      const { groupId, wire } = member
      const load = (loadingMs: number): void => ground.kafka?.core.moveCoordinator(groupId, wire.nodeId, { loadingMs })
      load(600_000)
      expect((await member.heartbeat()).errorCode).toBe(14)
      const asked = { groupId, generationId: 1, memberId: 'any' }
      expect((await wire.call('Heartbeat', 4, asked)).errorCode).toBe(14)
      expect((await wire.call('ListGroups', 5, {})).errorCode).toBe(14)
      load(0)
      expect((await member.heartbeat()).errorCode).toBe(0)
    },
  },
]
