/** Runs measurements in processes of their own, one at a time, so that nobody inherits the warm code, the heap or the
 *  connections of another. What can be measured is in `measurements.ts`; this side knows only its names and types. */
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { runProcess } from '../processes.ts'
import { type FoundBy, type GivenTo, type MeasurementName } from './measurements.ts'
import { orderOfRound } from './statistics.ts'

const main = join(import.meta.dirname, 'main.ts')
const timeoutMs = 900_000
const quotedLines = 20
/** Sources that were stripped of their types once need not be again: a subject should start as what is published does. */
const compileCache = join(tmpdir(), 'holdfast-bench-cache')

export type ChildOptions = {
  /** Options of Node itself. */
  readonly nodeFlags?: readonly string[] | undefined
}

/** Measures once, in a new process. Rejects with what the process said if it did not come to its figures. */
export async function measure<N extends MeasurementName>(
  name: N,
  given: GivenTo<N>,
  { nodeFlags = [] }: ChildOptions = {},
): Promise<FoundBy<N>> {
  let last = ''
  const { code, signal, output } = await runProcess({
    name,
    args: [...nodeFlags, main, 'measure', name, JSON.stringify(given)],
    env: { NODE_COMPILE_CACHE: compileCache },
    onLine: (line, stream) => {
      if (stream === 'stdout') last = line
    },
    timeoutMs,
  })
  if (code === 0 && last.startsWith('{')) return JSON.parse(last) as FoundBy<N>
  const end = signal === null ? `exit code ${code}` : `signal ${signal}`
  throw new Error(`measuring ${name} ended with ${end}, expected 0\n${output.slice(-quotedLines).join('\n')}`)
}

/** Somebody who is compared with others. */
export type Subject<F> = { readonly name: string; readonly measure: (round: number) => Promise<F> }

/** Measures every subject once per round, and gives the rounds of each. */
export async function interleaved<F>(subjects: readonly Subject<F>[], rounds: number, what: string): Promise<F[][]> {
  const found = new Map<Subject<F>, F[]>(subjects.map((subject) => [subject, []]))
  for (let round = 0; round < rounds; round++) {
    for (const subject of orderOfRound(subjects, round)) {
      const startedAtMs = performance.now()
      found.get(subject)?.push(await subject.measure(round))
      const seconds = ((performance.now() - startedAtMs) / 1_000).toFixed(1)
      console.error(`${what} · round ${round + 1} of ${rounds} · ${subject.name} · ${seconds} s`)
    }
  }
  return subjects.map((subject) => found.get(subject) ?? [])
}
