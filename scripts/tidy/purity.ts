/** Keeps time, chance and I/O out of the engine, and everything but the clock out of the runtime's sense of time. Lint
 *  catches the plain names; this catches promises in the engine and the ways around the plain names. */
import { Visitor, type VisitorObject } from 'oxc-parser'
import { errorAt, fileRule, isTest, isTypeScript, parsed, type Problem, type Rule, type Source } from './source.ts'

const engine = 'packages/holdfast/src/engine/'
const runtime = 'packages/holdfast/src/runtime/'

const impureInEngine = new Set(
  [
    'Promise Date performance crypto process console globalThis global fetch Intl',
    'setTimeout setInterval setImmediate clearTimeout clearInterval clearImmediate queueMicrotask',
    'AbortController AbortSignal EventEmitter EventTarget',
  ].flatMap((names) => names.split(' ')),
)

/** The engine is a function of its events: the same script gives the same effects, on any machine, at any hour. */
export const engineRule: Rule = fileRule('pure-engine', isIn(engine), (source) => {
  const problems: Problem[] = []
  const report = (node: { readonly start: number }, what: string): void => {
    problems.push(
      errorAt(source, node.start, `the engine is pure: no ${what}; take it as an argument or emit an effect`),
    )
  }
  const properties = propertyNames(source)
  visit(source, {
    Identifier: (node) => {
      if (!impureInEngine.has(node.name) || properties.has(node.start)) return
      // In `{ fetch }` the name is visited twice, as key and as value.
      properties.add(node.start)
      report(node, node.name)
    },
    MemberExpression: (node) => {
      if (source.text.slice(node.start, node.end) === 'Math.random') report(node, 'Math.random')
    },
    FunctionDeclaration: (node) => void (node.async && report(node, 'async function')),
    FunctionExpression: (node) => void (node.async && report(node, 'async function')),
    ArrowFunctionExpression: (node) => void (node.async && report(node, 'async function')),
    AwaitExpression: (node) => report(node, 'await'),
    ImportExpression: (node) => report(node, 'dynamic import'),
  })
  return problems
})

const timeByAnotherName = new Set(['globalThis', 'global'])
const timeModules = new Set([
  'node:timers',
  'node:timers/promises',
  'node:perf_hooks',
  'node:crypto',
  'timers',
  'crypto',
])

/** `globalThis.setTimeout`, `process.hrtime` and their like are what lint's list of globals cannot see. */
export const clockRule: Rule = fileRule('clock-bypass', isIn(runtime), (source) => {
  if (source.path === `${runtime}clock.ts`) return []
  const properties = propertyNames(source)
  const problems = parsed(source)
    .imports.filter((found) => timeModules.has(found.specifier))
    .map((found) => errorAt(source, found.offset, `${found.specifier} bypasses the injected Clock`))
  visit(source, {
    Identifier: (node) => {
      if (!timeByAnotherName.has(node.name) || properties.has(node.start)) return
      problems.push(errorAt(source, node.start, `${node.name} is a way around the injected Clock; name what you need`))
    },
    MemberExpression: (node) => {
      const name = source.text.slice(node.start, node.end)
      if (!/^(Math\.random|Date\.now|process\.(hrtime|uptime)|AbortSignal\.timeout)$/.test(name)) return
      problems.push(errorAt(source, node.start, `${name} bypasses the injected Clock`))
    },
  })
  return problems
})

/** `require()` of the published package works only while no module of it waits at load time. */
export const loadRule: Rule = fileRule(
  'top-level-await',
  (path) => /^packages\/[^/]+\/src\//.test(path) && isTypeScript(path) && !isTest(path),
  (source) => {
    const problems: Problem[] = []
    let depth = 0
    const enter = (): void => void (depth += 1)
    const leave = (): void => void (depth -= 1)
    visit(source, {
      FunctionDeclaration: enter,
      'FunctionDeclaration:exit': leave,
      FunctionExpression: enter,
      'FunctionExpression:exit': leave,
      ArrowFunctionExpression: enter,
      'ArrowFunctionExpression:exit': leave,
      AwaitExpression: (node) => {
        if (depth === 0)
          problems.push(errorAt(source, node.start, 'await at the top level breaks require() of the package'))
      },
    })
    return problems
  },
)

function isIn(folder: string): (path: string) => boolean {
  return (path) => path.startsWith(folder) && isTypeScript(path) && !isTest(path)
}

function visit(source: Source, visitor: VisitorObject): void {
  new Visitor(visitor).visit(parsed(source).program)
}

/** Where a name stands for a property, as in `state.process`, `{ process: 1 }` or `fetch(): void`, and not for the global. */
function propertyNames(source: Source): Set<number> {
  const starts = new Set<number>()
  const key = (node: { readonly key: { readonly start: number }; readonly computed?: boolean }): void => {
    if (node.computed !== true) starts.add(node.key.start)
  }
  visit(source, {
    MemberExpression: (node) => {
      if (!node.computed) starts.add(node.property.start)
    },
    Property: (node) => {
      if (!node.shorthand) key(node)
    },
    PropertyDefinition: key,
    MethodDefinition: key,
    TSPropertySignature: key,
    TSMethodSignature: key,
  })
  return starts
}
