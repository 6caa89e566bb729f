/** What a test may not do: wait by the clock, or keep others from running. */
import { Visitor } from 'oxc-parser'
import { errorAt, fileRule, isTest, parsed, type Problem, type Rule } from './source.ts'

const sleeping = /^(?:globalThis\.)?(?:setTimeout|setInterval|sleep|delay)$|\.(?:sleep|waitForTimeout)$/
const selective = /^(?:test|it|describe|suite)\b.*\.(?:only|skip|todo|fails)$/

export const testRule: Rule = fileRule('tests-wait-on-events', isTest, (source) => {
  const problems: Problem[] = parsed(source)
    .imports.filter(({ specifier }) => specifier.endsWith('timers/promises'))
    .map((found) => errorAt(source, found.offset, 'a test waits on an event, not on timers/promises'))
  new Visitor({
    CallExpression: (node) => {
      const callee = source.text.slice(node.callee.start, node.callee.end)
      if (sleeping.test(callee))
        problems.push(errorAt(source, node.start, `a test waits on an event, not on ${callee}()`))
      if (selective.test(callee)) {
        problems.push(
          errorAt(source, node.start, `${callee} hides tests; use skipIf with a visible reason, or delete it`),
        )
      }
    },
  }).visit(parsed(source).program)
  return problems
})
