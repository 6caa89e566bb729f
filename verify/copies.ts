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
const copied = ['packages', 'demo', 'verify', 'scripts', 'package.json']
const notCopied = new Set(['node_modules', 'dist'])
/** A program that only imports the packages: it must not take longer. */
const probeTimeoutMs = 30_000

/** Rejects, leaving nothing behind, if the defect does not fit the sources or the copy would not be used. */
export async function copyWithDefect(defect: PlantedDefect): Promise<SourcesCopy> {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-copy-'))
  const remove = (): Promise<void> => rm(folder, { recursive: true, force: true })
  try {
    for (const name of copied)
      await cp(join(repository, name), join(folder, name), { recursive: true, filter: isSource })
    const packages = await linkPackages(folder)
    for (const one of packages) await proveThatCopyRuns(folder, one)
    await plant(folder, defect)
    return { folder, remove }
  } catch (error) {
    await remove()
    throw error
  }
}

function isSource(path: string): boolean {
  return !notCopied.has(basename(path))
}

async function plant(folder: string, { id, file, find, replace }: PlantedDefect): Promise<void> {
  const path = join(folder, file)
  const text = await readFile(path, 'utf8')
  const [before, after, ...more] = text.split(find)
  if (before === undefined || after === undefined || more.length > 0) {
    throw new Error(`defect ${id}: its find occurs ${more.length + (after === undefined ? 0 : 1)} times in ${file}`)
  }
  await writeFile(path, `${before}${replace}${after}`)
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

/** Plants a defect that nobody can overlook into the package's entry, and requires it to fire. */
async function proveThatCopyRuns(folder: string, { name, entry }: Package): Promise<void> {
  const alarm = `the copy of ${name} is used`
  const text = await readFile(entry, 'utf8')
  await writeFile(entry, `throw new Error(${JSON.stringify(alarm)})\n${text}`)
  const { code, output } = await runProcess({
    name: `import of ${name}`,
    args: ['--input-type=module', '--eval', `import ${JSON.stringify(name)}`],
    cwd: join(folder, 'demo'),
    timeoutMs: probeTimeoutMs,
  })
  await writeFile(entry, text)
  if (code !== 0 && output.some((line) => line.includes(alarm))) return
  throw new Error(`a copy of the sources would not be used: importing ${name} ran something else\n${output.join('\n')}`)
}
