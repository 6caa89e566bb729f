/** Runs rows of the contract, in this process, against the broker with one defect in it:
 *  `node verify/broker-contract/lenient-run.ts ID`, started by `lenient.ts`. Without an id the broker is as it is.
 *
 *  The defect is planted while the module is read, so nothing is copied and nothing on the disk changes. The last line is
 *  the report. */

import { registerHooks } from 'node:module'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
// `import type` throughout: one that is left in the code would load the broker before the defect is planted.
import { planted } from '../planted/broker-defects.ts'
import type { BrokerDefect } from '../planted/broker-defects.ts'
import type { LenientReport } from './lenient-report.ts'
import type { Row } from './row.ts'

const repository = join(import.meta.dirname, '..', '..')
const atOnce = 16
/** A row that a defect makes hang has found it; no row takes that long on a broker that is right. */
const rowWithinMs = 20_000

const id = process.argv[2]
const defect = planted.find((each) => each.id === id)
if (id !== undefined && defect === undefined) throw new Error(`no defect is called ${id}`)
const hasPlanted = defect === undefined ? () => true : plantWhileLoading(defect)

const { embeddedGround } = await import('./ground.ts')
const { rows: allRows } = await import('./rows/index.ts')
const { expectRow } = await import('./suite-row.ts')
if (!hasPlanted()) throw new Error(`${defect?.file} is not part of the broker: nothing was planted`)

// Clients ask again and wait: what they find late, or never, single requests find at once.
const rows = allRows.filter((row) => !/^(kafkajs|platformatic)\//.test(row.id))
const named = rows.filter(({ api }) => defect?.apis.includes(api) ?? true)
const others = defect === undefined ? [] : rows.filter((row) => !named.includes(row))
const failed = await firstFailures(named)
const report: LenientReport = failed.length > 0 ? { failed } : { failed: await firstFailures(others) }
console.log(JSON.stringify(report))
// A broker that is wrong may leave timers and sockets behind.
process.exit(0)

/** Runs rows side by side until one has failed; without a defect, all of them. */
async function firstFailures(given: readonly Row[]): Promise<LenientReport['failed']> {
  const failures: { id: string; message: string }[] = []
  const left = [...given]
  const work = async (): Promise<void> => {
    for (let row = left.shift(); row !== undefined; row = left.shift()) {
      if (defect !== undefined && failures.length > 0) return
      const message = await failureOf(row)
      if (message !== undefined) failures.push({ id: row.id, message })
    }
  }
  await Promise.all(Array.from({ length: atOnce }, work))
  return failures
}

function failureOf(row: Row): Promise<string | undefined> {
  return new Promise((resolve) => {
    const late = setTimeout(() => resolve(`not done within ${rowWithinMs} ms`), rowWithinMs)
    expectRow(row, () => embeddedGround(row.nodes ?? 1))
      .then(() => resolve(undefined))
      .catch((error: unknown) => resolve(error instanceof Error ? error.message : String(error)))
      .finally(() => clearTimeout(late))
  })
}

/** Returns how to ask whether the module was read. */
function plantWhileLoading({ file, find, replace }: BrokerDefect): () => boolean {
  const target = pathToFileURL(join(repository, file)).href
  let isPlanted = false
  registerHooks({
    load: (url, context, nextLoad) => {
      const loaded = nextLoad(url, context)
      if (url !== target) return loaded
      const parts = String(loaded.source).split(find)
      if (parts.length !== 2) throw new Error(`its find occurs ${parts.length - 1} times in ${file}`)
      isPlanted = true
      return { ...loaded, source: parts.join(replace) }
    },
  })
  return () => isPlanted
}
