/** The stories in `docs/testing-your-handlers.md` are what `expectDelivery` says. Times, seeds and tries are left
 *  out: they are other ones whenever the engine draws anew. */

import { DeliveryError, expectDelivery } from 'holdfast/testing'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { Order } from '../../examples/testing-your-handlers/database.ts'
import { everyOrderCounts } from '../../examples/testing-your-handlers/every-order-counts.ts'
import { totalsApp } from '../../examples/testing-your-handlers/totals-app.ts'
import type { totalsApp as totalsInMemory } from '../../examples/testing-your-handlers/totals-in-memory.ts'

const page = await readFile(join(import.meta.dirname, '../../docs/testing-your-handlers.md'), 'utf8')
const shown = [...page.matchAll(/^```\n(DeliveryError: [^]*?)\n```$/gm)].map(([, story = '']) => story)

function masked(text: string): string {
  return text.replaceAll(/\d+\.\d{3}|(?<=seed:? )\d+|(?<=after )\d+(?= tries)/g, '#')
}

async function messageOf(delivery: Promise<unknown>): Promise<string> {
  const error: unknown = await delivery.catch((reason: unknown) => reason)
  return error instanceof DeliveryError ? masked(`${error.name}: ${error.message}`) : String(error)
}

test('the story of the totals that only add', async () => {
  const delivery = expectDelivery(
    ({ kafka, downstream, faulty }) =>
      totalsApp(
        kafka,
        faulty((order: Order) => downstream.add(order), 'add'),
      ),
    everyOrderCounts,
  )

  expect(shown.map(masked)).toContain(await messageOf(delivery))
})

test('the story of the totals in memory', async () => {
  const delivery = expectDelivery(async ({ kafka, downstream, life }) => {
    const path = `../../examples/testing-your-handlers/totals-in-memory.ts?${life}`
    const fresh: { readonly totalsApp: typeof totalsInMemory } = await import(/* @vite-ignore */ path)
    return fresh.totalsApp(kafka, (customer, total) => downstream.save(customer, total))
  }, everyOrderCounts)

  expect(shown.map(masked)).toContain(await messageOf(delivery))
})
