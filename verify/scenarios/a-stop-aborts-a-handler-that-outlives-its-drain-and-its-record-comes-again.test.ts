/** R32, R4, C3: a handler of 30 s does not hold up a stop with a shorter drain: it is aborted, its offset is not committed,
 *  and the next start hands its record out again. */
import { expect, test } from 'vitest'
import { createHoldfast, topic } from 'holdfast'
import { testKit } from 'holdfast/testing'
import { Diary } from './consumer-world.ts'

test('a stop in the middle of a 30 s handler aborts it after the drain, and the record is handled again', async () => {
  await using kit = await testKit({ topics: { orders: 1 } })
  const app = createHoldfast({ kafka: kit.kafka, group: 'billing', drainAtStop: '20s', log: false })
  const diary = new Diary<string>()
  app.consume(topic('orders'), { attemptTimeout: '5m' }, async ({ offset }, { signal, attempt }) => {
    diary.note(`start ${offset}/${attempt}`)
    if (offset !== 1 || diary.lines.includes('aborted 1')) return
    const aborted = new Promise<never>((_, reject) => {
      signal.addEventListener('abort', () => reject(signal.reason as Error))
    })
    const ended = new Promise<void>((resolve) => void kit.time.setTimer(30_000, resolve))
    await Promise.race([ended, aborted]).catch((error: unknown) => {
      diary.note(`aborted ${offset}`)
      throw error
    })
  })
  kit.broker.append('orders', 0, [{ value: 'a' }, { value: 'b' }, { value: 'c' }])
  await app.start()
  await diary.until((lines) => lines.length === 3)
  const stoppedFromMs = kit.time.monotonicMs()

  const result = await app.stop()

  expect(kit.time.monotonicMs() - stoppedFromMs).toBeGreaterThanOrEqual(20_000)
  expect(kit.time.monotonicMs() - stoppedFromMs).toBeLessThan(21_000)
  expect(result).toMatchObject({ clean: false })
  expect(diary.lines).toEqual(['start 0/1', 'start 1/1', 'start 2/1', 'aborted 1'])
  expect(kit.committed('billing')).toMatchObject([{ offset: 1 }])

  await app.start()
  await kit.waitUntilCommitted('billing', 'orders')
  await app.stop()

  // The last commit told that offset 2 is done; the attempt that was cut short counts for nothing.
  expect(diary.lines.slice(4)).toEqual(['start 1/1'])
})
