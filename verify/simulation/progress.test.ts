/** What is seen of a run while it goes on. */

import { expect, test } from 'vitest'
import { type Account, accountOfUnended } from './account.ts'
import { Progress } from './progress.ts'

class Screen {
  text = ''
  readonly isTTY: boolean

  constructor(isTTY: boolean) {
    this.isTTY = isTTY
  }

  write(text: string): void {
    this.text += text
  }
}

const fine: Account = { ...accountOfUnended(1, ''), violations: [] }

test('a terminal gets a bar that is drawn again in its place and taken away at the end', () => {
  const screen = new Screen(true)
  let nowMs = 0
  const progress = new Progress(4, screen, () => nowMs)
  nowMs = 500
  progress.follow(fine)
  nowMs = 1_000
  progress.follow(fine)
  progress.end()
  const half = '█'.repeat(15) + '░'.repeat(15)
  expect(screen.text).toContain(`\r${half} 2 of 4 histories, 2.0 per second, 0 broke a law`)
  expect(screen.text).not.toContain('\n')
  expect(screen.text.endsWith('\r\u001B[K')).toBe(true)
})

test('elsewhere a line comes now and then', () => {
  const screen = new Screen(false)
  let nowMs = 0
  const progress = new Progress(4, screen, () => nowMs)
  for (const atMs of [100, 200, 6_000, 6_100]) {
    nowMs = atMs
    progress.follow(fine)
  }
  progress.end()
  expect(screen.text).toBe('3 of 4 histories, 0.5 per second, 0 broke a law\n')
})

test('a failure is told at once, the first few of many', () => {
  const screen = new Screen(false)
  const progress = new Progress(100, screen, () => 0)
  for (let seed = 1; seed <= 50; seed++) progress.follow(accountOfUnended(seed, 'no end'))
  expect(screen.text).toContain('seed 1 broke a law:\n  history-ends: no end\n')
  expect(screen.text).toContain('seed 20 broke')
  expect(screen.text).not.toContain('seed 21 broke')
})
