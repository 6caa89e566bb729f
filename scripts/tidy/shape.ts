/** How large a file and a function may be, and which forms of TypeScript we do not write. */
import { Visitor } from 'oxc-parser'
import { errorAt, fileRule, isTypeScript, lineAt, parsed, type Problem, type Rule, type Source } from './source.ts'

const fileLines = { warn: 400, fail: 600 }
const functionLines = { warn: 70, fail: 120 }

/** Tables are read by row, not from top to bottom, so their length says nothing. Only files without logic belong here. */
const tables = ['packages/holdfast/src/kafka/port.ts', 'packages/broker/src/protocol/schemas/']

export const sizeRule: Rule = fileRule('size', isTypeScript, (source) => {
  if (tables.some((table) => source.path.startsWith(table))) return []
  const lines = source.text.trimEnd().split('\n').length
  return [...judge(source, 1, 'file', lines, fileLines), ...longFunctions(source)]
})

function longFunctions(source: Source): Problem[] {
  const problems: Problem[] = []
  const suites = new Set<number>()
  const measure = (node: { readonly start: number; readonly end: number }): void => {
    if (suites.has(node.start)) return
    const line = lineAt(source.text, node.start)
    const lines = lineAt(source.text, node.end) - line + 1
    problems.push(...judge(source, line, 'function', lines, functionLines))
  }
  new Visitor({
    CallExpression: (node) => {
      // The callback of `describe` is a chapter, not a function.
      if (!/^describe\b/.test(source.text.slice(node.callee.start, node.callee.end))) return
      for (const argument of node.arguments) suites.add(argument.start)
    },
    FunctionDeclaration: measure,
    FunctionExpression: measure,
    ArrowFunctionExpression: measure,
  }).visit(parsed(source).program)
  return problems
}

function judge(
  source: Source,
  line: number,
  what: 'file' | 'function',
  lines: number,
  limit: { readonly warn: number; readonly fail: number },
): Problem[] {
  if (lines <= limit.warn) return []
  const severity = lines > limit.fail ? 'error' : 'warning'
  const message = `${what} of ${lines} lines (asked for ≤ ${limit.warn}, limit ${limit.fail}); split it by noun`
  return [{ path: source.path, line, message, severity }]
}

export const formRule: Rule = fileRule('forms', isTypeScript, (source) => {
  const problems: Problem[] = []
  const report = (node: { readonly start: number }, message: string): void => {
    problems.push(errorAt(source, node.start, message))
  }
  new Visitor({
    ExportAllDeclaration: (node) => report(node, '`export *` hides what is public; list the names'),
    ExportDefaultDeclaration: (node) => {
      if (!source.path.endsWith('.config.ts')) report(node, 'default export; give it a name that every importer shares')
    },
    TSEnumDeclaration: (node) => report(node, 'enum does not erase; write a union of literals'),
    TSModuleDeclaration: (node) => {
      if (node.id.type === 'Identifier') report(node, 'namespace does not erase; a file is the namespace')
    },
  }).visit(parsed(source).program)
  return problems
})
