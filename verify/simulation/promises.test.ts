/** Every promise, rule and invariant has somebody who watches it, and the page that says so (`README.md`) is true. */

import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { laws } from './laws.ts'

const root = join(import.meta.dirname, '../..')

/** How many there are of each kind. */
const kinds = { G: 9, R: 33, I: 20 }
const promises = Object.entries(kinds).flatMap(([kind, count]) =>
  Array.from({ length: count }, (_, index) => `${kind}${index + 1}`),
)

type Row = { readonly promise: string; readonly laws: readonly string[]; readonly besides: string }

function rows(): Row[] {
  const page = readFileSync(join(import.meta.dirname, 'README.md'), 'utf8')
  return page.split('\n').flatMap((line) => {
    const [promise = '', , named = '', besides = ''] = line
      .split('|')
      .slice(1)
      .map((cell) => cell.trim())
    return /^[GRI]\d+$/.test(promise) ? [{ promise, laws: quotedIn(named), besides }] : []
  })
}

function quotedIn(text: string): string[] {
  return [...text.matchAll(/`([^`]+)`/g)].map(([, quoted]) => quoted ?? '')
}

test('every promise has one row', () => {
  expect(rows().map(({ promise }) => promise)).toEqual(promises)
})

test('every promise is watched by a law, or the row says by whom or why not', () => {
  const unwatched = rows().filter((row) => row.laws.length === 0 && row.besides === '')
  expect(unwatched).toEqual([])
})

test('every law that a row names exists, and every law watches a promise', () => {
  const named = new Set(rows().flatMap((row) => row.laws))
  expect([...named].toSorted()).toEqual(laws.map(({ name }) => name).toSorted())
})

test('every file that a row names exists', () => {
  const files = rows().flatMap(({ besides }) => quotedIn(besides).filter((quoted) => quoted.includes('/')))
  expect(files.filter((file) => !existsSync(join(root, file)))).toEqual([])
})

test('every law names a promise that there is', () => {
  const unfounded = laws.filter(({ rule }) => !promises.some((promise) => new RegExp(`\\b${promise}\\b`).test(rule)))
  expect(unfounded.map(({ name }) => name)).toEqual([])
})
