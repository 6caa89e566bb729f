/** What members of other clients read from our bytes, and we from theirs. */

import kafkajs from 'kafkajs'
import { expect, test } from 'vitest'
import {
  decodeAssignment,
  decodeSubscription,
  encodeAssignment,
  encodeSubscription,
} from '../../packages/holdfast/src/kafka/group-protocol.ts'
import { assignorNamed, assignorNames } from '../../packages/holdfast/src/kafka/assignment-protocols.ts'

const { MemberMetadata, MemberAssignment } = kafkajs.AssignerProtocol

test('kafkajs reads our subscription and our assignment', () => {
  const subscription = encodeSubscription({ topics: ['a', 'b'], ownedPartitions: [{ topic: 'a', partition: 1 }] })
  const share = [0, 3].map((partition) => ({ topic: 'a', partition }))

  expect(MemberMetadata.decode(subscription)?.topics).toEqual(['a', 'b'])
  expect(MemberAssignment.decode(encodeAssignment(share))?.assignment).toEqual({ a: [0, 3] })
})

test('we read what kafkajs writes', () => {
  const userData = Buffer.from('whatever')
  const subscription = MemberMetadata.encode({ version: 1, topics: ['a', 'b'], userData })
  const assignment = MemberAssignment.encode({ version: 1, assignment: { a: [0, 3], b: [1] }, userData })

  expect(decodeSubscription(subscription).topics).toEqual(['a', 'b'])
  expect(decodeAssignment(assignment)).toEqual([
    { topic: 'a', partition: 0 },
    { topic: 'a', partition: 3 },
    { topic: 'b', partition: 1 },
  ])
})

test('the name that kafkajs offers is one that we can lead', () => {
  const assigner = kafkajs.PartitionAssigners.roundRobin({ cluster: {} } as never)

  expect(assignorNames('eager')).toContain(assigner.name)
  expect(assignorNamed(assigner.name, new Map())).toBeDefined()
})
