/** R23: `a` + `b.c` and `a.b` + `c` have delay topics of one name, and no start can see both. Each group handles what it
 *  wrote there and passes over the rest, which it neither tries, nor counts as handled, nor stands still at. */
import { createHoldfast, type Holdfast, topic } from 'holdfast'
import { testKit, type TestKit } from 'holdfast/testing'
import { expect, test } from 'vitest'
import { Diary, noting, patientApp, type Tried } from './consumer-world.ts'

const shared = 'a.b.c.retry.1m'
const once = ({ attempt }: Tried): Error | undefined => (attempt === 1 ? new Error('away') : undefined)

function open(kit: TestKit, group: string, of: string): { app: Holdfast; diary: Diary<Tried> } {
  const app = createHoldfast({ ...patientApp, group, kafka: kit.kafka })
  const diary = new Diary<Tried>()
  app.consume(topic(of), { retry: { delays: ['1m'] } }, noting(kit, diary, once))
  return { app, diary }
}

test('each of two groups that share a delay topic tries its own records and no others', async () => {
  await using kit = await testKit({ topics: { 'b.c': 1, c: 1 } })
  const [one, other] = [open(kit, 'a', 'b.c'), open(kit, 'a.b', 'c')]
  kit.broker.append('b.c', 0, [{ key: 'k', value: 'of a' }])
  kit.broker.append('c', 0, [{ key: 'k', value: 'of a.b' }])
  await one.app.start()
  await other.app.start()
  await kit.waitForRecords(shared, 2)
  for (const group of ['a', 'a.b']) await kit.waitUntilCommitted(group, shared)
  await kit.time.advance('5m')

  expect(one.diary.lines.map(({ what, attempt, topic: at }) => [what, attempt, at])).toEqual([
    ['of a', 1, 'b.c'],
    ['of a', 2, 'b.c'],
  ])
  expect(other.diary.lines.map(({ what, attempt, topic: at }) => [what, attempt, at])).toEqual([
    ['of a.b', 1, 'c'],
    ['of a.b', 2, 'c'],
  ])
  expect(kit.records(shared)).toHaveLength(2)
  for (const { app } of [one, other]) expect(await app.stop()).toMatchObject({ clean: true })
})

test('in one process the names are seen to collide, and the start is refused', async () => {
  await using kit = await testKit({ topics: { 'b.c': 1, c: 1 } })
  const app = createHoldfast({ ...patientApp, kafka: kit.kafka })
  app.consume(topic('b.c'), { group: 'a', retry: { delays: ['1m'] } }, () => undefined)
  app.consume(topic('c'), { group: 'a.b', retry: { delays: ['1m'] } }, () => undefined)

  await expect(app.start()).rejects.toThrow(shared)
  expect(kit.broker.topics().map(({ name }) => name)).toEqual(['b.c', 'c'])
})
