/** Who may die: the rows whose damage code nobody documented, each once, and nobody else. */
import { addressOf, type Evidence, type Violation } from './evidence.ts'
import { type HandOffs } from './hand-offs.ts'
import { type History } from './history.ts'

export type DeathReason = { readonly reason: string; readonly count: number }

export function wrongDeaths({ rows, records }: Evidence, history: History, { byAddress }: HandOffs): Violation[] {
  const byId = new Map(rows.map((row) => [row.id, row]))
  return records.flatMap((record): Violation[] => {
    const row = record.id === null ? undefined : byId.get(record.id)
    if (row === undefined) return []
    const address = addressOf(record)
    const deaths = (byAddress.get(address) ?? []).filter(({ kind }) => kind === 'dead')
    const [first, second] = deaths
    if (second !== undefined) return [`row ${row.id} died ${deaths.length} times`]
    if (row.isDocumented) return first === undefined ? [] : [`row ${row.id} should not have died: ${first.error}`]
    if (history.successes.has(address)) return [`row ${row.id} was handled although its damage code is not documented`]
    if (history.filtered.has(address)) return [`row ${row.id} was filtered although it should have died`]
    return []
  })
}

/** What the dead letters say about themselves, the most frequent reason first. */
export function deathReasons({ all }: HandOffs): DeathReason[] {
  const dead = Map.groupBy(
    all.filter(({ kind }) => kind === 'dead'),
    ({ error }) => error,
  )
  return [...dead]
    .map(([reason, letters]) => ({ reason, count: letters.length }))
    .toSorted((a, b) => b.count - a.count || (a.reason < b.reason ? -1 : 1))
}
