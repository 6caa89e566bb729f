import { beforeEach, expect, test } from 'vitest'

import { BrokerCore } from '../core/broker-core.ts'
import type { CoreConnection } from '../core/connection.ts'
import { encodeBatch } from '../log/record-batch.ts'
import { errorCode } from '../protocol/error-code.ts'
import { VirtualClock } from '../testing/virtual-clock.ts'

const transactionalId = 'copier'
/** Longer than a leader asks a coordinator again. */
const longDelayMs = 150
const shortDelayMs = 50

let clock: VirtualClock

beforeEach(() => {
  clock = new VirtualClock()
})

type Scene = {
  readonly core: BrokerCore
  readonly connection: CoreConnection
  /** The code of a Produce to partition 1 under this epoch. */
  produce(version: number, producerEpoch: number): Promise<number>
}

/** Partition 0 was written in a transaction that has been committed and whose marker is not written yet. */
async function endingScene(transactionMarkerDelayMs: number, endVersion: number): Promise<Scene> {
  const brokers = [{ nodeId: 1, host: 'a', port: 1 }]
  const core = new BrokerCore({ brokers, clock, topics: { orders: 2 }, transactionMarkerDelayMs })
  const connection = core.connect(1, 'copier')
  const asked = { transactionalId, transactionTimeoutMs: 60_000 }
  const { producerId } = await core.handle(1, 'InitProducerId', 5, asked, connection)
  const produce = async (version: number, producerEpoch: number, index = 1): Promise<number> => {
    const options = { producerId, producerEpoch, baseSequence: 0, isTransactional: true, nowMs: clock.epochMs() }
    const partitions = [{ index, records: encodeBatch([{ value: 'v' }], options) }]
    const request = { transactionalId, acks: -1, timeoutMs: 1_000, topics: [{ name: 'orders', partitions }] }
    const { responses } = await core.handle(1, 'Produce', version, request, core.connect(1, 'copier'))
    return responses[0]?.partitions[0]?.errorCode ?? errorCode.unknownServerError
  }
  expect(await produce(12, 0, 0)).toBe(errorCode.none)
  const ending = { transactionalId, producerId, producerEpoch: 0, committed: true }
  expect((await core.handle(1, 'EndTxn', endVersion, ending, connection)).errorCode).toBe(errorCode.none)
  return { core, connection, produce }
}

test('a batch of the next transaction waits for the end of the one before', async () => {
  const { core, produce } = await endingScene(shortDelayMs, 5)
  const answer = produce(12, 1)
  await clock.advance(shortDelayMs)
  expect(core.endOffset('orders', 0)).toBe(2)
  expect(core.endOffset('orders', 1)).toBe(0)
  await clock.advance(20)
  expect(await answer).toBe(errorCode.none)
})

test('it waits for a tenth of a second and no longer', async () => {
  const { produce } = await endingScene(longDelayMs, 5)
  const answer = produce(12, 1)
  await clock.advance(longDelayMs)
  expect(await answer).toBe(errorCode.concurrentTransactions)
})

test('an old producer is told to try again, in a way that it understands', async () => {
  const { produce } = await endingScene(longDelayMs, 4)
  expect(await produce(11, 0)).toBe(errorCode.notEnoughReplicas)
  await clock.advance(longDelayMs)
  expect(await produce(11, 0)).toBe(errorCode.transactionAbortable)
})

test('a transaction that was moved to another coordinator goes on there, and its marker tells how often it moved', async () => {
  const brokers = [1, 2].map((nodeId) => ({ nodeId, host: 'a', port: nodeId }))
  const core = new BrokerCore({ brokers, clock, topics: { orders: 1 } })
  const own = core.coordinatorOf(transactionalId)
  const other = own === 1 ? 2 : 1
  const [former, present] = [core.connect(own, 'copier'), core.connect(other, 'copier')]
  const asked = { transactionalId, transactionTimeoutMs: 60_000 }
  const { producerId, producerEpoch } = await core.handle(own, 'InitProducerId', 5, asked, former)
  const identity = { transactionalId, producerId, producerEpoch }
  const joining = { ...identity, topics: [{ name: 'orders', partitions: [0] }] }
  await core.handle(own, 'AddPartitionsToTxn', 3, joining, former)

  core.moveCoordinator(transactionalId, other)

  const ending = { ...identity, committed: false }
  expect((await core.handle(own, 'EndTxn', 5, ending, former)).errorCode).toBe(errorCode.notCoordinator)
  expect((await core.handle(other, 'EndTxn', 5, ending, present)).errorCode).toBe(errorCode.none)
  expect(core.transactions()).toMatchObject([{ state: 'CompleteAbort', producerId, producerEpoch: producerEpoch + 1 }])
  const [partition] = core.topics()[0]?.partitions ?? []
  const [marker] = partition?.log.read(0, { bytesMax: 1_000, atLeastOneBatch: true, before: Infinity }) ?? []
  // The value of a marker: a version of two bytes, then the epoch of its coordinator; one byte of headers follows.
  expect(marker?.readInt32BE(marker.length - 5)).toBe(1)
})
