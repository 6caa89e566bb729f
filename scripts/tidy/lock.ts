/** Two ways in which a lock file that works here fails for a newcomer. */
import { errorAt, fileRule, type Problem, type Rule, type Source } from './source.ts'

type Lock = {
  readonly packages: Readonly<
    Record<string, { readonly resolved?: string; readonly optionalDependencies?: Readonly<Record<string, string>> }>
  >
}

export const publicRegistry = 'registry.npmjs.org'

export const lockRule: Rule = fileRule(
  'lock',
  (path) => path === 'package-lock.json',
  (source) => {
    const { packages } = JSON.parse(source.text) as Lock
    return [...privateSources(source, packages), ...missingOptionals(source, packages)]
  },
)

function privateSources(source: Source, packages: Lock['packages']): Problem[] {
  return Object.entries(packages).flatMap(([path, { resolved }]) => {
    if (resolved === undefined || !/^https?:/.test(resolved) || new URL(resolved).hostname === publicRegistry) return []
    const at = source.text.indexOf(`"${resolved}"`)
    return [errorAt(source, at, `${path} is resolved outside the public registry; delete its "resolved" line`)]
  })
}

/** npm leaves out optional packages that its registry did not have, and `npm ci` elsewhere then ends with EUSAGE. */
function missingOptionals(source: Source, packages: Lock['packages']): Problem[] {
  return Object.entries(packages).flatMap(([path, { optionalDependencies = {} }]) =>
    Object.keys(optionalDependencies)
      .filter((name) => !resolvesFrom(packages, path, name))
      .map((name) =>
        errorAt(
          source,
          source.text.indexOf(`"${path}"`),
          `${path} wants ${name}, which is not locked; pin another version`,
        ),
      ),
  )
}

/** Node's lookup: in the package's own node_modules, then in each one above it. */
function resolvesFrom(packages: Lock['packages'], path: string, name: string): boolean {
  for (let at = path; ; at = at.slice(0, Math.max(0, at.lastIndexOf('/node_modules/')))) {
    if (packages[at === '' ? `node_modules/${name}` : `${at}/node_modules/${name}`] !== undefined) return true
    if (at === '') return false
    if (!at.includes('/node_modules/')) return packages[`node_modules/${name}`] !== undefined
  }
}
