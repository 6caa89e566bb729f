import { expect, test } from 'vitest'

import { type ConsumerMember, newConsumerMember } from './consumer-member.ts'
import { reconcile, type Surroundings } from './reconciliation.ts'
import { fromWire, noPartitions, type TopicPartitions, toWire } from './topic-partitions.ts'

const of = (...partitions: readonly number[]): TopicPartitions =>
  partitions.length === 0 ? noPartitions : fromWire([{ topicId: 't', partitions }])
const indexes = (partitions: TopicPartitions): readonly number[] => toWire(partitions)[0]?.partitions ?? []

function memberWith(...partitions: readonly number[]): ConsumerMember {
  const heldSince = new Map(partitions.map((partition) => [`t ${partition}`, 2]))
  return { ...newConsumerMember('m'), epoch: 2, previousEpoch: 1, assigned: of(...partitions), heldSince }
}

function around(given: Partial<Surroundings>): Surroundings {
  const nobody = (): boolean => false
  return { targetEpoch: 3, target: of(), subscribed: new Set(['t']), owned: null, isHeldByOthers: nobody, ...given }
}

test('what must be given up is named, and the member stays in its epoch until it says that it has', () => {
  const told = reconcile(memberWith(0, 1), around({ target: of(0) }))
  expect([told.reconciliation, told.epoch, indexes(told.assigned), indexes(told.revoking)]).toEqual([
    'unrevoked',
    2,
    [0],
    [1],
  ])
  expect(reconcile(told, around({ target: of(0) }))).toBe(told)
  expect(reconcile(told, around({ target: of(0), owned: of(0, 1) }))).toBe(told)
  const done = reconcile(told, around({ target: of(0), owned: of(0) }))
  expect([done.reconciliation, done.epoch, indexes(done.assigned), indexes(done.revoking)]).toEqual([
    'stable',
    3,
    [0],
    [],
  ])
})

test('what others hold is waited for in the new epoch, and taken when they let go', () => {
  const waiting = reconcile(memberWith(0), around({ target: of(0, 1, 2), isHeldByOthers: (_, index) => index === 2 }))
  expect([waiting.reconciliation, waiting.epoch, indexes(waiting.assigned)]).toEqual(['unreleased', 3, [0, 1]])
  const done = reconcile(waiting, around({ target: of(0, 1, 2) }))
  expect([done.reconciliation, indexes(done.assigned)]).toEqual(['stable', [0, 1, 2]])
})

test('each partition is remembered with the epoch in which it was given', () => {
  const { heldSince } = reconcile(memberWith(0), around({ target: of(0, 1) }))
  expect([...heldSince]).toEqual([
    ['t 0', 2],
    ['t 1', 3],
  ])
})

test('a topic that is not wanted any more is taken at once, without a new target', () => {
  const member = memberWith(0)
  const same = around({ targetEpoch: 2, target: of(0) })
  expect(reconcile(member, same)).toBe(member)
  const dropped = reconcile(member, { ...same, subscribed: new Set() })
  expect([dropped.reconciliation, dropped.epoch, indexes(dropped.assigned)]).toEqual(['unrevoked', 2, []])
})
