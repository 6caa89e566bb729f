/** What holds for the table of rows as a whole. */

import { readFile } from 'node:fs/promises'
import { expect, test } from 'vitest'
import { apiNames } from '../../packages/broker/src/protocol/apis.ts'
import { rows } from './rows/index.ts'
import { contractPage, renderContract } from './table.ts'

/** More than the project promises its readers. */
const rowsMin = 150

test('no two rows have the same id, and each is api/condition in kebab case', () => {
  const ids = rows.map(({ id }) => id)
  expect(ids.filter((id, index) => ids.indexOf(id) !== index)).toEqual([])
  expect(ids.filter((id) => !/^[a-z0-9-]+\/[a-z0-9-]+$/.test(id))).toEqual([])
})

test('every API that is served has rows', () => {
  const covered = new Set(rows.map(({ api }) => api))
  expect(apiNames.filter((api) => !covered.has(api))).toEqual([])
})

test('there are well over 150 rows, and few that real Kafka is not asked about', () => {
  expect(rows.length).toBeGreaterThan(rowsMin)
  expect(rows.filter(({ only }) => only !== undefined).length).toBeLessThan(rows.length / 10)
})

test('the committed page is current', async () => {
  const page = await readFile(contractPage, 'utf8')
  expect(page, 'node verify/broker-contract/table.ts --write').toBe(renderContract(rows))
})
