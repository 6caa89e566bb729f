import fc from 'fast-check'
import { expect, test } from 'vitest'
import { startAt } from '../model/next-offset.ts'
import { type FetchOrder, FetchSession, type FetchTarget } from './fetch-session.ts'

function targetOf(partition: number, offset = 0, leaderEpoch = 0, topicId = 'a'): FetchTarget {
  return { topic: 'orders', topicId, partition, epoch: 1, fetchOffset: startAt(offset), leaderEpoch }
}

/** A session that the broker remembers as number 7, with these partitions in it. */
function openWith(...targets: FetchTarget[]): FetchSession {
  const session = new FetchSession(1)
  session.next(targets, 500, 100)
  session.answered(7)
  return session
}

function ask(session: FetchSession, ...targets: FetchTarget[]): FetchOrder {
  return session.next(targets, 500, 100)
}

test('a partition whose leader epoch alone changed is named again', () => {
  const session = openWith(targetOf(0, 5, 1), targetOf(1, 5, 1))
  expect(ask(session, targetOf(0, 5, 2), targetOf(1, 5, 1)).named).toEqual([targetOf(0, 5, 2)])
})

test('a partition that is asked for no longer is forgotten', () => {
  const session = openWith(targetOf(0), targetOf(1))
  expect(ask(session, targetOf(1))).toMatchObject({ named: [], forgotten: [targetOf(0)] })
})

test('a topic that was made again is forgotten under its old id and named under its new one', () => {
  const session = openWith(targetOf(0, 5, 0, 'a'))
  const order = ask(session, targetOf(0, 5, 0, 'b'))
  expect(order.forgotten.map((target) => target.topicId)).toEqual(['a'])
  expect(order.named.map((target) => target.topicId)).toEqual(['b'])
})

test('after a failure the session begins anew and names everything', () => {
  const session = openWith(targetOf(0))
  const failed = ask(session, targetOf(0))
  session.forget()
  expect(session.isCurrent(failed.stamp)).toBe(false)
  const next = ask(session, targetOf(0))
  expect(next).toMatchObject({ sessionId: 0, sessionEpoch: 0, named: [targetOf(0)], forgotten: [] })
  expect(session.isCurrent(failed.stamp)).toBe(false)
  expect(session.isCurrent(next.stamp)).toBe(true)
})

test('an answer is that of the request in flight once', () => {
  const session = new FetchSession(1)
  const { stamp } = ask(session, targetOf(0))
  session.answered(7)
  expect(session.isCurrent(stamp)).toBe(false)
})

test('a broker that keeps no session is asked in full every time', () => {
  const session = new FetchSession(1)
  for (let round = 0; round < 3; round++) {
    const target = targetOf(round)
    expect(ask(session, target)).toMatchObject({ sessionId: 0, sessionEpoch: 0, named: [target], forgotten: [] })
    session.answered(0)
  }
})

test('bytes are reserved while a request is in flight, and no longer', () => {
  const session = new FetchSession(1)
  ask(session, targetOf(0))
  expect(session.reservedBytes).toBe(100)
  session.answered(7)
  expect(session.reservedBytes).toBe(0)
  ask(session, targetOf(0))
  session.forget()
  expect(session.reservedBytes).toBe(0)
})

/** What a broker does with the session of one reader, read off the protocol: epoch 0 opens, every further request carries
 *  the next epoch, forgotten partitions go first, named ones come or change. Throws where a broker would refuse. */
class BrokerSession {
  #id = 0
  #epoch = 0
  readonly #partitions = new Map<string, FetchTarget>()

  fetch(order: FetchOrder): void {
    if (order.sessionEpoch === 0) {
      if (order.sessionId !== 0) throw new RangeError('epoch 0 of a session that exists')
      this.#id += 1
      this.#epoch = 0
      this.#partitions.clear()
    } else if (order.sessionId !== this.#id) throw new RangeError('no such session')
    else if (order.sessionEpoch !== this.#epoch) throw new RangeError('not the next epoch')
    this.#epoch += 1
    for (const target of order.forgotten) this.#partitions.delete(nameOf(target))
    for (const target of order.named) this.#partitions.set(nameOf(target), target)
  }

  get id(): number {
    return this.#id
  }

  get knows(): readonly FetchTarget[] {
    return [...this.#partitions.values()]
  }
}

function nameOf({ topicId, partition }: FetchTarget): string {
  return `${topicId}/${partition}`
}

/** Goal: whatever is asked for and however requests end, the broker knows after each request exactly what was meant. */
test('after every request the session of the broker holds the targets and nothing else', () => {
  const target = fc.record({
    partition: fc.integer({ min: 0, max: 3 }),
    offset: fc.integer({ min: 0, max: 2 }),
    leaderEpoch: fc.integer({ min: 0, max: 1 }),
    topicId: fc.constantFrom('a', 'b'),
  })
  const round = fc.record({
    targets: fc.uniqueArray(target, { selector: (each) => each.partition, maxLength: 4 }),
    end: fc.constantFrom('answered', 'answered', 'answered', 'lost before', 'lost after', 'without a session'),
  })
  fc.assert(
    fc.property(fc.array(round, { maxLength: 20 }), (rounds) => {
      const session = new FetchSession(1)
      const broker = new BrokerSession()
      for (const { targets, end } of rounds) {
        const meant = targets.map((each) => targetOf(each.partition, each.offset, each.leaderEpoch, each.topicId))
        const order = ask(session, ...meant)
        expect([...order.targets.values()]).toEqual(meant)
        if (end !== 'lost before') {
          broker.fetch(order)
          expect(new Set(broker.knows)).toEqual(new Set(meant))
        }
        if (end === 'answered') session.answered(broker.id)
        else if (end === 'without a session') session.answered(0)
        else session.forget()
      }
    }),
    { numRuns: 300 },
  )
})
