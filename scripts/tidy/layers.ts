/** Who may import whom. The table is the architecture: a folder that is not in it may not exist, an import that is not in
 *  it fails the check. Allowed is what a row names, never "everything below". */
import { posix } from 'node:path'
import { errorAt, type Import, isTest, isTypeScript, parsed, type Problem, type Rule, type Source } from './source.ts'

type Layer = {
  readonly name: string
  /** A folder (ending in a slash) or one file. The longest match wins. */
  readonly at: string
  /** Names of layers; its own is always allowed. */
  readonly layers: readonly string[]
  /** Layers of which only types may be imported. */
  readonly types?: readonly string[]
  /** Layers that may be loaded by `import()` only, when an app starts; their types are free. */
  readonly lazy?: readonly string[]
  /** Packages by name; `node:` stands for every built-in module, `*` for any package. */
  readonly packages: readonly string[]
}

const src = 'packages/holdfast/src/'

/** Design: model ← engine ← runtime ← api ← index;  model ← kafka ← runtime;  testing → index, model, kafka (it answers
 *  in bytes, as a broker does) and types of the runtime, which it loads ahead of the app.
 *  `observe` is the list of events that runtime and api emit, and whose names the engine's effects carry. Outside `packages/`, everybody uses the public entries;
 *  only `verify/` may look inside, because it proves what is inside. */
export const layers: readonly Layer[] = [
  { name: 'model', at: `${src}model/`, layers: [], packages: [] },
  { name: 'engine', at: `${src}engine/`, layers: ['model'], types: ['observe'], packages: [] },
  { name: 'observe', at: `${src}observe/`, layers: ['model'], packages: ['node:'] },
  { name: 'port', at: `${src}kafka/port.ts`, layers: ['model'], packages: [] },
  { name: 'kafka', at: `${src}kafka/`, layers: ['model', 'port'], lazy: ['client'], packages: ['node:'] },
  {
    name: 'client',
    at: `${src}kafka/platformatic/`,
    layers: ['model', 'port', 'kafka'],
    packages: ['node:', '@platformatic/kafka'],
  },
  { name: 'clock', at: `${src}runtime/clock.ts`, layers: [], packages: [] },
  {
    name: 'runtime',
    at: `${src}runtime/`,
    layers: ['model', 'engine', 'observe', 'port', 'kafka', 'clock'],
    packages: ['node:'],
  },
  {
    name: 'api',
    at: `${src}api/`,
    layers: ['model', 'observe', 'port', 'kafka', 'runtime', 'clock'],
    packages: ['node:'],
  },
  {
    name: 'index',
    at: `${src}index.ts`,
    layers: ['model', 'observe', 'port', 'runtime', 'api'],
    types: ['clock'],
    packages: [],
  },
  { name: 'integrations', at: `${src}integrations/`, layers: ['index'], packages: ['*'] },
  {
    name: 'testing',
    at: `${src}testing/`,
    layers: ['index', 'model', 'port', 'kafka'],
    types: ['clock'],
    lazy: ['runtime'],
    packages: ['node:', '@holdfast/broker'],
  },
  { name: 'broker', at: 'packages/broker/src/', layers: [], packages: ['node:'] },
  { name: 'vitest-helper', at: 'packages/broker/src/testing/vitest.ts', layers: ['broker'], packages: ['vitest'] },
  { name: 'dashboard', at: 'packages/dashboard/src/', layers: [], packages: ['*'] },
  { name: 'cli', at: 'packages/cli/src/', layers: [], packages: ['*'] },
  { name: 'facts', at: 'verify/facts/', layers: ['verify', 'scripts'], packages: ['*'] },
  { name: 'bench', at: 'verify/bench/', layers: ['*'], packages: ['*'] },
  { name: 'judge', at: 'verify/judge/', layers: [], packages: ['*'] },
  { name: 'demo', at: 'demo/', layers: ['judge', 'verify', 'scripts'], packages: ['*'] },
  { name: 'examples', at: 'examples/', layers: ['verify'], packages: ['*'] },
  { name: 'scripts', at: 'scripts/', layers: ['verify', 'demo'], packages: ['*'] },
  { name: 'verify', at: 'verify/', layers: ['*'], packages: ['*'] },
]

/** Packages that a `*` does not cover, with those who may import them after all. */
const reserved: readonly { readonly package: RegExp; readonly only: readonly string[]; readonly reason: string }[] = [
  {
    package: /^@platformatic\/kafka$/,
    only: ['client', 'facts', 'bench'],
    reason: 'the Kafka client stays behind the port, in kafka/platformatic/; benchmarks are compared with it',
  },
  {
    package: /^(holdfast|@holdfast\/.*)(\/.*)?$/,
    only: ['testing', 'integrations', 'dashboard', 'cli', 'demo', 'examples', 'scripts', 'verify', 'bench'],
    reason: 'the judge and the layers below the public entry know nothing of Holdfast as a package',
  },
]

/** A test may look across its own package, use test libraries, and compare our bytes with those of the client. The
 *  embedded broker stays out: tests beside the source are pure, those that need a broker are in `verify/`. */
const testPackages = ['vitest', 'fast-check', 'zod', 'node:', '@platformatic/kafka']

export const layerRule: Rule = {
  id: 'import-table',
  check: (tree) =>
    tree.sources.filter(isChecked).flatMap((source) => {
      const from = layerOf(source.path)
      if (from === undefined)
        return [errorAt(source, 0, 'lies outside every layer; add its folder to scripts/tidy/layers.ts')]
      return parsed(source).imports.flatMap((found) => {
        const refusal = refuse(from, source.path, found)
        return refusal === undefined ? [] : [errorAt(source, found.offset, refusal)]
      })
    }),
}

function isChecked({ path }: { readonly path: string }): boolean {
  return isTypeScript(path) && path.includes('/')
}

export function layerOf(path: string): Layer | undefined {
  return layers
    .filter(({ at }) => (at.endsWith('/') ? path.startsWith(at) : path === at))
    .toSorted((a, b) => b.at.length - a.at.length)[0]
}

function refuse(from: Layer, path: string, found: Import): string | undefined {
  if (!found.specifier.startsWith('.')) return refusePackage(from, path, found.specifier)
  const target = posix.join(posix.dirname(path), found.specifier)
  const to = layerOf(target)
  if (to === undefined) return target.includes('/') ? `imports ${target}, which lies outside every layer` : undefined
  if (isTest(path) && isSamePackage(path, target)) return undefined
  if (to.name === from.name || from.layers.includes(to.name) || from.layers.includes('*')) return undefined
  if (from.types?.includes(to.name)) {
    return found.isTypeOnly ? undefined : `${from.name} may import types only from ${to.name}: write \`import type\``
  }
  if (from.lazy?.includes(to.name)) {
    const isLazy = found.isTypeOnly || found.isDynamic
    return isLazy ? undefined : `${from.name} may load ${to.name} by \`import()\` only: loading it is slow`
  }
  const list = [...from.layers, ...(from.types ?? []), ...(from.lazy ?? [])].join(', ') || 'no other layer'
  return `${from.name} may not import ${to.name} (${target}); it may import ${list}`
}

function isSamePackage(path: string, target: string): boolean {
  const [folder, name] = path.split('/')
  return folder === 'packages' && target.startsWith(`packages/${name}/`)
}

function refusePackage(from: Layer, path: string, specifier: string): string | undefined {
  const allowed = isTest(path) ? [...from.packages, ...testPackages] : from.packages
  const barrier = reserved.find((one) => one.package.test(specifier))
  if (barrier !== undefined && !barrier.only.includes(from.name) && !allowed.includes(specifier)) {
    return `${from.name} may not import ${specifier}: ${barrier.reason}`
  }
  const isAllowed = allowed.some(
    (name) => name === '*' || (name === 'node:' ? specifier.startsWith('node:') : packageOf(specifier) === name),
  )
  return isAllowed
    ? undefined
    : `${from.name} may not import ${specifier}; it may import ${allowed.join(', ') || 'no package'}`
}

/** `@scope/name/sub` → `@scope/name`. */
function packageOf(specifier: string): string {
  const parts = specifier.split('/')
  return parts.slice(0, specifier.startsWith('@') ? 2 : 1).join('/')
}

const client = '@platformatic/kafka'

type Entry = { readonly path: string; readonly heavy: readonly string[] }

/** What importing an entry must not load: the client takes 0.4 s, and the broker is an optional peer that says so itself when
 *  it is missing. */
const entries: readonly Entry[] = [
  { path: `${src}index.ts`, heavy: [client] },
  { path: `${src}testing/index.ts`, heavy: [client, '@holdfast/broker'] },
]

/** Importing `holdfast` must stay cheap, so nothing that an entry loads may load what is heavy. */
export const lazyClientRule: Rule = {
  id: 'lazy-client',
  check: (tree) => {
    const byPath = new Map(tree.sources.map((source) => [source.path, source]))
    const problems = entries.flatMap((entry) => heavyImports(entry, byPath))
    // One entry loads the other, and what that loads is told once.
    return [...new Map(problems.map((problem) => [`${problem.path}:${problem.line}`, problem])).values()]
  },
}

function heavyImports({ path: start, heavy }: Entry, byPath: ReadonlyMap<string, Source>): Problem[] {
  const seen = new Set<string>()
  const problems: Problem[] = []
  const follow = (path: string, chain: readonly string[]): void => {
    const source = byPath.get(path)
    if (source === undefined || seen.has(path)) return
    seen.add(path)
    for (const found of parsed(source).imports) {
      if (found.isTypeOnly || found.isDynamic) continue
      const name = packageOf(found.specifier)
      if (heavy.includes(name)) problems.push(errorAt(source, found.offset, loadsHeavy(start, name, chain)))
      if (found.specifier.startsWith('.')) {
        const target = posix.join(posix.dirname(path), found.specifier)
        follow(target, [...chain, target])
      }
    }
  }
  follow(start, [start])
  return problems
}

function loadsHeavy(entry: string, name: string, chain: readonly string[]): string {
  return `importing ${entry} would load ${name} through ${chain.join(' → ')}; make one step a dynamic import`
}
