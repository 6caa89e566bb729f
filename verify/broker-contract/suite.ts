/** Turns rows into tests, many at once. What a row needs is made for it and taken away after it. */

import { test } from 'vitest'
import { type OwnedGround } from './ground.ts'
import { type Ground, type Row } from './row.ts'
import { expectRow } from './suite-row.ts'

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
