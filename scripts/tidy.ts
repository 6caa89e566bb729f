/** `node scripts/tidy.ts`: the rules of the house that neither the compiler nor the linter can check. Reads the tracked
 *  files, prints one line per finding, exits with 1 if one of them is an error. The rules are in `tidy/`. */
import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join, relative, sep } from 'node:path'
import { pathToFileURL } from 'node:url'
import { publicRegistry } from './tidy/lock.ts'
import { inspect } from './tidy/rules.ts'
import { type PlantedDefect, type Source, type Tree } from './tidy/source.ts'

const root = join(import.meta.dirname, '..')
const textFile =
  /\.(ts|tsx|mjs|js|json|md|html|css|yml|yaml|xml|sh|toml|properties)$|(^|\/)(run|LICENSE|\.[a-z]+(rc|config|ignore)?)$/

/** Files of a clone, or, in a copy without git, everything that is not installed or built. */
function listFiles(): string[] {
  try {
    const listed = execFileSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], {
      cwd: root,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    })
    return listed.split('\0').filter((path) => path !== '')
  } catch {
    const skipped = new Set(['node_modules', 'dist', '.git', '.cache', '.kafka'])
    const walk = (folder: string): string[] =>
      readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
        if (skipped.has(entry.name)) return []
        const path = join(folder, entry.name)
        return entry.isDirectory() ? walk(path) : [relative(root, path).split(sep).join('/')]
      })
    return walk(root)
  }
}

function readSources(): Source[] {
  return listFiles().flatMap((path) => {
    const full = join(root, path)
    // Git lists deleted files until the deletion is staged.
    if (!textFile.test(path) || statSync(full, { throwIfNoEntry: false })?.isFile() !== true) return []
    return [{ path, text: readFileSync(full, 'utf8') }]
  })
}

async function readPlanted(path: string): Promise<Tree['planted'][number]> {
  const module = (await import(pathToFileURL(join(root, path)).href)) as { planted?: readonly PlantedDefect[] }
  return { path, rows: Array.isArray(module.planted) ? module.planted : 'exports no array named `planted`' }
}

function configuredRegistries(): string[] {
  const configured = process.env['npm_config_registry']
  if (configured === undefined || !URL.canParse(configured)) return []
  const { hostname } = new URL(configured)
  return hostname === publicRegistry || hostname === 'localhost' || hostname === '' ? [] : [hostname]
}

const sources = readSources()
const plantedModules = sources.filter(({ path }) =>
  /^verify\/planted\/(?:simulation\/)?(?!.*\.test\.ts)[^/]+\.ts$/.test(path),
)
const planted = await Promise.all(plantedModules.map(({ path }) => readPlanted(path)))
const findings = inspect({ sources, planted, privateHosts: configuredRegistries() })

for (const { path, line, rule, message, severity } of findings) {
  console.log(`${severity === 'error' ? 'error  ' : 'warning'} ${path}:${line}  ${rule}: ${message}`)
}
const errors = findings.filter(({ severity }) => severity === 'error').length
console.log(`tidy: ${sources.length} files, ${errors} errors, ${findings.length - errors} warnings`)
if (errors > 0) process.exitCode = 1
