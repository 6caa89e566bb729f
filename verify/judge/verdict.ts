/** The verdict: every figure of a run, computed from evidence alone, and whether the run kept its promises. A run without
 *  evidence is not a good run: no sample of a commit, or a history that contradicts itself, is a problem of its own. */
import { commitsBackwards, commitsPastUnfinished, uncommittedRecords } from './commits.ts'
import { type DeathReason, deathReasons, wrongDeaths } from './deaths.ts'
import { addressOf, type AirportTotals, type Evidence, type SourceRow, type Violation } from './evidence.ts'
import { type HandOffs, readHandOffs } from './hand-offs.ts'
import { type History, readHistory } from './history.ts'
import { orderViolations } from './order.ts'
import { countRetries, earlyRetries } from './retries.ts'

export type Figures = {
  /** Rows of the CSV file that had to be produced. */
  readonly rows: number
  /** Records in the topic. */
  readonly produced: number
  /** Records whose handler succeeded. */
  readonly done: number
  readonly filtered: number
  /** Attempts after the first one, except for those after a delay topic. */
  readonly retriedInPlace: number
  /** Attempts whose records came from a delay topic. */
  readonly retriedByTopic: number
  /** Records in the dead-letter topic. */
  readonly deadLettered: number
  readonly deathReasons: readonly DeathReason[]
  /** Records whose handler succeeded more than once. */
  readonly duplicates: number
  /** Rows that are not in the topic, neither done, filtered nor dead, were filtered wrongly, or have no effect in the
   *  database. */
  readonly lost: number
  readonly orderViolations: number
  readonly earlyRetries: number
  readonly commitsPastUnfinished: number
  readonly commitsBackwards: number
  /** Records that the last commit does not cover, in the source topic and in delay topics. */
  readonly uncommitted: number
  readonly totalsMatch: boolean
  readonly maxInFlight: number
  /** From the start of the first attempt to the end of the last one. */
  readonly elapsedMs: number
  /** How often the committed offsets were looked at. */
  readonly samples: number
  /** Successes by process id. */
  readonly doneByProcess: Readonly<Record<string, number>>
}

export type Verdict = Figures & {
  readonly agrees: boolean
  /** What is wrong, one sentence each, the first few of each kind. */
  readonly problems: readonly string[]
}

/** Enough to find the cause; a broken run has thousands. */
const examplesMax = 3

export function judge(evidence: Evidence): Verdict {
  const history = readHistory(evidence.attemptRows)
  const handOffs = readHandOffs(evidence)
  const found = {
    contradictions: [...history.contradictions, ...handOffs.contradictions, ...strangers(evidence, history)],
    surplus: surplusRecords(evidence),
    duplicates: duplicates(history),
    lost: lostRows(evidence, history, handOffs),
    deaths: wrongDeaths(evidence, history, handOffs),
    orderViolations: orderViolations(evidence, history, handOffs),
    earlyRetries: earlyRetries(evidence, history, handOffs),
    commitsPastUnfinished: commitsPastUnfinished(evidence, history, handOffs),
    commitsBackwards: commitsBackwards(evidence, history, handOffs),
    totals: wrongTotals(evidence),
  }
  const retries = countRetries(history, handOffs)
  const uncommitted = uncommittedRecords(evidence, history, handOffs)
  const problems = [
    ...Object.values(found).flatMap(firstFew),
    ...(uncommitted > 0 ? [`${uncommitted} records are not covered by the last commit`] : []),
    ...(evidence.samples.some(({ committed }) => Object.keys(committed).length > 0)
      ? []
      : ['no commit was ever seen, so nothing can be said about commits']),
  ]
  return {
    rows: evidence.rows.length,
    produced: evidence.records.length,
    done: history.successes.size,
    filtered: history.filtered.size,
    retriedInPlace: retries.inPlace,
    retriedByTopic: retries.byTopic,
    deadLettered: evidence.handedOff.filter(({ kind }) => kind === 'dead').length,
    deathReasons: deathReasons(handOffs),
    duplicates: found.duplicates.length,
    lost: found.lost.length,
    orderViolations: found.orderViolations.length,
    earlyRetries: found.earlyRetries.length,
    commitsPastUnfinished: found.commitsPastUnfinished.length,
    commitsBackwards: found.commitsBackwards.length,
    uncommitted,
    totalsMatch: found.totals.length === 0,
    maxInFlight: history.maxInFlight,
    elapsedMs: elapsedMs(history),
    samples: evidence.samples.length,
    doneByProcess: doneByProcess(history),
    agrees: problems.length === 0,
    problems,
  }
}

function lostRows({ rows, records, totals }: Evidence, history: History, handOffs: HandOffs): Violation[] {
  const dead = new Set(handOffs.all.filter(({ kind }) => kind === 'dead').map(({ address }) => address))
  const addresses = new Map<number, string[]>()
  for (const record of records) {
    if (record.id !== null) addresses.set(record.id, [...(addresses.get(record.id) ?? []), addressOf(record)])
  }
  return rows.flatMap((row) => {
    const reason = whyLost(row, addresses.get(row.id) ?? [], totals.appliedIds, { history, dead })
    return reason === undefined ? [] : [`row ${row.id} is lost: ${reason}`]
  })
}

function whyLost(
  row: SourceRow,
  addresses: readonly string[],
  appliedIds: ReadonlySet<number>,
  { history, dead }: { readonly history: History; readonly dead: ReadonlySet<string> },
): string | undefined {
  if (addresses.length === 0) return 'it is not in the topic'
  const isDone = addresses.some((address) => history.successes.has(address))
  if (isDone) return appliedIds.has(row.id) ? undefined : 'its handler succeeded but the database does not have it'
  if (addresses.some((address) => dead.has(address))) return undefined
  const isFiltered = addresses.some((address) => history.filtered.has(address))
  if (!isFiltered) return `it is in the topic at ${addresses.join(', ')} but no handler succeeded`
  return row.isDocumented ? 'it was filtered although its damage code is documented' : undefined
}

/** Records in the topic that no row of the CSV file explains. */
function surplusRecords({ rows, records }: Evidence): Violation[] {
  const missing = new Set(rows.map(({ id }) => id))
  return records.flatMap((record) => {
    if (record.id !== null && missing.delete(record.id)) return []
    return [`the topic has a record at ${addressOf(record)} (row ${record.id}) that was not asked for`]
  })
}

/** Attempts of records that are not in the topic, or that handlers were told to be in another one. */
function strangers({ topic, records }: Evidence, history: History): Violation[] {
  const known = new Set(records.map(addressOf))
  const unknown = [...new Set(history.rows.map(addressOf))].filter((address) => !known.has(address))
  const elsewhere = new Set(history.rows.filter((row) => row.topic !== topic).map((row) => row.topic))
  return [
    ...unknown.map((address) => `${address} was attempted but is not in the topic`),
    ...[...elsewhere].map((name) => `handlers were told of records in ${name} instead of ${topic}`),
  ]
}

function duplicates({ successes }: History): Violation[] {
  return [...successes].flatMap(([address, times]) =>
    times > 1 ? [`${address} was handled successfully ${times} times`] : [],
  )
}

function wrongTotals({ rows, totals }: Evidence): Violation[] {
  const expected = new Map<string, AirportTotals>()
  for (const { airport, isDocumented, isDamaging, costDollars } of rows) {
    if (!isDocumented) continue
    const before = expected.get(airport) ?? { strikes: 0, damaging: 0, costDollars: 0 }
    expected.set(airport, {
      strikes: before.strikes + 1,
      damaging: before.damaging + (isDamaging ? 1 : 0),
      costDollars: before.costDollars + costDollars,
    })
  }
  const airports = new Set([...expected.keys(), ...totals.byAirport.keys()])
  return [...airports].flatMap((airport) => {
    const want = describe(expected.get(airport))
    const got = describe(totals.byAirport.get(airport))
    return want === got ? [] : [`the totals of ${airport} should be ${want} and are ${got}`]
  })
}

function describe(totals: AirportTotals | undefined): string {
  if (totals === undefined) return 'absent'
  return `${totals.strikes} strikes, ${totals.damaging} with damage, $${totals.costDollars}`
}

function doneByProcess({ attempts }: History): Record<string, number> {
  const done = attempts.filter(({ outcome }) => outcome === 'done')
  return Object.fromEntries(
    [...Map.groupBy(done, ({ process }) => String(process))].map(([process, all]) => [process, all.length]),
  )
}

function elapsedMs({ attempts }: History): number {
  const endedMs = attempts.reduce((latest, { startedMs, endedMs: ended }) => Math.max(latest, ended ?? startedMs), 0)
  const [first] = attempts
  return first === undefined ? 0 : Math.round(endedMs - first.startedMs)
}

function firstFew(violations: readonly Violation[]): string[] {
  const rest = violations.length - examplesMax
  const shown = violations.slice(0, examplesMax)
  return rest > 0 ? [...shown, `… and ${rest} more like this`] : shown
}
