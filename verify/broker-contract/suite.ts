/** Turns rows into tests, many at once. What a row needs is made for it and taken away after it. */

import { test } from 'vitest'
import { type OwnedGround } from './ground.ts'
import { type Ground, type Row } from './row.ts'

/** Longer than the longest wait of a row on a busy machine. */
const rowTimeoutMs = 60_000

/** The rows that a cluster of this kind and size can run. */
export function rowsFor(rows: readonly Row[], kind: Ground['kind'], nodes: 1 | 3): readonly Row[] {
  return rows.filter((row) => (row.nodes ?? 1) <= nodes && (row.only === undefined || kind === 'embedded'))
}

export function testRows(rows: readonly Row[], open: (row: Row) => Promise<OwnedGround>): void {
  for (const row of rows) {
    test.concurrent(`${row.id}: ${row.when} → ${row.expect}`, { timeout: rowTimeoutMs }, () => expectRow(row, open))
  }
}

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
