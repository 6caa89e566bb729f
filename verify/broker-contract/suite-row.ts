/** Runs one row on a cluster of its own and takes away what it needed. Apart from `suite.ts`, because it needs no tests. */

import { type OwnedGround } from './ground.ts'
import { type Row } from './row.ts'

/** Rejects when the behaviour differs. */
export async function expectRow(row: Row, open: (row: Row) => Promise<OwnedGround>): Promise<void> {
  const { ground, release } = await open(row)
  let hasFailed = true
  try {
    await row.run(ground)
    hasFailed = false
  } finally {
    // A row that failed says why; what its cluster finds at the end would only hide it.
    await (hasFailed ? release().catch(() => undefined) : release())
  }
}
