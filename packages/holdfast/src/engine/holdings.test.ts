/** What a member claims as its own, while parts of it come and go. */
import { expect, test } from 'vitest'
import { Holdings } from './holdings.ts'
import { partitionsOf } from './rejoin.fixture.ts'

test('an assignment keeps, adds and takes away', () => {
  const holdings = new Holdings()
  holdings.replace(partitionsOf(0, 1))
  expect(holdings.replace(partitionsOf(1, 2))).toEqual({
    retained: partitionsOf(1),
    added: partitionsOf(2),
    revoked: partitionsOf(0),
  })
})

test('what is on its way back is claimed until it has arrived', () => {
  const holdings = new Holdings()
  holdings.replace(partitionsOf(0, 1))
  holdings.replace(partitionsOf(1))
  expect(holdings.all).toEqual(partitionsOf(1, 0))
  holdings.revokedAreGone()
  expect(holdings.all).toEqual(partitionsOf(1))
})

test('what is still on its way back when the next assignment comes goes on its way', () => {
  const holdings = new Holdings()
  holdings.replace(partitionsOf(0, 1))
  holdings.replace(partitionsOf(1))
  expect(holdings.replace(partitionsOf(1, 2)).revoked).toEqual(partitionsOf(0))
})

test('who lost everything claims nothing, nor what was on its way back', () => {
  const holdings = new Holdings()
  holdings.replace(partitionsOf(0, 1))
  holdings.replace(partitionsOf(1))
  holdings.clear()
  expect(holdings.all).toEqual([])
})
