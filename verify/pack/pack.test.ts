/** What npm would publish, looked at as a stranger does: the tarballs are installed in an empty project and imported. Needs
 *  the npm registry, so it runs only where `HOLDFAST_REQUIRE` names `pack`. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { packAll, type Tarball } from '../../scripts/pack.ts'
import { runProcess } from '../processes.ts'

/** The oldest Node that `engines` allows. */
const oldestNode = '22.23.2'
const publint = 'publint@0.3.25'
const areTheTypesWrong = '@arethetypeswrong/cli@0.18.5'
const networkTimeoutMs = 240_000
/** Those that need nothing else; `@holdfast/broker/vitest` needs vitest. */
const entries = ['holdfast', 'holdfast/testing', '@holdfast/broker', '@holdfast/broker/node-test']

const isRequired = (process.env['HOLDFAST_REQUIRE'] ?? '').split(',').includes('pack')

/** Prints, as JSON, the modules outside Node that importing `specifier` loads. */
const probe = `
  import { registerHooks } from 'node:module'
  const loaded = []
  registerHooks({ load: (url, context, next) => { loaded.push(url); return next(url, context) } })
  await import(process.argv[2])
  console.log(JSON.stringify(loaded.filter((url) => url.startsWith('file:'))))
`

describe.skipIf(!isRequired)('the published packages', () => {
  let project = ''
  let tarballs: readonly Tarball[] = []

  beforeAll(async () => {
    project = mkdtempSync(join(tmpdir(), 'holdfast-pack-'))
    tarballs = await packAll(join(project, 'tarballs'))
    writeFileSync(join(project, 'package.json'), JSON.stringify({ name: 'stranger', type: 'module', private: true }))
    writeFileSync(join(project, 'probe.mjs'), probe)
    await expectSuccess('npm', ['install', '--no-audit', '--no-fund', ...tarballs.map(({ path }) => path)])
  }, networkTimeoutMs)

  afterAll(() => rmSync(project, { recursive: true, force: true }))

  async function expectSuccess(command: string, args: readonly string[]): Promise<string> {
    const { code, output } = await runProcess({
      name: command,
      command,
      args,
      cwd: project,
      timeoutMs: networkTimeoutMs,
    })
    expect(code, `${command} ${args.join(' ')}\n${output.join('\n')}`).toBe(0)
    return output.join('\n')
  }

  async function modulesLoadedBy(specifier: string): Promise<string[]> {
    return JSON.parse(await expectSuccess(process.execPath, ['probe.mjs', specifier])) as string[]
  }

  test('every entry can be imported, and required', async () => {
    for (const entry of entries) {
      await expectSuccess(process.execPath, ['--input-type=module', '--eval', `await import('${entry}')`])
      await expectSuccess(process.execPath, ['--input-type=commonjs', '--eval', `require('${entry}')`])
    }
  })

  test('importing holdfast does not load the Kafka client', async () => {
    const isClient = (url: string): boolean => url.includes('/@platformatic/kafka/')

    expect((await modulesLoadedBy('@platformatic/kafka')).some(isClient)).toBe(true)
    expect((await modulesLoadedBy('holdfast')).filter(isClient)).toEqual([])
  })

  test('no declaration that users compile names a type of the Kafka client', () => {
    const folder = join(project, 'node_modules/holdfast')
    const reached = declarationsFrom(folder, ['index.d.ts', 'testing/index.d.ts'])

    expect(reached.length).toBeGreaterThan(1)
    expect(reached.filter(({ text }) => text.includes('@platformatic/kafka')).map(({ path }) => path)).toEqual([])
  })

  test('no TypeScript source and no test is published', () => {
    const files = ['holdfast', '@holdfast/broker'].flatMap((name) =>
      readdirSync(join(project, 'node_modules', name), { recursive: true, encoding: 'utf8' }),
    )

    expect(files).toContain('LICENSE')
    expect(files.filter((file) => /(?<!\.d)\.ts$|\.test\./.test(file))).toEqual([])
  })

  test(`every entry can be imported on Node ${oldestNode}`, { timeout: networkTimeoutMs }, async () => {
    const source = entries.map((entry) => `import '${entry}'`).join('\n')
    writeFileSync(join(project, 'entries.mjs'), `${source}\nconsole.log(process.version)\n`)
    // The package `node` fetches its binary in an install script, which npm may block; this one is the binary.
    const node = `node-${process.platform}-${process.arch}@${oldestNode}`

    expect(await expectExec(node, ['node', 'entries.mjs'])).toContain(`v${oldestNode}`)
  })

  test('publint and attw have no objection', { timeout: networkTimeoutMs }, async () => {
    for (const { path } of tarballs) {
      await expectExec(publint, ['publint', 'run', path, '--strict'])
      await expectExec(areTheTypesWrong, ['attw', '--profile', 'esm-only', path])
    }
  })

  function expectExec(name: string, command: readonly string[]): Promise<string> {
    return expectSuccess('npm', ['exec', '--yes', `--package=${name}`, '--', ...command])
  }
})

type Declaration = { readonly path: string; readonly text: string }

/** The declarations that a compiler reads when a project imports one of `entries`. */
function declarationsFrom(folder: string, entries: readonly string[]): Declaration[] {
  const waiting = entries.map((entry) => join(folder, entry))
  const reached = new Map<string, string>()
  for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) {
    if (reached.has(path)) continue
    const text = readFileSync(path, 'utf8')
    reached.set(path, text)
    for (const [, specifier = ''] of text.matchAll(/(?:from|import\()\s*['"](\.[^'"]+)\.(?:js|ts)['"]/g)) {
      waiting.push(join(path, '..', `${specifier}.d.ts`))
    }
  }
  return [...reached].map(([path, text]) => ({ path, text }))
}
