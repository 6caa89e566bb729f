/** `npm run pack [-- FOLDER]`: compiles each package and packs what npm would publish into FOLDER (default `dist/`). In the
 *  repository `exports` name TypeScript sources, so that nothing is ever built to be run; what is published names the
 *  JavaScript beside its declarations. Decides the published manifest and nothing else about a package. */
import { copyFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { runProcess } from '../verify/processes.ts'

type Manifest = {
  readonly name: string
  readonly version: string
  readonly exports: Readonly<Record<string, string>>
  readonly devDependencies?: unknown
}

export type Tarball = { readonly name: string; readonly path: string }

const root = join(import.meta.dirname, '..')

/** In the order of their dependencies: a package is compiled against those before it. */
const packages = ['broker', 'holdfast'] as const

/** Compiles and packs every package; the tarballs are in `folder` afterwards. Throws with the compiler's output. */
export async function packAll(folder: string): Promise<Tarball[]> {
  mkdirSync(folder, { recursive: true })
  const tarballs: Tarball[] = []
  for (const name of packages) tarballs.push(await packOne(join(root, 'packages', name), folder))
  return tarballs
}

async function packOne(source: string, folder: string): Promise<Tarball> {
  const dist = join(source, 'dist')
  rmSync(dist, { recursive: true, force: true })
  await run(`tsc in ${source}`, process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '-p', source])

  const manifest = JSON.parse(readFileSync(join(source, 'package.json'), 'utf8')) as Manifest
  writeFileSync(join(dist, 'package.json'), `${JSON.stringify(publishedManifest(manifest), null, 2)}\n`)
  copyFileSync(join(source, 'README.md'), join(dist, 'README.md'))
  copyFileSync(join(root, 'LICENSE'), join(dist, 'LICENSE'))

  await run(`npm pack in ${dist}`, 'npm', ['pack', dist, '--pack-destination', folder, '--ignore-scripts', '--silent'])
  const file = `${manifest.name.replace('@', '').replace('/', '-')}-${manifest.version}.tgz`
  return { name: manifest.name, path: join(folder, file) }
}

/** Development dependencies are of no use to whoever installs the package, and one of them is a workspace. */
function publishedManifest({ devDependencies: _, ...manifest }: Manifest): object {
  const exports = Object.fromEntries(
    Object.entries(manifest.exports).map(([entry, path]) => {
      const base = path.replace('./src/', './').replace(/\.ts$/, '')
      return [entry, { types: `${base}.d.ts`, default: `${base}.js` }]
    }),
  )
  return { ...manifest, exports, files: ['**/*.js', '**/*.d.ts', '**/*.map'] }
}

async function run(name: string, command: string, args: readonly string[]): Promise<void> {
  const { code, output } = await runProcess({ name, command, args, cwd: root, timeoutMs: 120_000 })
  if (code !== 0) throw new Error(`${name} ended with ${code}, expected 0\n${output.join('\n')}`)
}

if (import.meta.main) {
  const folder = resolve(process.argv[2] ?? 'dist')
  for (const { name, path } of await packAll(folder)) console.log(`${name}  ${path}`)
}
