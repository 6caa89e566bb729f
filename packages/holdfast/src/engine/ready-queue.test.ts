import { expect, test } from 'vitest'
import { ReadyQueue } from './ready-queue.ts'

/** More than the queue has slots for before it grows for the first time. */
const many = 200

test('a queue that grows with its head in the middle keeps the order', () => {
  for (const head of [1, 31, 63]) {
    const queue = new ReadyQueue<number>()
    for (let value = 0; value < head; value++) queue.push(-1)
    for (let value = 0; value < head; value++) queue.shift()
    for (let value = 0; value < many; value++) queue.push(value)
    expect(queue.size).toBe(many)
    const out = Array.from({ length: many }, () => queue.shift())
    expect(out).toEqual(Array.from({ length: many }, (_, value) => value))
    expect(queue.shift()).toBe(undefined)
  }
})

test('a queue that has grown grows again', () => {
  const queue = new ReadyQueue<number>()
  const out: (number | undefined)[] = []
  for (let value = 0; value < 3 * many; value++) {
    queue.push(value)
    if (value % 3 === 0) out.push(queue.shift())
  }
  while (queue.size > 0) out.push(queue.shift())
  expect(out).toEqual(Array.from({ length: 3 * many }, (_, value) => value))
})
