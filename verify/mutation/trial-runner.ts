/** A runner for vitest that tries mutants: it runs every test once, notes which mutants it reaches, and then repeats for each
 *  mutant the tests that reach it, the quickest first, until one fails. Which mutants are its own, and what becomes of the
 *  others, `trials.ts` decides; they speak through a file, because a mutant may hang the process.
 *
 *  A test is repeated by calling its function again, so tests may have no hooks. Those of the engine have none. */
import { appendFileSync, readFileSync } from 'node:fs'
import { type RunnerTestCase, type RunnerTestSuite, TestRunner } from 'vitest'
import type { TrialNote, TrialOrder } from './trials.ts'

/** What the instrumented code and we tell each other; the names are Stryker's. */
type Switchboard = {
  activeMutant?: string | undefined
  currentTestId?: string | undefined
  mutantCoverage?: { readonly static: Hits; readonly perTest: Readonly<Record<string, Hits>> }
}
/** How often each mutant was reached. */
type Hits = Readonly<Record<string, number>>

type Trial = {
  readonly name: string
  readonly test: () => unknown
  readonly ms: number
  readonly hits: Hits
  /** How often it looked whether a mutant is active. */
  readonly looks: number
}

/** A test that looks so many times as often as without a mutant, and then some, will not come to an end. */
const looksFactor = 20
const looksMore = 20_000
/** A machine that does other work too must not kill mutants. */
const patienceMs = 15_000
/** A test that takes longer is announced, so that nobody takes it for a hang. */
const longMs = 50

const order = JSON.parse(process.env['MUTATION_ORDER'] ?? 'null') as TrialOrder | null
const switchboard = ((globalThis as { __stryker__?: Switchboard }).__stryker__ ??= {})

let active: string | undefined
let looks = 0
let looksMax = Infinity

// Every mutated place looks here each time it is passed, so that most endless loops can be ended from within.
if (order !== null) {
  Object.defineProperty(switchboard, 'activeMutant', {
    get: () => {
      if (++looks > looksMax) throw new RangeError('endless')
      return active
    },
  })
}

function note(what: TrialNote): void {
  if (order !== null) appendFileSync(order.notesFile, `${JSON.stringify(what)}\n`)
}

class TrialRunner extends TestRunner {
  readonly #trials: Trial[] = []
  #failed: string | null = null

  async runTask(test: RunnerTestCase): Promise<void> {
    const run = TestRunner.getTestFn(test)
    if (order === null) return run()
    refuseHooks(test.suite)
    const id = String(this.#trials.length)
    const startedAt = performance.now()
    switchboard.currentTestId = id
    looks = 0
    try {
      await run()
    } catch (error) {
      this.#failed ??= `${test.name}: ${String(error)}`
      throw error
    } finally {
      switchboard.currentTestId = undefined
    }
    const hits = switchboard.mutantCoverage?.perTest[id] ?? {}
    this.#trials.push({ name: test.name, test: run, ms: performance.now() - startedAt, hits, looks })
  }

  override async onAfterRunSuite(suite: RunnerTestSuite): Promise<void> {
    await super.onAfterRunSuite(suite)
    // The one file that imports all others is at its end.
    if (order !== null && suite === suite.file) await this.#tryMutants(order)
  }

  async #tryMutants(order: TrialOrder): Promise<void> {
    if (this.#failed !== null || this.#trials.length === 0) {
      note({ problem: `without any mutant: ${this.#failed ?? 'no test ran'}` })
      return
    }
    const atLoad = { ...switchboard.mutantCoverage?.static }
    const trials = this.#trials.toSorted((one, other) => one.ms - other.ms)
    for (const id of JSON.parse(readFileSync(order.mutantsFile, 'utf8')) as string[]) {
      const reaching = trials.filter(({ hits }) => hits[id] !== undefined)
      note({ begun: id, patienceMs })
      if (reaching.length > 0) note({ id, fate: await fateOf(id, reaching) })
      else note({ id, fate: atLoad[id] === undefined ? 'survived' : 'onlyAtLoad' })
    }
    // Whatever a mutant broke for good would have killed those after it.
    note({ begun: null, patienceMs: patienceFor(trials.reduce((sum, { ms }) => sum + ms, 0)) })
    for (const { name, test } of trials) if (!(await passes(test))) note({ problem: `after the mutants: ${name}` })
    note({ end: true })
  }
}

// As vitest asks for a runner.
export { TrialRunner as default }

async function fateOf(id: string, trials: readonly Trial[]): Promise<'killed' | 'timedOut' | 'survived'> {
  for (const { test, ms, looks: usualLooks } of trials) {
    if (ms > longMs) note({ begun: id, patienceMs: patienceFor(ms) })
    active = id
    looks = 0
    looksMax = usualLooks * looksFactor + looksMore
    const hasPassed = await passes(test)
    const isEndless = looks > looksMax
    active = undefined
    looksMax = Infinity
    if (!hasPassed) return isEndless ? 'timedOut' : 'killed'
  }
  return 'survived'
}

function patienceFor(ms: number): number {
  return ms * looksFactor + patienceMs
}

async function passes(test: () => unknown): Promise<boolean> {
  try {
    await test()
    return true
  } catch {
    return false
  }
}

function refuseHooks(suite: RunnerTestSuite | undefined): void {
  if (suite === undefined) return
  const hooks = Object.entries(TestRunner.getSuiteHooks(suite)).filter(([, all]) => all.length > 0)
  if (hooks.length > 0) note({ problem: `${suite.name} has hooks (${hooks.map(([name]) => name).join()})` })
}
