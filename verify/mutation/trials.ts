/** Tries mutants in processes of their own: shares them out, notices those that hang, and tries what takes effect when a module
 *  is loaded in a process that is started for it. How a process tries its share, `trial-runner.ts` decides. */
import { existsSync } from 'node:fs'
import { readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { SourcesCopy } from '../copies.ts'
import { runProcess, startProcess } from '../processes.ts'
import { engineFolder } from './areas.ts'
import { type Fate, type Mutant, plantMutants, type PlantedMutant } from './mutants.ts'

/** What a process is told. */
export type TrialOrder = {
  /** Holds the ids of the mutants that it is to try. */
  readonly mutantsFile: string
  readonly notesFile: string
}

/** What it tells, line by line. After the last mutant it begins `null`: every test once more, without any. Whoever says nothing for longer than its patience
 *  hangs. `onlyAtLoad`: no test reaches the mutant after the modules are loaded. */
export type TrialNote =
  | { readonly begun: string | null; readonly patienceMs: number }
  | { readonly id: string; readonly fate: Fate | 'onlyAtLoad' }
  | { readonly problem: string }
  | { readonly end: true }

export type TrialsAsked = {
  readonly copy: SourcesCopy
  /** Paths in the copy. */
  readonly files: readonly string[]
  /** Processes that try mutants at once. */
  readonly workers: number
  /** How many examples a property draws, at most. */
  readonly examples?: number | undefined
  readonly onProgress?: ((tried: number, all: number) => void) | undefined
}

/** Imports all tests that mutants have to survive. */
export const everyTest = `${engineFolder}/every-test.ts`

/** Of producing and fetching nothing is mutated. */
const otherTests = /^producer-/
/** Until the first mutant is begun every test runs once. */
const startPatienceMs = 180_000
const lookEveryMs = 500

/** Rejects if a test fails without any mutant, or is left broken by one. */
export async function tryMutants({
  copy,
  files,
  workers,
  examples,
  onProgress,
}: TrialsAsked): Promise<readonly Mutant[]> {
  const { folder } = copy
  const planted = await plantMutants(folder, files)
  const names = await readdir(join(folder, engineFolder))
  const tests = names.filter((name) => name.endsWith('.test.ts') && !otherTests.test(name))
  await writeFile(join(folder, everyTest), tests.map((name) => `import './${name}'\n`).join(''))

  const env = { ...outsideOfVitest, MUTATION_EXAMPLES: examples === undefined ? undefined : String(examples) }
  const fates = new Map<string, Fate>()
  const tell = (): void => onProgress?.(fates.size, planted.length)
  await Promise.all(
    Array.from({ length: workers }, async (_, worker) => {
      const share = planted.filter((_mutant, at) => at % workers === worker)
      const atLoad = await tryShare({ folder, env, worker }, share, fates, tell)
      for (const { id } of atLoad) {
        fates.set(id, await tryAtLoad({ folder, env, worker }, id))
        tell()
      }
    }),
  )
  return planted.map((mutant) => ({ ...mutant, fate: fates.get(mutant.id) ?? 'survived' }))
}

/** Where a process works. */
type Place = {
  readonly folder: string
  readonly env: Readonly<Record<string, string | undefined>>
  readonly worker: number
}

/** Returns the mutants that need a process of their own. */
async function tryShare(
  { folder, env, worker }: Place,
  share: readonly PlantedMutant[],
  fates: Map<string, Fate>,
  tell: () => void,
): Promise<readonly PlantedMutant[]> {
  const order: TrialOrder = {
    mutantsFile: join(folder, `mutants-${worker}.json`),
    notesFile: join(folder, `notes-${worker}.jsonl`),
  }
  const atLoad = new Set<string>()
  for (;;) {
    const left = share.filter(({ id }) => !fates.has(id) && !atLoad.has(id))
    if (left.length === 0) break
    await writeFile(order.mutantsFile, JSON.stringify(left.map(({ id }) => id)))
    await rm(order.notesFile, { force: true })
    const hasEnded = await live({ folder, env, worker }, order, (notes) => {
      for (const each of notes) {
        if (!('id' in each)) continue
        if (each.fate === 'onlyAtLoad') atLoad.add(each.id)
        else fates.set(each.id, each.fate)
      }
      tell()
    })
    if (hasEnded) break
    const begun = (await notesOf(order)).findLast((each) => 'begun' in each)
    if (begun === undefined || begun.begun === null) throw new Error('the tests hang without any mutant')
    fates.set(begun.begun, 'timedOut')
  }
  return share.filter(({ id }) => atLoad.has(id))
}

/** One process, to its end or until it hangs: then false. */
async function live(
  { folder, env: given }: Place,
  order: TrialOrder,
  told: (notes: readonly TrialNote[]) => void,
): Promise<boolean> {
  const env = { MUTATION_ORDER: JSON.stringify(order), ...given }
  const running = await startProcess({ name: 'vitest', args: vitestArgs(), cwd: folder, env })
  const startedAt = Date.now()
  let hasExited = false
  void running.exited.then(() => (hasExited = true))
  while (!hasExited) {
    await Promise.race([running.exited, delay(lookEveryMs)])
    const notes = await notesOf(order)
    told(notes)
    const { mtimeMs } = existsSync(order.notesFile) ? await stat(order.notesFile) : { mtimeMs: startedAt }
    const silentMs = Date.now() - mtimeMs
    const begun = notes.findLast((each) => 'begun' in each)
    if (silentMs > (begun?.patienceMs ?? startPatienceMs)) {
      running.kill('SIGKILL')
      await running.exited
      return false
    }
  }
  const notes = await notesOf(order)
  told(notes)
  const problem = notes.find((each) => 'problem' in each)
  if (problem !== undefined) throw new Error(problem.problem)
  if (notes.some((each) => 'end' in each)) return true
  throw new Error(`vitest ended before its mutants did:\n${running.output.slice(-20).join('\n')}`)
}

async function notesOf({ notesFile }: TrialOrder): Promise<readonly TrialNote[]> {
  if (!existsSync(notesFile)) return []
  const text = await readFile(notesFile, 'utf8')
  // A line that is being written is read the next time.
  const lines = text.slice(0, text.lastIndexOf('\n') + 1).split('\n')
  return lines.flatMap((line) => (line === '' ? [] : [JSON.parse(line) as TrialNote]))
}

async function tryAtLoad({ folder, env: given }: Place, id: string): Promise<Fate> {
  const env = { __STRYKER_ACTIVE_MUTANT__: id, ...given }
  try {
    const { code } = await runProcess({
      name: 'vitest',
      args: vitestArgs(),
      cwd: folder,
      env,
      timeoutMs: startPatienceMs,
    })
    return code === 0 ? 'survived' : 'killed'
  } catch {
    return 'timedOut'
  }
}

/** Our own tests run in vitest too, which would tell its children what they are. */
const outsideOfVitest = {
  VITEST: undefined,
  VITEST_MODE: undefined,
  VITEST_POOL_ID: undefined,
  VITEST_WORKER_ID: undefined,
}

function vitestArgs(): string[] {
  const config = join('verify/mutation', 'vitest.config.ts')
  return ['node_modules/vitest/vitest.mjs', 'run', '--config', config]
}
