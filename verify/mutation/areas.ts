/** Which files of the engine are mutated, by what they decide. Left out: what only declares (events, effects), what only shows
 *  (`status.ts`), and the rest of the engine (fetching, producing), which has no figure to reach. */

/** Where the files of the areas are. */
export const engineFolder = 'packages/holdfast/src/engine'

/** No area may fall below this, in per cent. */
export const scoreMin = 85

export type Area = { readonly name: string; readonly files: readonly string[] }

export const areas: readonly Area[] = [
  { name: 'ledger', files: ['ledger.ts', 'entry.ts'] },
  {
    name: 'lanes',
    files: ['lanes.ts', 'lane-tails.ts', 'ready-entries.ts', 'ready-queue.ts', 'entry-heap.ts'],
  },
  {
    name: 'retries',
    files: ['retry-steps.ts', 'backoff.ts', 'parking.ts', 'deadlines.ts', 'hand-offs.ts', 'member-hand-offs.ts'],
  },
  { name: 'partitions', files: ['partition-flow.ts', 'subscription-flow.ts'] },
  { name: 'commits', files: ['commits.ts', 'commit-rhythm.ts', 'commit-marks.ts', 'inherited-marks.ts'] },
  {
    name: 'metadata',
    files: ['commit-metadata.ts', 'completion-map.ts', 'runs-code.ts', 'golomb.ts', 'seven-bit-text.ts'],
  },
  {
    name: 'membership',
    files: [
      'member-flow.ts',
      'membership.ts',
      'lease.ts',
      'refusals.ts',
      'group-codes.ts',
      'holdings.ts',
      'ownerships.ts',
      'departure.ts',
    ],
  },
]

/** The paths that these names mean: of areas, or of files of the engine. All areas where nothing is named. Throws if there is
 *  no such file. */
export function filesNamed(names: readonly string[], exists: (path: string) => boolean): readonly string[] {
  const files =
    names.length === 0
      ? areas.flatMap((area) => area.files)
      : names.flatMap((name) => areas.find((area) => area.name === name)?.files ?? [name])
  const paths = [...new Set(files)].map((file) => (file.includes('/') ? file : `${engineFolder}/${file}`))
  for (const path of paths) if (!exists(path)) throw new RangeError(`expected an area or a file, got ${path}`)
  return paths
}
