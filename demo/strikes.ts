/** The data of the demo: 10,000 reports of aircraft that hit wildlife (FAA, 1990–2002), one row each, and the topic that
 *  carries them. A report is keyed by its airport, so that the running totals of an airport see its strikes in order.
 *
 *  The schema says what the documentation of the file says. Fifteen rows have a damage code that it does not know: they are
 *  sent as they are, because a producer that checks nothing is what a consumer has to live with, and die in the consumer. */
import { parse } from 'csv-parse/sync'
import { readFile } from 'node:fs/promises'
import { findPackageJSON } from 'node:module'
import { dirname, join } from 'node:path'
import { json, topic, type Topic } from 'holdfast'
import { z } from 'zod'

export const strikeSchema = z.object({
  /** The number of the row, from 1: the record id by which an effect is applied once. */
  id: z.int().positive(),
  airport: z.string().min(1),
  aircraft: z.string(),
  damage: z.enum(['None', 'Minor', 'Medium', 'Substantial']),
  date: z.iso.date(),
  operator: z.string(),
  state: z.string(),
  phase: z.string(),
  wildlifeSize: z.enum(['Small', 'Medium', 'Large']),
  species: z.string(),
  timeOfDay: z.string(),
  costOtherDollars: z.int().nonnegative(),
  costRepairDollars: z.int().nonnegative(),
  costTotalDollars: z.int().nonnegative(),
  /** Reported for seven strikes of ten. */
  speedKnots: z.int().nonnegative().optional(),
})
export type Strike = z.infer<typeof strikeSchema>

/** A strike as it was reported, whatever its damage code. */
const reportSchema = strikeSchema.extend({ damage: z.string() })
export type StrikeReport = z.infer<typeof reportSchema>

export const partitionCount = 6

/** What the consumer expects. On a real Kafka each run has a topic of its own, so the name is an argument. */
export function strikesTopic(name: string): Topic<Strike> {
  return topic(name, { value: json(strikeSchema), key: (strike) => strike.airport })
}

/** The same topic for a producer that sends what it has. */
export function reportsTopic(name: string): Topic<StrikeReport> {
  return topic(name, { value: json<StrikeReport>(), key: (report) => report.airport })
}

/** Whether the documentation of the file knows the damage code. Fourteen rows have `C` and one has `B`. */
export function hasDocumentedDamage({ damage }: StrikeReport): boolean {
  return strikeSchema.shape.damage.safeParse(damage).success
}

/** All rows of `birdstrikes.csv`, in the order of the file. */
export async function readReports(): Promise<StrikeReport[]> {
  const manifest = findPackageJSON('vega-datasets', import.meta.url)
  if (manifest === undefined) throw new Error('the package vega-datasets is not installed; run npm ci')
  const text = await readFile(join(dirname(manifest), 'data', 'birdstrikes.csv'))
  const rows: Record<string, string>[] = parse(text, { columns: true, bom: true })
  return rows.map((row, index) => reportSchema.parse(reportOf(row, index + 1)))
}

/** The schema says whether it is one: a missing column is undefined, an empty figure is not a number. */
function reportOf(row: Readonly<Record<string, string>>, id: number): Record<string, unknown> {
  const speed = row['Speed IAS in knots']
  return {
    id,
    airport: row['Airport Name'],
    aircraft: row['Aircraft Make Model'],
    damage: row['Effect Amount of damage'],
    date: row['Flight Date'],
    operator: row['Aircraft Airline Operator'],
    state: row['Origin State'],
    phase: row['Phase of flight'],
    wildlifeSize: row['Wildlife Size'],
    species: row['Wildlife Species'],
    timeOfDay: row['Time of day'],
    costOtherDollars: amountOf(row['Cost Other']),
    costRepairDollars: amountOf(row['Cost Repair']),
    costTotalDollars: amountOf(row['Cost Total $']),
    ...(speed === '' ? {} : { speedKnots: amountOf(speed) }),
  }
}

function amountOf(text: string | undefined): number {
  return text === undefined || text === '' ? Number.NaN : Number(text)
}
