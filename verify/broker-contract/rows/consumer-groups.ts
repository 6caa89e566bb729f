/** Consumer groups (KIP-848) that work: joining, assigning, giving up before taking, leaving. */

import { expect } from 'vitest'
import { type Row } from '../row.ts'
import {
  configureGroup,
  ConsumerMember,
  indexes,
  loneConsumer,
  nextAssignment,
  settled,
} from '../steps/consumer-member.ts'

const rule = 'KIP-848'

export const consumerGroupRows: readonly Row[] = [
  {
    id: 'consumer-group-heartbeat/first-member',
    api: 'ConsumerGroupHeartbeat',
    when: 'a member joins a group that does not exist',
    expect: '0 with epoch 2, all partitions and a heartbeat interval; later heartbeats bring no assignment',
    rule: 'KIP-848; seen on 4.3.1: groups begin at epoch 1',
    priority: 'P0',
    async run(ground) {
      const member = await ConsumerMember.of(ground)
      const answer = await member.join([await ground.topic(3)])
      expect(answer).toMatchObject({ errorCode: 0, memberId: member.memberId, memberEpoch: 2 })
      expect(indexes(member.assigned)).toEqual([0, 1, 2])
      expect(answer.heartbeatIntervalMs).toBeGreaterThan(0)
      expect(await member.acknowledge()).toMatchObject({ errorCode: 0, memberEpoch: 2, assignment: null })
    },
  },
  {
    id: 'consumer-group-heartbeat/version-0-gives-an-id',
    api: 'ConsumerGroupHeartbeat',
    when: 'version 0, and a member joins without an id',
    expect: '0 with an id, which is served from then on',
    rule: 'KIP-848; KIP-1082 has members bring their id from version 1 on',
    priority: 'P0',
    async run(ground) {
      const topic = await ground.topic()
      const { wire, groupId } = await ConsumerMember.of(ground)
      const answer = await new ConsumerMember(wire, groupId, '').join([topic], {}, 0)
      expect(answer.errorCode).toBe(0)
      const member = new ConsumerMember(wire, groupId, answer.memberId ?? '')
      expect(member.memberId).not.toBe('')
      expect((await member.heartbeat({ memberEpoch: answer.memberEpoch }, 0)).errorCode).toBe(0)
    },
  },
  {
    id: 'consumer-group-heartbeat/empty-subscription',
    api: 'ConsumerGroupHeartbeat',
    when: 'a member joins with an empty list of topics',
    expect: '0 with nothing, and the group keeps its first epoch',
    rule: 'seen on 4.3.1',
    priority: 'P1',
    async run(ground) {
      const member = await ConsumerMember.of(ground)
      const answer = await member.join([])
      expect(answer).toMatchObject({ errorCode: 0, memberEpoch: 1, assignment: { topicPartitions: [] } })
    },
  },
  {
    id: 'consumer-group-heartbeat/topic-that-comes-later',
    api: 'ConsumerGroupHeartbeat',
    when: 'a member joins for a topic that does not exist, and the topic is created',
    expect: '0 with nothing, then all its partitions with the next epoch',
    rule,
    priority: 'P0',
    async run(ground) {
      const member = await ConsumerMember.of(ground)
      const name = ground.name('topic')
      expect(await member.join([name])).toMatchObject({ errorCode: 0, memberEpoch: 2 })
      expect(member.assigned).toEqual([])
      const wire = await ground.node()
      const topic = { name, numPartitions: 2, replicationFactor: 1, assignments: [], configs: [] }
      await wire.call('CreateTopics', 5, { topics: [topic], timeoutMs: 30_000 })
      expect(indexes(await nextAssignment(ground, member))).toEqual([0, 1])
      expect(member.epoch).toBe(3)
    },
  },
  {
    id: 'consumer-group-heartbeat/more-partitions',
    api: 'ConsumerGroupHeartbeat',
    when: 'a topic of the group gets more partitions',
    expect: 'a new assignment with them',
    rule,
    priority: 'P0',
    async run(ground) {
      const topic = await ground.topic(1)
      const member = await loneConsumer(ground, topic)
      const wire = await ground.node()
      const grown = [{ name: topic, count: 3, assignments: null }]
      await wire.call('CreatePartitions', 3, { topics: grown, timeoutMs: 30_000, validateOnly: false })
      expect(indexes(await nextAssignment(ground, member))).toEqual([0, 1, 2])
      expect(member.epoch).toBe(3)
    },
  },
  {
    id: 'consumer-group-heartbeat/topic-that-goes',
    api: 'ConsumerGroupHeartbeat',
    when: 'one of two topics of the group is deleted',
    expect: 'the member is told to give it up, keeps its epoch until it has, and then moves on',
    rule,
    priority: 'P0',
    async run(ground) {
      const [kept, gone] = [await ground.topic(), await ground.topic()]
      const member = await ConsumerMember.of(ground)
      await member.join([kept, gone])
      await settled(ground, member)
      const wire = await ground.node()
      await wire.call('DeleteTopics', 5, { topicNames: [gone], timeoutMs: 30_000 })
      const left = await nextAssignment(ground, member)
      expect([left.length, member.epoch]).toEqual([1, 2])
      await settled(ground, member)
      expect(member.epoch).toBe(3)
    },
  },
  {
    id: 'consumer-group-heartbeat/giving-up-before-taking',
    api: 'ConsumerGroupHeartbeat',
    when: 'a second member joins a group whose only member has every partition',
    expect:
      'the first is told to keep half and stays in its epoch; the second waits in the next epoch with nothing, and gets ' +
      'the other half when the first no longer holds it',
    rule: 'KIP-848, assignment process',
    priority: 'P0',
    async run(ground) {
      const topic = await ground.topic(4)
      const first = await loneConsumer(ground, topic)
      const second = first.other()
      expect((await second.join([topic])).assignment).toEqual({ topicPartitions: [] })
      const all = first.assigned
      const kept = await nextAssignment(ground, first)
      expect([indexes(kept).length, first.epoch]).toEqual([2, 2])

      // Neither a heartbeat that does not say what the member holds nor one that still names it gives anything up.
      expect(await first.heartbeat()).toMatchObject({ errorCode: 0, memberEpoch: 2, assignment: null })
      expect(await first.heartbeat({ topicPartitions: all })).toMatchObject({ memberEpoch: 2, assignment: null })
      await ground.until(async () => (await second.heartbeat()).memberEpoch === 3, 'the second is in the next epoch')
      expect(second.assigned).toEqual([])

      expect(await first.acknowledge()).toMatchObject({ errorCode: 0, memberEpoch: 3 })
      const taken = await nextAssignment(ground, second)
      expect(indexes([...kept, ...taken])).toEqual([0, 1, 2, 3])
    },
  },
  {
    id: 'consumer-group-heartbeat/answer-that-was-lost',
    api: 'ConsumerGroupHeartbeat',
    when: 'a member did not hear that it was moved to the next epoch, and repeats its heartbeat with the old one',
    expect: '0 with the new epoch; 110 FENCED_MEMBER_EPOCH if it does not say that it holds nothing else',
    rule: 'KIP-848: the previous epoch is accepted if the partitions agree',
    priority: 'P0',
    async run(ground) {
      const topic = await ground.topic(4)
      const first = await loneConsumer(ground, topic)
      const second = first.other()
      await second.join([topic])
      await nextAssignment(ground, first)
      const old = first.epoch
      await first.acknowledge()
      const again = { memberEpoch: old, topicPartitions: first.assigned }
      expect(await first.heartbeat(again)).toMatchObject({ errorCode: 0, memberEpoch: 3 })
      expect((await first.heartbeat({ memberEpoch: old })).errorCode).toBe(110)
    },
  },
  {
    id: 'consumer-group-heartbeat/not-giving-up-in-time',
    api: 'ConsumerGroupHeartbeat',
    when: 'a member does not give up what it must within its rebalance timeout, though it sends heartbeats',
    expect: 'it is taken out (25 UNKNOWN_MEMBER_ID), and the others get its partitions',
    rule: 'KIP-848, rebalance timeout',
    priority: 'P0',
    async run(ground) {
      const topic = await ground.topic(4)
      const first = await loneConsumer(ground, topic, { rebalanceTimeoutMs: 500 })
      const second = first.other()
      await second.join([topic])
      await nextAssignment(ground, first)
      await ground.until(async () => (await first.heartbeat()).errorCode === 25, 'the first is out')
      await ground.until(async () => {
        await second.acknowledge()
        return indexes(second.assigned).length === 4
      }, 'the second has everything')
    },
  },
  {
    id: 'consumer-group-heartbeat/silent-member',
    api: 'ConsumerGroupHeartbeat',
    when: 'a member is silent for longer than the session timeout of its group',
    expect: 'it is taken out (25 UNKNOWN_MEMBER_ID), and the others get its partitions',
    rule: 'KIP-848: consumer.session.timeout.ms',
    priority: 'P0',
    async run(ground) {
      const topic = await ground.topic(2)
      const first = await ConsumerMember.of(ground)
      await configureGroup(ground, first.groupId, { 'consumer.session.timeout.ms': '1000' })
      await first.join([topic])
      const second = first.other()
      await second.join([topic])
      await ground.until(async () => {
        await second.acknowledge()
        return indexes(second.assigned).length === 2
      }, 'the second has everything')
      expect((await first.heartbeat()).errorCode).toBe(25)
    },
  },
  {
    id: 'consumer-group-heartbeat/interval-of-a-group',
    api: 'ConsumerGroupHeartbeat',
    when: 'the heartbeat interval of a group is configured',
    expect: 'its members are told that interval',
    rule: 'KIP-848: consumer.heartbeat.interval.ms',
    priority: 'P1',
    async run(ground) {
      const member = await ConsumerMember.of(ground)
      await configureGroup(ground, member.groupId, { 'consumer.heartbeat.interval.ms': '345' })
      expect((await member.join([await ground.topic()])).heartbeatIntervalMs).toBe(345)
    },
  },
  {
    id: 'consumer-group-heartbeat/leaving',
    api: 'ConsumerGroupHeartbeat',
    when: 'a member sends epoch −1',
    expect: '0 with epoch −1; it is unknown from then on (25), and the others get its partitions',
    rule,
    priority: 'P0',
    async run(ground) {
      const topic = await ground.topic(2)
      const first = await loneConsumer(ground, topic)
      const second = first.other()
      await second.join([topic])
      await settled(ground, first, second)
      expect(await first.leave()).toMatchObject({ errorCode: 0, memberEpoch: -1, assignment: null })
      expect((await first.leave()).errorCode).toBe(25)
      await settled(ground, second)
      expect(indexes(second.assigned)).toEqual([0, 1])
    },
  },
  {
    id: 'consumer-group-heartbeat/joining-again',
    api: 'ConsumerGroupHeartbeat',
    when: 'a member that is in the group joins again with epoch 0',
    expect: '0 with its epoch and all that it has; the group keeps its epoch',
    rule: 'KIP-848; seen on 4.3.1',
    priority: 'P0',
    async run(ground) {
      const topic = await ground.topic(2)
      const member = await loneConsumer(ground, topic)
      const answer = await member.join([topic])
      expect(answer).toMatchObject({ errorCode: 0, memberEpoch: 2 })
      expect(indexes(answer.assignment?.topicPartitions ?? [])).toEqual([0, 1])
    },
  },
  {
    id: 'consumer-group-heartbeat/saying-everything',
    api: 'ConsumerGroupHeartbeat',
    when: 'a heartbeat names timeout, subscription and partitions though nothing has changed',
    expect: '0 with all that the member has',
    rule: 'KIP-848: a full request is answered in full',
    priority: 'P0',
    async run(ground) {
      const topic = await ground.topic(2)
      const member = await loneConsumer(ground, topic)
      const full = { rebalanceTimeoutMs: 30_000, subscribedTopicNames: [topic], topicPartitions: member.assigned }
      const answer = await member.heartbeat(full)
      expect(indexes(answer.assignment?.topicPartitions ?? [])).toEqual([0, 1])
    },
  },
  {
    id: 'consumer-group-heartbeat/another-subscription',
    api: 'ConsumerGroupHeartbeat',
    when: 'a member changes its list of topics',
    expect: 'what it no longer wants is taken from it at once; the new topic comes when it has given that up',
    rule: 'KIP-848; seen on 4.3.1',
    priority: 'P0',
    async run(ground) {
      const [one, two] = [await ground.topic(1), await ground.topic(3)]
      const member = await loneConsumer(ground, one)
      const changed = await member.heartbeat({ subscribedTopicNames: [two] })
      expect(changed).toMatchObject({ memberEpoch: 2, assignment: { topicPartitions: [] } })
      await settled(ground, member)
      expect([member.epoch, indexes(member.assigned)]).toEqual([3, [0, 1, 2]])
    },
  },
  {
    id: 'consumer-group-heartbeat/regular-expression',
    api: 'ConsumerGroupHeartbeat',
    when: 'a member subscribes by a regular expression that matches two topics whole and a third in part',
    expect: '0 with nothing, and soon after all partitions of the two',
    rule: 'KIP-848: subscribed topic regex, in the syntax of RE2',
    priority: 'P0',
    async run(ground) {
      const [one, two] = [await ground.topic(1), await ground.topic(2)]
      const member = await ConsumerMember.of(ground)
      const subscribedTopicRegex = `${one}|${two}|${(await ground.topic()).slice(0, -1)}`
      expect(await member.join(null, { subscribedTopicRegex })).toMatchObject({ errorCode: 0, memberEpoch: 1 })
      expect(indexes(await nextAssignment(ground, member))).toEqual([0, 0, 1])
      expect(member.epoch).toBe(2)
    },
  },
  {
    id: 'consumer-group-heartbeat/assignor-range',
    api: 'ConsumerGroupHeartbeat',
    when: 'two members ask for range, with two topics of three partitions',
    expect: 'each member has the same partitions of both topics, in a row',
    rule: 'KIP-848: server-side assignors',
    priority: 'P0',
    async run(ground) {
      const topics = [await ground.topic(3), await ground.topic(3)]
      const first = await ConsumerMember.of(ground)
      const second = first.other()
      for (const member of [first, second]) await member.join(topics, { serverAssignor: 'range' })
      const group = await settled(ground, first, second)
      expect(group.assignorName).toBe('range')
      const parts = [first, second].map(({ assigned }) =>
        assigned.map(({ partitions }) => partitions.toSorted((a, b) => a - b)),
      )
      expect(parts.toSorted((left, right) => right.flat().length - left.flat().length)).toEqual([
        expect.arrayContaining([expect.any(Array), expect.any(Array)]),
        [[2], [2]],
      ])
      expect(parts.flat().filter((partitions) => partitions.join() === '0,1').length).toBe(2)
    },
  },
  {
    id: 'consumer-group-heartbeat/assignor-uniform',
    api: 'ConsumerGroupHeartbeat',
    when: 'three members share two topics of four partitions without asking for an assignor',
    expect: 'uniform: three, three and two partitions, none twice',
    rule: 'KIP-848: server-side assignors',
    priority: 'P0',
    async run(ground) {
      const topics = [await ground.topic(4), await ground.topic(4)]
      const first = await ConsumerMember.of(ground)
      const members = [first, first.other(), first.other()]
      for (const member of members) await member.join(topics)
      const group = await settled(ground, ...members)
      expect(group.assignorName).toBe('uniform')
      const counts = members.map(({ assigned }) => indexes(assigned).length)
      expect(counts.toSorted((left, right) => left - right)).toEqual([2, 3, 3])
      const all = members
        .flatMap(({ assigned }) => assigned)
        .flatMap(({ topicId, partitions }) => partitions.map((index) => `${topicId} ${index}`))
      expect(new Set(all).size).toBe(8)
    },
  },
  {
    id: 'consumer-group-heartbeat/members-vote-for-an-assignor',
    api: 'ConsumerGroupHeartbeat',
    when: 'one member asks for range and another for nothing',
    expect: 'range',
    rule: 'KIP-848: the assignor that most members ask for',
    priority: 'P1',
    async run(ground) {
      const topic = await ground.topic(2)
      const first = await loneConsumer(ground, topic, { serverAssignor: 'range' })
      const second = first.other()
      await second.join([topic])
      expect((await settled(ground, first, second)).assignorName).toBe('range')
    },
  },
  {
    id: 'consumer-group-heartbeat/different-subscriptions',
    api: 'ConsumerGroupHeartbeat',
    when: 'two members want one topic each, of two partitions and of one',
    expect: 'each gets its own topic and nothing else',
    rule,
    priority: 'P0',
    async run(ground) {
      const [one, two] = [await ground.topic(2), await ground.topic(1)]
      const first = await loneConsumer(ground, one)
      const second = first.other()
      await second.join([two])
      await settled(ground, first, second)
      expect([indexes(first.assigned), indexes(second.assigned)]).toEqual([[0, 1], [0]])
    },
  },
]
