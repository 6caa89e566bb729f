/** R7, R16, A10: two groups read the same partition, in one process or in two. One of them stands still because a handler
 *  hangs; the other handles and commits as if it were alone. */
import { createHoldfast, type Holdfast, topic } from 'holdfast'
import { testKit, type TestKit } from 'holdfast/testing'
import { expect, test } from 'vitest'
import { Diary, Gate, machineOf, patientApp } from './consumer-world.ts'

const orders = topic('orders')

type Groups = { readonly hanging: Holdfast; readonly other: Holdfast }

function oneProcess(kit: TestKit): Groups {
  const app = createHoldfast({ ...patientApp, kafka: kit.kafka })
  return { hanging: app, other: app }
}

function twoProcesses(kit: TestKit): Groups {
  const [hanging, other] = ['a', 'b'].map((name) =>
    createHoldfast({ ...patientApp, kafka: { environment: machineOf(kit, name) } }),
  )
  return { hanging: hanging as Holdfast, other: other as Holdfast }
}

test.each([
  ['one process', oneProcess],
  ['two processes', twoProcesses],
])('in %s a handler of one group that never ends delays no commit of the other', async (_where, open) => {
  await using kit = await testKit({ topics: { orders: 1 } })
  const { hanging, other } = open(kit)
  const gate = new Gate()
  const diary = new Diary<number>()
  const stuck = hanging.consume(orders, { group: 'hung', concurrency: 1, attemptTimeout: '1h' }, () => gate.opened)
  other.consume(orders, { group: 'lively' }, ({ offset }) => diary.note(offset))
  await Promise.all([hanging.start(), other.start()])

  const committedOf = (group: string): number =>
    kit.committed(group).find((each) => each.topic === 'orders')?.offset ?? 0
  for (let offset = 0; offset < 20; offset++) {
    kit.broker.append('orders', 0, [{ value: 'a' }])
    const appendedAtMs = kit.time.monotonicMs()
    await kit.waitFor(() => committedOf('lively') === offset + 1, `the commit of ${offset}`)
    // The commit interval, and the way there.
    expect(kit.time.monotonicMs() - appendedAtMs).toBeLessThan(1_500)
  }

  expect(diary.lines).toEqual(Array.from({ length: 20 }, (_, offset) => offset))
  expect(committedOf('hung')).toBe(0)
  expect(stuck.status()).toMatchObject({ inFlight: 1, counts: { done: 0 } })
  expect(other.health()).toMatchObject({ live: true, ready: true })
  gate.open()
  await kit.waitFor(() => committedOf('hung') === 20, 'the commit of the group that hung')
  await Promise.all([hanging.stop(), other.stop()])
})
