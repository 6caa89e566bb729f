/** Stories that break the laws of producers: by law, each with what makes it unlawful. */

import { source, story, type Told } from './story.fixture.ts'
import { type TraceEvent } from './trace.ts'

type Story = readonly [what: string, events: readonly TraceEvent[]]

const body = 'as it was sent'
const asks = (id: string): Told => ({ kind: 'sendAsked', machine: 'p', id, key: 'k', body })
const sent = (id: string, offset: number): Told => ({ kind: 'sendStored', machine: 'p', id, ...source(offset) })
const fails = (id: string, isAmbiguous: boolean): Told => ({ kind: 'sendFailed', machine: 'p', id, isAmbiguous })
const holds = (id: string, offset: number, more: { readonly body?: string } = {}): Told => ({
  kind: 'appended',
  ...source(offset),
  key: 'k',
  fate: 'fine',
  body,
  id,
  ...more,
})

export const sendStories: Readonly<Record<string, readonly Story[]>> = {
  'sends-are-stored-once': [
    ['an acknowledged record that is not there', story(asks('1'), sent('1', 0))],
    ['an acknowledged record that is there twice', story(asks('1'), holds('1', 0), holds('1', 1), sent('1', 0))],
    ['an offset that is another one', story(asks('1'), holds('1', 0), sent('1', 1))],
    ['a record that failed and is there', story(asks('1'), holds('1', 0), fails('1', false))],
    ['an ambiguous record that is there twice', story(asks('1'), holds('1', 0), fails('1', true), holds('1', 1))],
  ],
  'sends-are-whole': [['another body', story(asks('1'), holds('1', 0, { body: 'torn' }), sent('1', 0))]],
  'sends-keep-their-order': [
    ['two that changed places', story(asks('1'), asks('2'), holds('2', 0), holds('1', 1), sent('2', 0), sent('1', 1))],
  ],
}
