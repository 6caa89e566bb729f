import { describe, expect, test } from 'vitest'

import { errorCode } from '../protocol/error-code.ts'
import {
  type EndProtocol,
  type Outcome,
  type Participants,
  type ProducerIdentity,
  Transaction,
  type TransactionState,
} from './transaction.ts'

const timeoutMs = 60_000
const firstId = 7
const orders: Participants = { partitions: [{ topic: 'orders', partition: 0 }], groups: ['billing'] }
const nothing: Participants = { partitions: [], groups: [] }

/** Ids that are handed out after the first one. */
function idsAfter(first: number): () => number {
  let last = first
  return () => ++last
}

function initialized(epoch = 0): Transaction {
  const transaction = new Transaction('copier', firstId, timeoutMs)
  for (let at = 0; at <= epoch; at++) initialize(transaction)
  return transaction
}

function initialize(transaction: Transaction, expected?: ProducerIdentity): ReturnType<Transaction['initialize']> {
  return transaction.initialize({ timeoutMs, expected, newProducerId: idsAfter(100) })
}

function end(
  transaction: Transaction,
  outcome: Outcome,
  protocol: EndProtocol,
  identity: ProducerIdentity = transaction.identity,
): ReturnType<Transaction['end']> {
  return transaction.end(identity, { outcome, protocol, newProducerId: idsAfter(200) })
}

/** A transaction that came to a state in the way that this protocol has. */
function transactionIn(state: TransactionState, protocol: EndProtocol): Transaction {
  const transaction = initialized(3)
  if (state === 'Empty') return transaction
  transaction.add(transaction.identity, orders)
  if (state === 'Ongoing') return transaction
  end(transaction, state.endsWith('Commit') ? 'commit' : 'abort', protocol)
  if (state.startsWith('Complete')) transaction.complete()
  expect(transaction.state).toBe(state)
  return transaction
}

const { concurrentTransactions, invalidTxnState, producerFenced, invalidProducerIdMapping } = errorCode

describe('the classic end', () => {
  test.each([
    ['Empty', invalidTxnState, invalidTxnState],
    ['Ongoing', 'begun', 'begun'],
    ['PrepareCommit', concurrentTransactions, invalidTxnState],
    ['PrepareAbort', invalidTxnState, concurrentTransactions],
    ['CompleteCommit', 'done', invalidTxnState],
    ['CompleteAbort', invalidTxnState, 'done'],
  ] as const)('%s: commit %s, abort %s', (state, commit, abort) => {
    expect(end(transactionIn(state, 'classic'), 'commit', 'classic')).toBe(commit)
    expect(end(transactionIn(state, 'classic'), 'abort', 'classic')).toBe(abort)
  })

  test('keeps the epoch, and takes no other', () => {
    const transaction = transactionIn('Ongoing', 'classic')
    const before = transaction.identity
    for (const producerEpoch of [2, 4]) {
      expect(end(transaction, 'commit', 'classic', { ...before, producerEpoch })).toBe(producerFenced)
    }
    end(transaction, 'commit', 'classic')
    transaction.complete()
    expect(transaction.identity).toEqual(before)
  })
})

describe('the bumping end', () => {
  // Current: the epoch that the transaction has now. Repeated: the one before the last end.
  test.each([
    ['Empty', invalidTxnState, 'begun', producerFenced, producerFenced],
    ['Ongoing', 'begun', 'begun', producerFenced, producerFenced],
    ['PrepareCommit', producerFenced, producerFenced, concurrentTransactions, invalidTxnState],
    ['PrepareAbort', producerFenced, producerFenced, invalidTxnState, concurrentTransactions],
    ['CompleteCommit', invalidTxnState, 'begun', 'done', invalidTxnState],
    ['CompleteAbort', invalidTxnState, 'begun', invalidTxnState, 'done'],
  ] as const)('%s: commit %s, abort %s; repeated: commit %s, abort %s', (state, commit, abort, ...repeated) => {
    const answer = (outcome: Outcome, epochsBack: number): unknown => {
      const transaction = transactionIn(state, 'bumping')
      const { producerId, producerEpoch } = transaction.identity
      return end(transaction, outcome, 'bumping', { producerId, producerEpoch: producerEpoch - epochsBack })
    }
    expect([answer('commit', 0), answer('abort', 0)]).toEqual([commit, abort])
    expect([answer('commit', 1), answer('abort', 1)]).toEqual(repeated)
    expect([answer('commit', -1), answer('abort', 2)]).toEqual([producerFenced, producerFenced])
  })

  test('marks with the next epoch, and lets nobody join under the former one', () => {
    const transaction = transactionIn('Ongoing', 'bumping')
    const before = transaction.identity
    end(transaction, 'commit', 'bumping')
    const next = { ...before, producerEpoch: before.producerEpoch + 1 }
    expect(transaction.identity).toEqual(next)
    expect(transaction.add(next, orders)).toBe(concurrentTransactions)
    transaction.complete()
    expect(transaction.add(before, orders)).toBe(producerFenced)
    expect(transaction.add(next, orders)).toBe(errorCode.none)
  })

  test('changes the producer id when the epochs are used up, and knows a repetition across it', () => {
    const transaction = initialized(32_766)
    const last = transaction.identity
    transaction.add(last, orders)
    expect(end(transaction, 'commit', 'bumping')).toBe('begun')
    expect(transaction.identity).toEqual({ producerId: firstId, producerEpoch: 32_767 })
    expect(transaction.nextIdentity).toEqual({ producerId: 201, producerEpoch: 0 })
    transaction.complete()
    expect(transaction.identity).toEqual({ producerId: 201, producerEpoch: 0 })
    expect(end(transaction, 'commit', 'bumping', last)).toBe('done')
    expect(end(transaction, 'abort', 'bumping', last)).toBe(invalidTxnState)
    expect(transaction.add(transaction.identity, orders)).toBe(errorCode.none)
    expect(end(transaction, 'commit', 'bumping', last)).toBe(invalidProducerIdMapping)
  })
})

describe('a producer that initializes', () => {
  test('is the only one from then on', () => {
    const transaction = initialized()
    const former = transaction.identity
    expect(initialize(transaction)).toBeUndefined()
    expect(transaction.identity).toEqual({ producerId: firstId, producerEpoch: 1 })
    expect(transaction.add(former, nothing)).toBe(producerFenced)
    expect(initialize(transaction, former)).toBe(producerFenced)
  })

  test('goes on as who it was, and may ask again for the same answer', () => {
    const transaction = initialized()
    const former = transaction.identity
    for (let time = 0; time < 3; time++) expect(initialize(transaction, former)).toBeUndefined()
    expect(transaction.identity).toEqual({ producerId: firstId, producerEpoch: 1 })
  })

  test('waits for the end of a transaction', () => {
    for (const protocol of ['classic', 'bumping'] as const) {
      expect(initialize(transactionIn('Ongoing', protocol))).toBe('fence first')
      expect(initialize(transactionIn('PrepareCommit', protocol))).toBe(concurrentTransactions)
      expect(initialize(transactionIn('PrepareAbort', protocol))).toBe(concurrentTransactions)
    }
  })

  test('gets another producer id when the epochs are used up, also when it asks again', () => {
    const transaction = initialized(32_766)
    const last = transaction.identity
    expect(initialize(transaction, last)).toBeUndefined()
    expect(transaction.identity).toEqual({ producerId: 101, producerEpoch: 0 })
    expect(initialize(transaction, last)).toBeUndefined()
    expect(transaction.identity).toEqual({ producerId: 101, producerEpoch: 0 })
  })

  test('is told of a fence by its epoch, which its own fence raises once', () => {
    const transaction = transactionIn('Ongoing', 'bumping')
    const before = transaction.identity
    transaction.fence(idsAfter(300))
    transaction.complete()
    expect(transaction.state).toBe('CompleteAbort')
    expect(initialize(transaction, before)).toBeUndefined()
    expect(transaction.identity.producerEpoch).toBe(before.producerEpoch + 1)
  })
})

describe('what joins', () => {
  test('is asked for one by one until the end', () => {
    const transaction = transactionIn('Ongoing', 'classic')
    const { identity } = transaction
    const other: Participants = { partitions: [{ topic: 'orders', partition: 1 }], groups: [] }
    expect(transaction.verify(identity, orders)).toBe(errorCode.none)
    expect(transaction.verify(identity, other)).toBe(errorCode.transactionAbortable)
    expect(transaction.verify(identity, { partitions: [], groups: ['shipping'] })).toBe(errorCode.transactionAbortable)
    end(transaction, 'commit', 'classic')
    expect(transaction.verify(identity, orders)).toBe(concurrentTransactions)
    expect(transaction.participants).toEqual(orders)
    transaction.complete()
    expect(transaction.verify(identity, orders)).toBe(errorCode.transactionAbortable)
    expect(transaction.participants).toEqual(nothing)
  })

  test('must come from the one producer', () => {
    const transaction = transactionIn('Ongoing', 'classic')
    const { producerId, producerEpoch } = transaction.identity
    expect(transaction.add({ producerId: 1, producerEpoch }, orders)).toBe(invalidProducerIdMapping)
    expect(transaction.add({ producerId, producerEpoch: producerEpoch + 1 }, orders)).toBe(producerFenced)
    expect(transaction.verify({ producerId, producerEpoch: producerEpoch - 1 }, orders)).toBe(producerFenced)
  })
})
