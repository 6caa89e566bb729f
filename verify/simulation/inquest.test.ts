/** What is told of a failure, by the whole command, in a copy of the sources with a defect in it. */

import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { copySources, plant, type SourcesCopy } from '../copies.ts'
import { runProcess } from '../processes.ts'
import { storyLinesMax } from './story.ts'

/** Some hundred small histories in processes of their own, on a machine that is busy. */
const timeoutMs = 300_000

const law = 'commit-never-passes-unfinished'
const defect = {
  id: 'everything-that-was-fetched-is-committed',
  file: 'packages/holdfast/src/engine/ledger.ts',
  find: 'return this.#oldest === null ? this.#position : startAt(this.#oldest.offset)',
  replace: 'return this.#position',
  law,
}

let copy: SourcesCopy

beforeAll(async () => {
  copy = await copySources((folder) => plant(folder, defect))
})

afterAll(() => copy.remove())

async function simulation(...args: readonly string[]): Promise<{ code: number | null; text: string }> {
  const main = ['verify/simulation/main.ts', ...args]
  const { code, output } = await runProcess({ name: 'simulation', args: main, cwd: copy.folder, timeoutMs })
  return { code, text: output.join('\n') }
}

test(
  'a failure is made small and told on a page, and its plan is kept and breaks the law again',
  async () => {
    const { code, text } = await simulation('--runs', '1', '--seed', '3', '--keep')
    expect(code).toBe(1)
    const from = text.indexOf(`seed 3 breaks ${law}; what is left of it after`)
    const story = text.slice(from, text.indexOf('\nkept, ', from))
    expect(from).toBeGreaterThan(0)
    expect(story).toMatch(/\n[01] of \d+ records on \d of \d+ partitions/)
    expect(story).toContain(`▲ ${law}`)
    // The plan has eight lines, and there are empty ones around.
    expect(story.split('\n').length).toBeLessThanOrEqual(storyLinesMax + 12)

    // Whole: npm tells programs where it was called, and they take that for the folder of their paths.
    const file = join(copy.folder, 'verify/simulation/kept', `${law}-3.json`)
    expect(await readdir(join(copy.folder, 'verify/simulation/kept'))).toContain(`${law}-3.json`)
    const again = await simulation('--plan', file, '--no-shrink', '--json')
    expect(again.code).toBe(1)
    expect(again.text).toContain(`{"seed":3,"law":"${law}"}`)
  },
  timeoutMs,
)
