/** The contract of FindCoordinator, JoinGroup, SyncGroup, Heartbeat and LeaveGroup. */

import { describe, expect, test } from 'vitest'
import { decodeAssignment, encodeAssignment } from '../../packages/holdfast/src/kafka/group-protocol.ts'
import { kafkaErrors as code } from '../../packages/holdfast/src/model/kafka-errors.ts'
import { joinAlone, joinOf, type PortFixture, uniqueName } from './port-fixture.ts'

export function groupLaws(kafkaOf: () => PortFixture): void {
  describe('groups', () => {
    memberLaws(kafkaOf)
    rebalanceLaws(kafkaOf)
  })
}

function memberLaws(kafkaOf: () => PortFixture): void {
  test('the coordinator of a group is a node of the cluster', async () => {
    const kafka = kafkaOf()
    const groupId = uniqueName('group')
    await kafka.coordinatorOf(groupId)
    const { coordinators } = await kafka.call('FindCoordinator', { keyType: 0, keys: [groupId] })
    const { brokers } = await kafka.call('Metadata', { topics: [], allowAutoTopicCreation: false })
    const { host, port } = brokers.find(({ nodeId }) => nodeId === coordinators[0]?.nodeId) ?? {}

    expect(coordinators).toEqual([
      expect.objectContaining({ key: groupId, errorCode: 0, host: String(host), port: Number(port) }),
    ])
  })

  test('a member joins with the id it is given, leads, assigns, beats and leaves', async () => {
    const kafka = kafkaOf()
    const { groupId, node, memberId, generationId } = await joinAlone(kafka)
    const share = [{ topic: 't', partition: 4 }]
    const identity = { groupId, generationId, memberId, groupInstanceId: null }
    const synced = await kafka.callTo(
      node,
      'SyncGroup',
      {
        ...identity,
        protocolType: 'consumer',
        protocolName: 'roundrobin',
        assignments: [{ memberId, assignment: encodeAssignment(share) }],
      },
      { channel: 'join' },
    )
    const beat = await kafka.callTo(node, 'Heartbeat', identity)
    const stale = await kafka.callTo(node, 'Heartbeat', { ...identity, generationId: generationId + 1 })
    const left = await kafka.callTo(node, 'LeaveGroup', {
      groupId,
      members: [{ memberId, groupInstanceId: null, reason: null }],
    })
    const after = await kafka.callTo(node, 'Heartbeat', identity)

    expect([synced.errorCode, decodeAssignment(synced.assignment)]).toEqual([0, share])
    expect(beat.errorCode).toBe(0)
    expect(stale.errorCode).toBe(code.ILLEGAL_GENERATION)
    expect([left.errorCode, left.members.map((each) => [each.memberId, each.errorCode])]).toEqual([0, [[memberId, 0]]])
    expect(after.errorCode).toBe(code.UNKNOWN_MEMBER_ID)
  })
}

function rebalanceLaws(kafkaOf: () => PortFixture): void {
  test('a join that waits for the others does not hold up heartbeats, which tell of the rebalance', async () => {
    const kafka = kafkaOf()
    const { groupId, node, memberId, generationId } = await joinAlone(kafka)
    const identity = { groupId, generationId, memberId, groupInstanceId: null }
    const protocol = { protocolType: 'consumer', protocolName: 'roundrobin' } as const
    await kafka.callTo(node, 'SyncGroup', { ...identity, ...protocol, assignments: [] }, { channel: 'join' })
    const { memberId: secondId } = await kafka.callTo(node, 'JoinGroup', joinOf(groupId, '', ['t']), {
      channel: 'join',
    })
    let isJoined = false
    const second = kafka
      .callTo(node, 'JoinGroup', joinOf(groupId, secondId, ['t']), { channel: 'join' })
      .finally(() => (isJoined = true))
    let beat = await kafka.callTo(node, 'Heartbeat', identity)
    while (beat.errorCode === 0) beat = await kafka.callTo(node, 'Heartbeat', identity)
    expect([beat.errorCode, isJoined]).toEqual([code.REBALANCE_IN_PROGRESS, false])

    await kafka.callTo(node, 'LeaveGroup', { groupId, members: [{ memberId, groupInstanceId: null, reason: null }] })
    expect(await second).toMatchObject({ errorCode: 0, leader: secondId, memberId: secondId })
  })

  test('a member that nobody knows is told so, everywhere', async () => {
    const kafka = kafkaOf()
    const { groupId, node, generationId } = await joinAlone(kafka)
    const stranger = { groupId, generationId, memberId: 'stranger', groupInstanceId: null }
    const protocol = { protocolType: 'consumer', protocolName: 'roundrobin' } as const
    const joined = await kafka.callTo(node, 'JoinGroup', joinOf(groupId, 'stranger', ['t']), { channel: 'join' })
    const synced = await kafka.callTo(
      node,
      'SyncGroup',
      { ...stranger, ...protocol, assignments: [] },
      { channel: 'join' },
    )
    const beat = await kafka.callTo(node, 'Heartbeat', stranger)
    const left = await kafka.callTo(node, 'LeaveGroup', {
      groupId,
      members: [{ memberId: 'stranger', groupInstanceId: null, reason: null }],
    })

    expect([joined.errorCode, synced.errorCode, beat.errorCode, left.members[0]?.errorCode]).toEqual([
      code.UNKNOWN_MEMBER_ID,
      code.UNKNOWN_MEMBER_ID,
      code.UNKNOWN_MEMBER_ID,
      code.UNKNOWN_MEMBER_ID,
    ])
  })
}
