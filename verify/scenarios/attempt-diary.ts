/** What scenarios with several members share: apps that write down when each attempt starts and ends, and the laws that such
 *  a diary must obey whichever member handled what (G1, R14). */
import { type AppOptions, createHoldfast, type Holdfast, topic } from 'holdfast'
import { expect } from 'vitest'
import { type Diary, testApp } from './consumer-world.ts'

export type Line = {
  readonly app: string
  readonly key: string
  readonly at: string
  readonly offset: number
  readonly is: 'start' | 'end'
}

export const protocols = ['eager', 'cooperative'] as const

/** Records of a partition share this many keys, in turns. */
export const keysOfPartition = 5

export function keyOf(index: number): string {
  return `k${index % keysOfPartition}`
}

/** Handlers take a few turns of the event loop, so that many are under way at any moment. */
export function diaryApp(name: string, diary: Diary<Line>, source: string, options: AppOptions): Holdfast {
  const app = createHoldfast({ ...testApp, heartbeatInterval: '100ms', ...options })
  app.consume(topic(source), { concurrency: 16 }, async ({ partition, key, offset }) => {
    const line = { app: name, key: `${partition}/${key}`, at: `${partition}/${offset}`, offset }
    diary.note({ ...line, is: 'start' })
    for (let turns = 0; turns < 3 + (offset % 4); turns++) await new Promise((resolve) => setImmediate(resolve))
    diary.note({ ...line, is: 'end' })
  })
  return app
}

export function endedBy(app: string): (lines: readonly Line[]) => boolean {
  return (lines) => lines.some((line) => line.app === app && line.is === 'end')
}

export function expectNothingLost(lines: readonly Line[], records: number): void {
  const completed = new Set(lines.filter(({ is }) => is === 'end').map(({ at }) => at))
  expect(completed.size).toBe(records)
}

/** First completions of a key in order; no two attempts of it at once, whichever member runs them. */
export function expectOrder(lines: readonly Line[]): void {
  const highest = new Map<string, number>()
  const running = new Map<string, string>()
  for (const { key, at, offset, is } of lines) {
    if (is === 'start') {
      expect(running.get(key), `beside ${at}`).toBe(undefined)
      running.set(key, at)
      continue
    }
    running.delete(key)
    const before = highest.get(key) ?? -1
    if (offset > before) expect(offset, key).toBe(before < 0 ? offset : before + keysOfPartition)
    highest.set(key, Math.max(before, offset))
  }
}
