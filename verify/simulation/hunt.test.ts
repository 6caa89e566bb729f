/** Whether the simulation notices defects, in copies of the sources. All planted ones take long: `npm run -s sim -- --planted`. */

import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { huntWithPatch, PatchRefused } from './hunt.ts'
import { huntPlanted, plantedDefects } from './planted.ts'

/** A few histories in a process of its own, on a machine that is busy. */
const timeoutMs = 600_000

/** Each is caught within the first three seeds. */
const quickest = [
  'highest-seen-is-committed-at-revoke',
  'commit-takes-the-offset-of-an-open-record',
  'offset-is-stored-before-processing',
  'idle-tail-is-never-committed',
  'failure-is-taken-for-done',
]

let folder: string

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'holdfast-patch-'))
})

afterEach(() => rm(folder, { recursive: true }))

async function patchFile(...lines: readonly string[]): Promise<string> {
  const path = join(folder, 'defect.patch')
  await writeFile(path, `${lines.join('\n')}\n`)
  return path
}

const ledger = 'packages/holdfast/src/engine/ledger.ts'

test(
  'a patch that commits what is not done is caught, and the seed and the law are told',
  async () => {
    const path = await patchFile(
      `--- a/${ledger}`,
      `+++ b/${ledger}`,
      '@@ -63,3 +63,3 @@',
      '   committable(): NextOffset {',
      '-    return this.#oldest === null ? this.#position : startAt(this.#oldest.offset)',
      '+    return this.#position',
      '   }',
    )
    const found = await huntWithPatch(path, { runs: 30, seed: 1 })
    expect(found).toMatchObject({ caught: true, seed: expect.any(Number), law: expect.any(String) })
    expect(found.seeds).toBe(found.seed)
  },
  timeoutMs,
)

test('a patch that does not apply is refused, and nothing runs', async () => {
  const path = await patchFile(`--- a/${ledger}`, `+++ b/${ledger}`, '@@ -1,1 +1,1 @@', '-not there', '+neither')
  await expect(huntWithPatch(path, { runs: 1, seed: 1 })).rejects.toThrow(PatchRefused)
})

test(
  'the planted defects that are noticed soonest are noticed',
  async () => {
    const only = quickest
    const figures = await huntPlanted({ runs: 40, seed: 1, only })
    expect(figures).toMatchObject({ planted: only.length, caught: only.length, missed: [] })
  },
  timeoutMs,
)

test('every planted defect has an id of its own, and there are at least forty', () => {
  const ids = plantedDefects.map(({ id }) => id)
  expect(new Set(ids).size).toBe(ids.length)
  expect(ids.length).toBeGreaterThanOrEqual(40)
})
