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
    find: 'const ahead = this.#tails.replace(entry)',
    replace: 'const ahead = null as Entry<R> | null\n    this.#tails.replace(entry)',
    law: 'An attempt starts only when every lower offset of its lane is finished.',
  },
  {
    id: 'loss',
    file: 'packages/holdfast/src/engine/subscription-flow.ts',
    find: '    entry.error = error\n    entry.sinceMs = Math.floor(nowMs)\n',
    replace: "    this.finish(entry, 'done', nowMs)\n    return\n",
    law: 'A record is done only when its handler has resolved.',
  },
  {
    // Every second write is refused, as a broker may do at any moment, and nobody waits for the answer.
    id: 'retry',
    file: 'packages/holdfast/src/runtime/member-loop.ts',
    find: '      await this.#handOffs.write({ record, at: placeOf(entry.owner), group, attempts, error, destination, isWanted })\n',
    replace: `      const handOff = { record, at: placeOf(entry.owner), group, attempts, error, destination, isWanted }
      const refused = Promise.reject(new Error('not enough replicas'))
      const written = record.offset % 2 === 0 ? this.#handOffs.write(handOff) : refused
      Promise.allSettled([written, refused])
`,
    law: 'A record that is handed off is done only when every in-sync replica has it.',
  },
  {
    id: 'early',
    file: 'packages/holdfast/src/runtime/broker-time.ts',
    find: '  return Math.max(dueAtMs ?? 0, delayMs === null ? 0 : appendedAtMs + delayMs)',
    replace: '  return Math.min(dueAtMs ?? 0, appendedAtMs + (delayMs ?? 0) / 2)',
    law: 'A retry never starts before its due time.',
  },
]
