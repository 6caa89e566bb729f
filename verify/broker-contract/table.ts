/** The contract as a page: `node verify/broker-contract/table.ts --write` writes `packages/broker/CONTRACT.md` from the
 *  rows. The rows decide; the page is for people, and a test keeps it current. */

import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type ApiName, schemas } from '../../packages/broker/src/protocol/apis.ts'
import { type Row } from './row.ts'
import { rows } from './rows/index.ts'

export const contractPage: string = join(import.meta.dirname, '..', '..', 'packages', 'broker', 'CONTRACT.md')

const columns = ['id', 'when', 'expected', 'rule', 'on'] as const

/** The page, by API and within it as the rows stand. */
export function renderContract(all: readonly Row[]): string {
  const apis = [...new Set(all.map(({ api }) => api))].toSorted((left, right) => keyOf(left) - keyOf(right))
  return [
    '# The contract of this broker',
    '',
    `What this broker does as Apache Kafka 4.3 does it: ${all.length} behaviours of ${apis.length} APIs. Each runs as a`,
    'test, unchanged, on this broker and on a real Kafka, with one node and with three. Written by',
    '`node verify/broker-contract/table.ts --write` from the rows in `verify/broker-contract/rows/`; do not edit.',
    '',
    '`on` is where a row runs: everywhere unless it says otherwise.',
    ...apis.flatMap((api) => ['', `## ${api} (${keyOf(api)})`, '', ...tableOf(all.filter((row) => row.api === api))]),
    '',
  ].join('\n')
}

function keyOf(api: ApiName): number {
  return schemas[api].key
}

function tableOf(rowsOfApi: readonly Row[]): readonly string[] {
  const cells = [columns, ...rowsOfApi.map(cellsOf)]
  const widths = columns.map((_, index) => Math.max(3, ...cells.map((line) => line[index]?.length ?? 0)))
  const lines = cells.map((line) => `| ${line.map((cell, index) => cell.padEnd(widths[index] ?? 0)).join(' | ')} |`)
  const rule = `| ${widths.map((width) => '-'.repeat(width)).join(' | ')} |`
  return [lines[0] ?? '', rule, ...lines.slice(1)]
}

function cellsOf({ id, when, expect, rule, nodes, only }: Row): readonly string[] {
  const limits = [
    ...(nodes === undefined ? [] : [`${nodes} nodes`]),
    ...(only === undefined ? [] : ['embedded only: ' + only.reason]),
  ]
  return [`\`${id}\``, when, expect, rule, limits.join('; ')].map((cell) => cell.replaceAll('|', '\\|'))
}

if (import.meta.main) {
  if (process.argv[2] === '--write') await writeFile(contractPage, renderContract(rows))
  else process.stdout.write(renderContract(rows))
}
