/** `bench -- import`: what importing `holdfast` costs, as npm would install it, beside the Kafka clients; then how long it takes
 *  from `start()` to the first message, and from `stop()` to the end. */
import { cp, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { packAll } from '../../scripts/pack.ts'
import { runProcess } from '../processes.ts'
import { type Bench, type BenchOptions } from './bench.ts'
import { type BenchBroker, openBroker } from './brokers.ts'
import { interleaved, type Subject } from './children.ts'
import { type BenchResult, check, type Row } from './result.ts'
import { medians, rounded } from './statistics.ts'

const root = join(import.meta.dirname, '../..')
const timeoutMs = 60_000
const importTargetMs = 60
const stopTargetMs = 1_000
const specifiers = ['node:http', 'holdfast', '@platformatic/kafka', 'kafkajs'] as const

/** Prints how long the import took. */
const importer = `
const startedAtMs = performance.now()
await import(process.argv[2])
const importMs = performance.now() - startedAtMs
console.log(JSON.stringify({ importMs, rssMb: process.memoryUsage.rss() / 1048576 }))
`
/** Prints how long it took to the first message, and to stop after it. */
const starter = `
import { createHoldfast, topic } from 'holdfast'
const [, , bootstrap, name] = process.argv
const first = Promise.withResolvers()
const app = createHoldfast({ kafka: bootstrap, group: 'bench-' + process.pid + '-' + Math.trunc(performance.timeOrigin), log: false })
app.consume(topic(name), { deadLetters: false }, () => first.resolve())
const startedAtMs = performance.now()
await app.start()
const readyMs = performance.now() - startedAtMs
await first.promise
const firstMessageMs = performance.now() - startedAtMs
const stoppedAtMs = performance.now()
const { clean } = await app.stop()
const stopMs = performance.now() - stoppedAtMs
console.log(JSON.stringify({ readyMs, firstMessageMs, stopMs, clean: clean ? 1 : 0 }))
`

type Figures = Record<string, number>

export const start: Bench = {
  name: 'import',
  summary: 'importing the packed holdfast, start to the first message, clean stop',
  usesBroker: true,
  run: async (options): Promise<BenchResult> => {
    const broker = await openBroker(options)
    const project = await mkdtemp(join(tmpdir(), 'holdfast-bench-'))
    try {
      await install(project)
      return await run(project, broker, options)
    } finally {
      await rm(project, { recursive: true, force: true })
      await broker.release()
    }
  },
}

async function run(project: string, broker: BenchBroker, { rounds }: BenchOptions): Promise<BenchResult> {
  const topic = await broker.createTopic(1)
  await broker.fill(topic, { records: 1, bytes: 100, partitions: 1, keys: 1 })
  const imports = specifiers.map((name): Subject<Figures> => {
    return { name, measure: () => printed(project, ['importer.mjs', name]) }
  })
  const starts: Subject<Figures> = {
    name: 'start and stop',
    measure: () => printed(project, ['starter.mjs', broker.bootstrap, topic]),
  }
  const found = await interleaved([...imports, starts], rounds, 'import')
  const rows = specifiers.map((specifier, index): Row & { readonly importMs: number } => {
    const { importMs = NaN, rssMb = NaN } = medians(found[index] ?? [])
    return { specifier, importMs: rounded(importMs, 3), rssMb: rounded(rssMb, 3) }
  })
  const { clean, ...life } = medians(found.at(-1) ?? [])
  const times = Object.fromEntries(Object.entries(life).map(([name, ms]) => [name, rounded(ms, 3)]))
  return {
    bench: 'import',
    on: broker.label,
    rounds,
    rows,
    more: { life: [{ ...times, clean: clean === 1 }] },
    checks: [
      check('importing holdfast, ms', rows.find(({ specifier }) => specifier === 'holdfast')?.importMs ?? NaN, {
        atMost: importTargetMs,
      }),
      check('clean stop, ms', life['stopMs'] ?? NaN, { atMost: stopTargetMs, limit: stopTargetMs * 2 }),
    ],
  }
}

/** As npm would, but from the tarball next door, and with the dependencies that are here already. */
async function install(project: string): Promise<void> {
  const modules = join(project, 'node_modules')
  const tarballs = await packAll(join(project, 'tarballs'))
  const tarball = tarballs.find(({ name }) => name === 'holdfast')
  if (tarball === undefined) throw new Error('expected a tarball of holdfast, got none')
  const unpacked = join(project, 'unpacked')
  await mkdir(unpacked)
  await expectSuccess('tar', ['-xzf', tarball.path, '-C', unpacked])
  await cp(join(unpacked, 'package'), join(modules, 'holdfast'), { recursive: true })
  for (const name of ['@platformatic', 'kafkajs']) await symlink(join(root, 'node_modules', name), join(modules, name))
  await writeFile(join(project, 'package.json'), JSON.stringify({ name: 'stranger', type: 'module', private: true }))
  await writeFile(join(project, 'importer.mjs'), importer)
  await writeFile(join(project, 'starter.mjs'), starter)
}

async function expectSuccess(command: string, args: readonly string[]): Promise<void> {
  const { code, output } = await runProcess({ name: command, command, args, timeoutMs })
  if (code !== 0) throw new Error(`${command} ended with ${code}, expected 0\n${output.join('\n')}`)
}

async function printed(project: string, args: readonly string[]): Promise<Figures> {
  let last = ''
  const { code, output } = await runProcess({
    name: args.join(' '),
    args,
    cwd: project,
    onLine: (line, stream) => {
      if (stream === 'stdout') last = line
    },
    timeoutMs,
  })
  if (code !== 0 || !last.startsWith('{')) throw new Error(`${args.join(' ')} ended with ${code}\n${output.join('\n')}`)
  return JSON.parse(last) as Figures
}
