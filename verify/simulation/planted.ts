/** Measures the simulation itself: which of the planted defects do its laws notice, and after how many histories? */

import { copySources, plant } from '../copies.ts'
import { type SimulatedDefect } from './defect.ts'
import { planted as commits } from '../planted/simulation/commits.ts'
import { planted as lanes } from '../planted/simulation/lanes.ts'
import { planted as ownership } from '../planted/simulation/ownership.ts'
import { planted as retries } from '../planted/simulation/retries.ts'
import { planted as streams } from '../planted/simulation/streams.ts'
import { type Hunt, huntIn, type HuntOptions } from './hunt.ts'

export const plantedDefects: readonly SimulatedDefect[] = [...commits, ...lanes, ...ownership, ...retries, ...streams]

export type PlantedFigures = {
  readonly planted: number
  readonly caught: number
  /** Of those that were caught; null when none was. */
  readonly medianSeeds: number | null
  /** Their ids. */
  readonly missed: readonly string[]
}

/** As many as the cores of the smallest machine that this is for. */
const copiesMax = 2

/** Each of the defects, or those of `only`. Progress goes to stderr. Throws for an id that is not there. */
export async function huntPlanted(
  options: HuntOptions & { readonly only?: readonly string[] | undefined },
): Promise<PlantedFigures> {
  const wanted = options.only ?? plantedDefects.map(({ id }) => id)
  const waiting = wanted.map(defectOf)
  const hunts = new Map<string, Hunt>()
  const soundness = new Map<number, boolean>()
  const work = async (): Promise<void> => {
    const copy = await copySources()
    try {
      for (let defect = waiting.shift(); defect !== undefined; defect = waiting.shift()) {
        const hunt = await huntOne(copy.folder, defect, { ...options, soundness })
        hunts.set(defect.id, hunt)
        console.error(`${hunts.size}/${wanted.length} ${sentenceOf(defect.id, hunt)}`)
      }
    } finally {
      await copy.remove()
    }
  }
  await Promise.all(Array.from({ length: Math.min(copiesMax, wanted.length) }, work))
  const seeds = [...hunts.values()].flatMap(({ caught, seeds: count }) => (caught ? [count] : []))
  return {
    planted: wanted.length,
    caught: seeds.length,
    medianSeeds: medianOf(seeds),
    missed: wanted.filter((id) => hunts.get(id)?.caught !== true),
  }
}

/** `soundness`: by seed, whether the sources as they are keep every law there. */
type SoundOptions = HuntOptions & { readonly soundness: Map<number, boolean> }

/** A law that is broken without the defect too says nothing about it: the hunt goes on behind that seed. */
async function huntOne(folder: string, defect: SimulatedDefect, options: SoundOptions): Promise<Hunt> {
  const { runs, seed } = options
  for (let from = seed; ;) {
    const hunt = await huntWith(folder, defect, { seed: from, runs: seed + runs - from })
    const seeds = hunt.seed === null ? runs : hunt.seed - seed + 1
    if (hunt.seed === null || (await isSound(folder, hunt.seed, options))) return { ...hunt, seeds }
    console.error(`seed ${hunt.seed} breaks ${hunt.law} without a defect too`)
    if (seeds >= runs) return { caught: false, seed: null, law: null, seeds }
    from = hunt.seed + 1
  }
}

async function huntWith(folder: string, defect: SimulatedDefect, options: HuntOptions): Promise<Hunt> {
  const takeOut = await plant(folder, defect)
  try {
    return await huntIn(folder, options)
  } finally {
    await takeOut()
  }
}

async function isSound(folder: string, seed: number, { soundness }: SoundOptions): Promise<boolean> {
  const known = soundness.get(seed)
  if (known !== undefined) return known
  const { caught } = await huntIn(folder, { runs: 1, seed })
  soundness.set(seed, !caught)
  return !caught
}

function defectOf(id: string): SimulatedDefect {
  const defect = plantedDefects.find((each) => each.id === id)
  if (defect === undefined) throw new RangeError(`expected the id of a planted defect, got ${id}`)
  return defect
}

function sentenceOf(id: string, { caught, seed, law, seeds }: Hunt): string {
  return caught ? `${id}: ${law} at seed ${seed}, after ${seeds}` : `${id}: MISSED in ${seeds} histories`
}

function medianOf(counts: readonly number[]): number | null {
  const ordered = counts.toSorted((one, other) => one - other)
  return ordered[Math.floor((ordered.length - 1) / 2)] ?? null
}
