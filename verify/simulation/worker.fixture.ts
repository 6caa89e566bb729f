/** A worker whose histories end badly: what its seed says. */

import { writeSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { type Trial } from './account.ts'
import { fromText, readyWord, toText } from './plain-text.ts'

export const seeds = { endsTheProcess: 2, neverEnds: 3 }

if (import.meta.main) {
  writeSync(1, `${readyWord}\n`)
  for await (const line of createInterface({ input: process.stdin })) {
    const { seed } = fromText(line) as Trial
    if (seed === seeds.endsTheProcess) {
      console.error('out of luck')
      process.exit(7)
    }
    while (seed === seeds.neverEnds);
    writeSync(1, `${toText({ seed, violations: [] })}\n`)
  }
}
