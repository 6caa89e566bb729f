/** Stands in for fast-check while mutants are tried: properties draw the same examples for each mutant, because none may live or
 *  die by chance, and fewer than usual, because those that survive meet all of them. A counterexample is enough as it is, so
 *  none is made smaller. */
import { createRequire } from 'node:module'

type FastCheck = typeof import('fast-check')
type Parameters = { readonly numRuns?: number }

/** `--examples` says another number. */
const examplesMax = Number(process.env['MUTATION_EXAMPLES'] ?? 10)

// By way of `require`, because whoever imports it gets this file.
const fc = createRequire(import.meta.url)('fast-check') as FastCheck

function assert(property: never, { numRuns = 100, ...parameters }: Parameters = {}): unknown {
  return fc.assert(property, { ...parameters, numRuns: Math.min(numRuns, examplesMax), seed: 1, endOnFailure: true })
}

const fewExamples = { ...fc, assert }

// As fast-check is imported.
export { fewExamples as default }
