/** What a rule sees: the tracked files as text, parsed on demand. Decides nothing about right and wrong, and reads no
 *  disk: `tidy.ts` fills a `Tree` from the repository, the test fills one from strings. */
import { parseSync, type Comment, type Program } from 'oxc-parser'

export type Source = {
  /** Relative to the repository, with forward slashes. */
  readonly path: string
  readonly text: string
}

/** A row of `verify/planted/`: a defect that the judge must find once it is applied. */
export type PlantedDefect = {
  readonly id: string
  readonly file: string
  readonly find: string
  readonly replace: string
  readonly law: string
}

export type Tree = {
  readonly sources: readonly Source[]
  /** The rows of each module in `verify/planted/`; a string says why the module could not be read. */
  readonly planted: readonly { readonly path: string; readonly rows: readonly PlantedDefect[] | string }[]
  /** Hosts that this machine is set up to install from; none of them may end up in a file. */
  readonly privateHosts: readonly string[]
}

export type Problem = {
  readonly path: string
  readonly line: number
  /** What is wrong, with the figure or name found, and what to do about it. */
  readonly message: string
  /** Warnings are printed, errors fail the check. */
  readonly severity: 'error' | 'warning'
}

export type Rule = {
  /** Named after the law, so that the output explains itself. */
  readonly id: string
  readonly check: (tree: Tree) => readonly Problem[]
}

/** A rule that looks at one file at a time. */
export function fileRule(
  id: string,
  applies: (path: string) => boolean,
  check: (source: Source) => readonly Problem[],
): Rule {
  return { id, check: (tree) => tree.sources.filter((source) => applies(source.path)).flatMap(check) }
}

/** An error at a position of the text. */
export function errorAt(source: Source, offset: number, message: string): Problem {
  return { path: source.path, line: lineAt(source.text, offset), message, severity: 'error' }
}

/** Counted from 1, as editors do. */
export function lineAt(text: string, offset: number): number {
  let line = 1
  for (let at = text.indexOf('\n'); at !== -1 && at < offset; at = text.indexOf('\n', at + 1)) line += 1
  return line
}

export type Import = {
  readonly specifier: string
  readonly offset: number
  /** Erased at run time: `import type`, or every name marked `type`. */
  readonly isTypeOnly: boolean
  /** `import('…')`: loaded when the line runs, not when the file is. */
  readonly isDynamic: boolean
}

export type Parsed = {
  readonly program: Program
  readonly comments: readonly Comment[]
  readonly imports: readonly Import[]
}

const parsedBySource = new WeakMap<Source, Parsed>()

/** Each file is parsed once, however many rules ask. Throws on a syntax error, which the compiler reports better. */
export function parsed(source: Source): Parsed {
  const known = parsedBySource.get(source)
  if (known !== undefined) return known
  const result = parseSync(source.path, source.text)
  const [error] = result.errors
  if (error !== undefined) throw new SyntaxError(`${source.path}: ${error.message}`)
  const fresh = { program: result.program, comments: result.comments, imports: importsOf(source.text, result.module) }
  parsedBySource.set(source, fresh)
  return fresh
}

function importsOf(text: string, module: ReturnType<typeof parseSync>['module']): Import[] {
  const statics = module.staticImports.map((found) => ({
    specifier: found.moduleRequest.value,
    offset: found.start,
    isTypeOnly: found.entries.length > 0 && found.entries.every((entry) => entry.isType),
    isDynamic: false,
  }))
  const reExports = module.staticExports.flatMap((found) => {
    const request = found.entries[0]?.moduleRequest
    if (request === undefined || request === null) return []
    const isTypeOnly = found.entries.every((entry) => entry.isType)
    return [{ specifier: request.value, offset: found.start, isTypeOnly, isDynamic: false }]
  })
  const dynamics = module.dynamicImports.map((found) => ({
    specifier: text.slice(found.moduleRequest.start + 1, found.moduleRequest.end - 1),
    offset: found.start,
    isTypeOnly: false,
    isDynamic: true,
  }))
  return [...statics, ...reExports, ...dynamics]
}

export function isTypeScript(path: string): boolean {
  return path.endsWith('.ts') || path.endsWith('.tsx')
}

export function isTest(path: string): boolean {
  return path.endsWith('.test.ts') || path.endsWith('.fixture.ts')
}
