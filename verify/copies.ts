/** Makes a copy of the sources with one defect planted in it, and proves that the copy is what runs.
 *
 *  The packages of the workspace are found through links in `node_modules`. A copy that used the original's links would
 *  run the original's code and every defect would go unnoticed, so a copy has a `node_modules` folder of its own: other
 *  packages are linked one by one, the workspace's point into the copy. */
import { cp, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { type PlantedDefect } from './planted/defects.ts'
import { runProcess } from './processes.ts'

export type SourcesCopy = {
  /** The root of the copy. */
  readonly folder: string
  remove(): Promise<void>
}

const repository = join(import.meta.dirname, '..')
/** Everything that a program of the repository may import. */
const copied = ['packages', 'demo', 'verify', 'scripts', 'package.json', 'tsconfig.base.json']
const notCopied = new Set(['node_modules', 'dist'])
/** Only imports the packages. */
const probeTimeoutMs = 30_000

/** Rejects, leaving nothing behind, if the defect does not fit the sources or the copy would not be used. */
export function copyWithDefect(defect: PlantedDefect): Promise<SourcesCopy> {
  return copySources((folder) => plant(folder, defect))
}

/** A copy that `change` was made to. Rejects, leaving nothing behind, if the change does or the copy would not be used. */
export async function copySources(change?: (folder: string) => Promise<unknown>): Promise<SourcesCopy> {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-copy-'))
  const remove = (): Promise<void> => rm(folder, { recursive: true, force: true })
  try {
    for (const name of copied)
      await cp(join(repository, name), join(folder, name), { recursive: true, filter: isSource })
    const packages = await linkPackages(folder)
    await proveThatCopyRuns(folder, packages)
    await change?.(folder)
    return { folder, remove }
  } catch (error) {
    await remove()
    throw error
  }
}

function isSource(path: string): boolean {
  return !notCopied.has(basename(path))
}

/** Returns what takes the defect out again. Rejects if its `find` does not occur exactly once. */
export async function plant(folder: string, { id, file, find, replace }: PlantedDefect): Promise<() => Promise<void>> {
  const path = join(folder, file)
  const text = await readFile(path, 'utf8')
  const [before, after, ...more] = text.split(find)
  if (before === undefined || after === undefined || more.length > 0) {
    throw new Error(`defect ${id}: its find occurs ${more.length + (after === undefined ? 0 : 1)} times in ${file}`)
  }
  await writeFile(path, `${before}${replace}${after}`)
  return () => writeFile(path, text)
}

type Package = { readonly name: string; readonly folder: string; readonly entry: string }

async function linkPackages(folder: string): Promise<Package[]> {
  const packages = await workspacePackages(folder)
  const ours = new Set(packages.map(({ name }) => name))
  await linkEntries(join(repository, 'node_modules'), join(folder, 'node_modules'), '', ours)
  for (const { name, folder: target } of packages) {
    const link = join(folder, 'node_modules', name)
    await mkdir(dirname(link), { recursive: true })
    await symlink(target, link, 'junction')
  }
  return packages
}

/** Links what is in `from` into `to`, one by one, except for our own packages. A scope that holds one of ours becomes a
 *  folder of links. */
async function linkEntries(from: string, to: string, scope: string, ours: ReadonlySet<string>): Promise<void> {
  await mkdir(to, { recursive: true })
  for (const entry of await readdir(from)) {
    const name = `${scope}${entry}`
    if (ours.has(name)) continue
    const isOurScope = [...ours].some((one) => one.startsWith(`${name}/`))
    if (isOurScope) await linkEntries(join(from, entry), join(to, entry), `${name}/`, ours)
    else await symlink(join(from, entry), join(to, entry), 'junction')
  }
}

async function workspacePackages(folder: string): Promise<Package[]> {
  const names = await readdir(join(folder, 'packages'))
  return Promise.all(
    names.map(async (name) => {
      const path = join(folder, 'packages', name)
      const manifest = JSON.parse(await readFile(join(path, 'package.json'), 'utf8')) as {
        name: string
        exports: Record<string, string>
      }
      return { name: manifest.name, folder: path, entry: join(path, manifest.exports['.'] ?? '') }
    }),
  )
}

/** Plants a defect that nobody can overlook into each package's entry, and requires it to fire. */
async function proveThatCopyRuns(folder: string, packages: readonly Package[]): Promise<void> {
  const originals = await Promise.all(packages.map(({ entry }) => readFile(entry, 'utf8')))
  for (const [index, { name, entry }] of packages.entries()) {
    await writeFile(entry, `throw new Error(${JSON.stringify(alarmOf(name))})\n${originals[index]}`)
  }
  const imports = packages.map(({ name }) => `await import('${name}').catch(({ message }) => console.log(message))`)
  const { output } = await runProcess({
    name: 'import of the packages',
    args: ['--input-type=module', '--eval', imports.join('\n')],
    cwd: join(folder, 'demo'),
    timeoutMs: probeTimeoutMs,
  })
  for (const [index, { entry }] of packages.entries()) await writeFile(entry, originals[index] ?? '')
  const unused = packages.filter(({ name }) => !output.includes(alarmOf(name)))
  if (unused.length === 0) return
  const names = unused.map(({ name }) => name).join(', ')
  throw new Error(`a copy of the sources would run something else than its own ${names}:\n${output.join('\n')}`)
}

function alarmOf(name: string): string {
  return `the copy of ${name} is used`
}
