/** A process that plays trials: each line of its standard input is one, and each is answered with one line, its account. Ends
 *  with its input. What becomes of a process that does not answer is for `workers.ts` to decide. */

import { createInterface } from 'node:readline'
import { play, type Trial } from './account.ts'
import { fromText, readyWord, toText } from './plain-text.ts'

process.stdout.write(`${readyWord}\n`)
for await (const line of createInterface({ input: process.stdin })) {
  const { account } = await play(fromText(line) as Trial)
  process.stdout.write(`${toText(account)}\n`)
}
