import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { foreignHeaderNames } from './foreign-headers.ts'
import { headerNames, kafkaHeaderNames } from './handed-off.ts'

const page = readFileSync(join(import.meta.dirname, '../../../../docs/reference/wire-names.md'), 'utf8')

function sectionOf(title: string): string {
  return page.split(/^## /m).find((section) => section.startsWith(`${title}\n`)) ?? ''
}

test('the page of wire names has a row for every header of ours, in the order of writing, and for no other', () => {
  const rows = [...sectionOf('Headers').matchAll(/^\| `([^`]+)`/gm)].map(([, name]) => name)

  expect(rows).toEqual([...Object.values(headerNames), ...Object.values(kafkaHeaderNames)])
})

test('the page of wire names tells every header of others that is understood, and no other', () => {
  const rows = [...sectionOf('Headers of others').matchAll(/^\| [^`|]+ \| ([^|]+) \|/gm)]
  const names = rows.flatMap(([, cell = '']) => [...cell.matchAll(/`([^`]+)`/g)].map(([, name]) => name))

  expect(new Set(names)).toEqual(new Set(foreignHeaderNames))
})
