/** Planted defects prove the judge, and only while each of them still fits the sources. */
import { type Problem, type Rule } from './source.ts'

export const plantedRule: Rule = {
  id: 'planted',
  check: (tree) => {
    const byPath = new Map(tree.sources.map(({ path, text }) => [path, text]))
    const seen = new Set<string>()
    const problems: Problem[] = []
    for (const { path, rows } of tree.planted) {
      const report = (message: string): void => void problems.push({ path, line: 1, message, severity: 'error' })
      if (typeof rows === 'string') {
        report(rows)
        continue
      }
      for (const { id, file, find, replace, law } of rows) {
        if (seen.has(id)) report(`${id} is the id of two defects`)
        seen.add(id)
        if (law.trim() === '') report(`${id} names no law that it breaks`)
        if (find === replace) report(`${id} replaces its find by itself`)
        const text = byPath.get(file)
        const count = text === undefined ? 0 : text.split(find).length - 1
        if (text === undefined) report(`${id} is for ${file}, which does not exist`)
        else if (count !== 1) report(`the find of ${id} occurs ${count} times in ${file}, expected exactly once`)
      }
    }
    return problems
  },
}
