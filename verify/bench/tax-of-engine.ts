/** What the engine costs above a bare loop on our own decoder, order by order; with the rows of `tax`. */
import { type BenchOptions } from './bench.ts'
import { interleaved, measure, type Subject } from './children.ts'
import { type EngineCost, type EngineGiven } from './engine-cost.ts'
import { check, type Check } from './result.ts'
import { median, medians, pairedRatio, rounded } from './statistics.ts'

const orders = ['none', 'partition', 'key'] as const
const bytes = 100
const recordsDefault = 307_200
/** With fewer, cold code is measured and nothing else. */
const recordsMin = 60_000
const passes = 4
/** µs above the bare loop: what we aim at, and where the check fails. */
const budgets = {
  none: { atMost: 0.3, limit: 0.7 },
  partition: { atMost: 0.45, limit: 0.7 },
  key: { atMost: 0.45, limit: 1.2 },
} as const
/** The decoder and the handlers; with the engine between them; with the whole toolkit between them. */
const shownAs = { bare: 'bare loop on our decoder', engine: 'engine alone', app: 'app on memory' } as const

type Kind = EngineGiven['subject']
type EngineSubject = Subject<EngineCost> & { readonly kind: Kind; readonly order: (typeof orders)[number] | null }

export type EngineRow = {
  readonly subject: string
  readonly order: (typeof orders)[number] | null
  readonly nsPerRecord: number
  readonly cpuNsPerRecord: number
  readonly overBareUs: number
  readonly cpuRatioToBare: number
}

/** `kinds` begins with the bare loop, with which the others are compared. */
export async function engineRows(
  { rounds, records }: Pick<BenchOptions, 'rounds' | 'records'>,
  kinds: readonly Kind[] = ['bare', 'engine', 'app'],
): Promise<EngineRow[]> {
  const given = { records: Math.min(Math.max(records ?? recordsDefault, recordsMin), recordsDefault), passes, bytes }
  const subjects = kinds.flatMap((kind) =>
    (kind === 'bare' ? [null] : orders).map((order): EngineSubject => {
      const run = (): Promise<EngineCost> => measure('engine', { subject: kind, order: order ?? 'none', ...given })
      return { name: `${kind} ${order ?? 'loop'}`, kind, order, measure: run }
    }),
  )
  const found = await interleaved(subjects, rounds, 'engine')
  const bare = found[0] ?? []
  return subjects.map(({ kind, order }, index) => {
    const costs = found[index] ?? []
    const over = costs.map(({ nsPerRecord }, round) => nsPerRecord - (bare[round]?.nsPerRecord ?? NaN))
    const { nsPerRecord, cpuNsPerRecord } = medians(costs)
    return {
      subject: shownAs[kind],
      order,
      nsPerRecord: rounded(nsPerRecord, 3),
      cpuNsPerRecord: rounded(cpuNsPerRecord, 3),
      overBareUs: rounded(median(over) / 1_000, 3),
      cpuRatioToBare: rounded(pairedRatio(costs.map(cpuOf), bare.map(cpuOf)).ratio, 3),
    }
  })
}

function cpuOf({ cpuNsPerRecord }: EngineCost): number {
  return cpuNsPerRecord
}

export async function measureEngineCosts(
  options: Pick<BenchOptions, 'rounds' | 'records'>,
): Promise<{ rows: readonly EngineRow[]; checks: readonly Check[] }> {
  const rows = await engineRows(options)
  const checks = rows.flatMap(({ subject, order, overBareUs }) =>
    subject === shownAs.engine && order !== null
      ? [check(`engine over a bare loop, ${order}, µs per record`, overBareUs, budgets[order])]
      : [],
  )
  return { rows, checks }
}
