import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { copyWithDefect } from './copies.ts'
import { type PlantedDefect, planted } from './planted/defects.ts'
import { runProcess } from './processes.ts'

const entry = 'packages/holdfast/src/index.ts'

/** Fires as soon as anybody imports the patched package. */
const alarm: PlantedDefect = {
  id: 'alarm',
  file: 'packages/holdfast/src/model/errors.ts',
  find: 'export class HoldfastError ',
  replace: "throw new Error('patched code runs')\nexport class HoldfastError ",
  law: 'A copy runs its own code.',
}

test('a program in a copy runs the patched code, and the original stays as it was', async () => {
  const original = join(import.meta.dirname, '..')
  const before = await readFile(join(original, alarm.file), 'utf8')
  const copy = await copyWithDefect(alarm)
  try {
    const importing = ['--input-type=module', '--eval', "import 'holdfast'"]
    const patched = await runProcess({ name: 'copy', args: importing, cwd: join(copy.folder, 'verify') })
    expect(patched.output.join('\n')).toContain('patched code runs')
    const unpatched = await runProcess({ name: 'original', args: importing, cwd: join(original, 'verify') })
    expect(unpatched).toMatchObject({ code: 0, output: [] })
    expect(await readFile(join(original, alarm.file), 'utf8')).toBe(before)
    expect(await readFile(join(copy.folder, entry), 'utf8')).toBe(await readFile(join(original, entry), 'utf8'))
  } finally {
    await copy.remove()
  }
  expect(existsSync(copy.folder)).toBe(false)
})

test('a defect that no longer fits the sources is refused', async () => {
  const outdated = { ...alarm, find: 'text that is not there' }
  await expect(copyWithDefect(outdated)).rejects.toThrow('its find occurs 0 times')
})

test('each law of the demo has its defect', () => {
  expect(planted.map(({ id }) => id)).toEqual(expect.arrayContaining(['commit', 'order', 'loss']))
})
