import { beforeEach, describe, expect, test } from 'vitest'

import { errorCode } from '../protocol/error-code.ts'
import { VirtualClock } from '../testing/virtual-clock.ts'
import type { Participants, ProducerIdentity } from './transaction.ts'
import { TransactionCoordinator } from './transaction-coordinator.ts'

const timeoutMs = 1_000
const weekMs = 7 * 24 * 60 * 60 * 1000
const orders: Participants = { partitions: [{ topic: 'orders', partition: 0 }], groups: ['billing'] }

let clock: VirtualClock
let written: string[]

beforeEach(() => {
  clock = new VirtualClock()
  written = []
})

function coordinatorWith(markerDelayMs = 0): TransactionCoordinator {
  let producerId = 1
  return new TransactionCoordinator(
    {
      clock,
      newProducerId: () => producerId++,
      writeMarker: (id, { topic, partition }, { outcome, producer }) =>
        void written.push(`${id} ${topic}-${partition} ${outcome} ${producer.producerEpoch}`),
      endOffsets: (groupId, { outcome }) => void written.push(`${groupId} ${outcome}`),
    },
    { timeoutMsMax: 900_000, markerDelayMs },
  )
}

function opened(coordinator: TransactionCoordinator): ProducerIdentity {
  const { identity } = coordinator.initialize('copier', timeoutMs, undefined)
  expect(coordinator.add('copier', identity, orders)).toBe(errorCode.none)
  return identity
}

const stateOf = (coordinator: TransactionCoordinator): string | undefined =>
  coordinator.get('copier')?.transaction.state

describe('the time of a transaction', () => {
  test('runs from its first participant, and ends it with the next epoch', async () => {
    const coordinator = coordinatorWith()
    const identity = opened(coordinator)
    await clock.advance(timeoutMs - 1)
    coordinator.add('copier', identity, { partitions: [{ topic: 'orders', partition: 1 }], groups: [] })
    expect(written).toEqual([])
    await clock.advance(1)
    expect(written).toEqual(['copier orders-0 abort 1', 'copier orders-1 abort 1', 'billing abort'])
    expect(stateOf(coordinator)).toBe('CompleteAbort')
    expect(coordinator.add('copier', identity, orders)).toBe(errorCode.producerFenced)
  })

  test('is over when it has ended, and the next one has its own', async () => {
    const coordinator = coordinatorWith()
    const identity = opened(coordinator)
    await clock.advance(timeoutMs - 1)
    expect(coordinator.end('copier', identity, 'commit', 'classic').errorCode).toBe(errorCode.none)
    coordinator.add('copier', identity, orders)
    await clock.advance(timeoutMs - 1)
    expect(stateOf(coordinator)).toBe('Ongoing')
    await clock.advance(1)
    expect(stateOf(coordinator)).toBe('CompleteAbort')
  })
})

describe('with delayed markers', () => {
  test('an end that was answered is not written yet, and everybody has to wait', async () => {
    const coordinator = coordinatorWith(50)
    const identity = opened(coordinator)
    const ended = coordinator.end('copier', identity, 'commit', 'bumping')
    expect(ended).toEqual({ errorCode: errorCode.none, identity: { ...identity, producerEpoch: 1 } })
    expect(written).toEqual([])
    expect(stateOf(coordinator)).toBe('PrepareCommit')
    expect(coordinator.add('copier', ended.identity, orders)).toBe(errorCode.concurrentTransactions)
    expect(coordinator.initialize('copier', timeoutMs, undefined).errorCode).toBe(errorCode.concurrentTransactions)
    await clock.advance(50)
    expect(written).toEqual(['copier orders-0 commit 1', 'billing commit'])
    expect(coordinator.add('copier', ended.identity, orders)).toBe(errorCode.none)
  })

  test('nothing is written any more when the broker stops', async () => {
    const coordinator = coordinatorWith(50)
    coordinator.end('copier', opened(coordinator), 'commit', 'classic')
    coordinator.close()
    await clock.advance(timeoutMs)
    expect(written).toEqual([])
  })
})

test('an open transaction is aborted for a new producer, which is told to ask again', () => {
  const coordinator = coordinatorWith()
  opened(coordinator)
  expect(coordinator.initialize('copier', timeoutMs, undefined).errorCode).toBe(errorCode.concurrentTransactions)
  expect(written).toEqual(['copier orders-0 abort 1', 'billing abort'])
  expect(coordinator.initialize('copier', timeoutMs, undefined).identity.producerEpoch).toBe(2)
})

test('an id that nobody uses for a week is forgotten, an open transaction is not', async () => {
  const coordinator = coordinatorWith()
  const { identity } = coordinator.initialize('copier', timeoutMs, undefined)
  await clock.advance(weekMs - 1)
  expect(stateOf(coordinator)).toBe('Empty')
  await clock.advance(1)
  expect(coordinator.get('copier')).toBeUndefined()
  expect(coordinator.add('copier', identity, orders)).toBe(errorCode.invalidProducerIdMapping)
  expect(coordinator.all()).toEqual([])
})
