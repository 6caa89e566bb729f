/** Asks the contract whether it notices a broker that is more lenient than Kafka:
 *  `node verify/broker-contract/lenient.ts --json` runs it against each defect of `verify/planted/broker-defects.ts`, the
 *  rows of the APIs that the defect names first, then all others. The last line is `{ planted, caught, missed }`.
 *
 *  First it runs all rows against the broker as it is. If one fails there, a failure would prove nothing, and the command
 *  fails. */

import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { planted } from '../planted/broker-defects.ts'
import { runProcess } from '../processes.ts'
import { type LenientReport } from './lenient-report.ts'

const script = join(import.meta.dirname, 'lenient-run.ts')
const runWithinMs = 120_000

export type LenientResult = {
  /** Rows that fail on the broker as it is; must be none. */
  readonly failing: readonly string[]
  readonly planted: number
  readonly caught: number
  /** The defects that no row noticed. */
  readonly missed: readonly string[]
  /** Which row noticed which defect first, and what it said. */
  readonly by: Readonly<Record<string, { readonly row: string; readonly message: string }>>
}

export async function askTheContract(ids: readonly string[] = planted.map(({ id }) => id)): Promise<LenientResult> {
  const control = await runRows()
  const by: Record<string, { row: string; message: string }> = {}
  const left = control.failed.length === 0 ? [...ids] : []
  const work = async (): Promise<void> => {
    for (let id = left.shift(); id !== undefined; id = left.shift()) {
      const [first] = (await runRows(id)).failed
      if (first !== undefined) by[id] = { row: first.id, message: first.message.split('\n')[0] ?? '' }
    }
  }
  await Promise.all(Array.from({ length: availableParallelism() }, work))
  return {
    failing: control.failed.map(({ id, message }) => `${id}: ${message}`),
    planted: ids.length,
    caught: Object.keys(by).length,
    missed: ids.filter((id) => by[id] === undefined),
    by,
  }
}

async function runRows(id?: string): Promise<LenientReport> {
  const name = id === undefined ? 'the contract' : `the contract with ${id}`
  const args = id === undefined ? [script] : [script, id]
  const { code, output } = await runProcess({ name, args, timeoutMs: runWithinMs })
  if (code !== 0) throw new Error(`${name} ended with ${code}:\n${output.slice(-20).join('\n')}`)
  return JSON.parse(output.at(-1) ?? '') as LenientReport
}

if (import.meta.main) {
  const ids = process.argv.slice(2).filter((argument) => argument !== '--json')
  const result = await askTheContract(ids.length > 0 ? ids : undefined)
  const { failing, by, missed } = result
  for (const row of failing) console.log(`fails without a defect: ${row}`)
  for (const [id, { row, message }] of Object.entries(by)) console.log(`${id}: ${row}: ${message}`)
  for (const id of missed) console.log(`missed: ${id}`)
  console.log(JSON.stringify({ planted: result.planted, caught: result.caught, missed }))
  process.exitCode = failing.length === 0 && missed.length === 0 ? 0 : 1
}
