/** Defects that are planted into a copy of the sources to see whether the judge reports them. Each is a mistake that a
 *  homemade consumer makes, breaks one law, and is named after it; the judge is never told which one it looks at.
 *  `verify/copies.ts` plants them, `npm run check` fails when a `find` no longer occurs exactly once. */

export type PlantedDefect = {
  readonly id: string
  /** From the repository's root. */
  readonly file: string
  /** Occurs exactly once in the file. */
  readonly find: string
  readonly replace: string
  /** What no longer holds, in the words of `docs` and judge. */
  readonly law: string
}

export const planted: readonly PlantedDefect[] = [
  {
    id: 'commit',
    file: 'packages/holdfast/src/engine/ledger.ts',
    find: 'return this.#oldest === null ? this.#position : startAt(this.#oldest.offset)',
    replace: 'return this.#position',
    law: 'An offset is committed only when every record below it is done.',
  },
  {
    id: 'order',
    file: 'packages/holdfast/src/engine/lanes.ts',
    find: 'const ahead = this.#tails.get(entry.laneId)',
    replace: 'const ahead = undefined as Entry<R> | undefined',
    law: 'An attempt starts only when every lower offset of its lane is finished.',
  },
  {
    id: 'loss',
    file: 'packages/holdfast/src/engine/subscription-flow.ts',
    find: '    entry.error = error\n    entry.sinceMs = nowMs\n',
    replace: "    this.finish(entry, 'done', nowMs)\n    return\n",
    law: 'A record is done only when its handler has resolved.',
  },
]
