/** `node verify/fuzz/main.ts --frames 100000 --seed 1 [--sockets 2000] [--json]`: fuzzes the embedded broker. Every frame
 *  repeats with its seed. Exit code 1 if a frame ended in a way that none may end, 2 for bad input. */

import { Command, InvalidArgumentError } from 'commander'

import { type FuzzResult, fuzzCore, fuzzSockets } from './frames.ts'

type Options = {
  readonly frames: number
  readonly seed: number | undefined
  readonly sockets: number | undefined
  readonly json?: true
}

const badInput = 2
/** One in so many frames goes over a socket unless told otherwise. */
const socketShare = 50

function wholeNumber(text: string): number {
  const value = Number(text)
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(value)) throw new InvalidArgumentError('expected a whole number.')
  return value
}

const program = new Command('fuzz')
  .description('Sends mutated frames into the embedded broker.')
  .option('--frames <count>', 'frames in all', wholeNumber, 100_000)
  .option('--seed <seed>', 'where chance begins; random without it', wholeNumber)
  .option('--sockets <count>', 'how many of them go over sockets, one in fifty without it', wholeNumber)
  .option('--json', 'ends with one JSON line')
  .allowExcessArguments(false)
  .exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : badInput))

const { frames, seed = Date.now() % 2 ** 31, sockets, json } = program.parse().opts<Options>()
const overSockets = Math.min(frames, sockets ?? Math.floor(frames / socketShare))
const startedMs = performance.now()
const core = await fuzzCore({ frames: frames - overSockets, seed })
const wire = await fuzzSockets({ frames: overSockets, seed })
const seconds = Number(((performance.now() - startedMs) / 1_000).toFixed(1))
const failures = [...core.failures, ...wire.failures]
for (const { seed: from, index, frame, reason } of failures) {
  console.error(`seed ${from}, frame ${index}: ${reason}\n  ${frame}`)
}
if (json)
  console.log(
    JSON.stringify({ frames, seed, seconds, failures: failures.length, core: core.tally, sockets: wire.tally }),
  )
else
  console.log(
    `${frames} frames from seed ${seed} in ${seconds} s, ${failures.length} failures; ${shown(core)}; sockets: ${shown(wire)}`,
  )
process.exitCode = failures.length === 0 ? 0 : 1

function shown({ tally }: FuzzResult): string {
  return Object.entries(tally)
    .map(([outcome, count]) => `${count} ${outcome}`)
    .join(', ')
}
