/** The tests that mutants have to survive: those of the engine, with the same dice for each mutant, and in the order in which
 *  they most probably kill: the tests beside the mutated file, then short files, then the properties. */
import { readFileSync } from 'node:fs'
import { defineConfig } from 'vitest/config'
import { BaseSequencer, type TestSpecification } from 'vitest/node'

/** Longer than any file is. */
const afterAllOthers = 1e6

class MostDeadlyFirst extends BaseSequencer {
  override sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    // Stryker names the mutated file as the one to which the tests must be related.
    const mutated = this.ctx.config.related?.[0]?.replace(/ts$/, '') ?? ' '
    const cost = new Map(files.map((file) => [file, costOf(file.moduleId, mutated)]))
    return Promise.resolve([...files].sort((one, other) => (cost.get(one) ?? 0) - (cost.get(other) ?? 0)))
  }
}

function costOf(path: string, mutated: string): number {
  if (path.startsWith(mutated)) return 0
  const text = readFileSync(path, 'utf8')
  const isProperty = /from 'fast-check'|(history|group-world)\.fixture/.test(text)
  return text.length + (isProperty ? afterAllOthers : 0)
}

export default defineConfig({
  test: {
    include: ['packages/holdfast/src/engine/**/*.test.ts'],
    setupFiles: [`${import.meta.dirname}/same-dice.ts`],
    isolate: false,
    testTimeout: 120_000,
    sequence: { sequencer: MostDeadlyFirst },
  },
})
