import { expect, expectTypeOf, test } from 'vitest'
import { Emitter } from './emitter.ts'

const left = { group: 'billing' }

test('a listener hears its event, a listener of all hears every event with its name', () => {
  const emitter = new Emitter()
  const heard: unknown[] = []
  emitter.on('group.left', (event, name) => heard.push([name, event]))
  emitter.on('*', (event, name) => heard.push(['*', name, event]))

  emitter.emit('group.left', left)
  emitter.emit('app.stopping', { reason: 'SIGTERM' })

  expect(heard).toEqual([
    ['group.left', left],
    ['*', 'group.left', left],
    ['*', 'app.stopping', { reason: 'SIGTERM' }],
  ])
})

test('the name tells the compiler what a listener of all has heard', () => {
  const emitter = new Emitter()
  let reason: unknown
  emitter.on('*', (event, name) => {
    if (name !== 'app.stopping') return
    expectTypeOf(event).toEqualTypeOf<{ readonly reason: string }>()
    ;({ reason } = event)
  })

  emitter.emit('app.stopping', { reason: 'SIGTERM' })

  expect(reason).toBe('SIGTERM')
})

test('whoever stops listening hears nothing more, however often it stops, and takes nobody else along', () => {
  const emitter = new Emitter()
  const heard: string[] = []
  const listener = (): unknown => heard.push('twice registered')
  const stop = emitter.on('group.left', listener)
  emitter.on('group.left', listener)

  stop()
  stop()
  emitter.emit('group.left', left)

  expect(heard).toEqual(['twice registered'])
})

test('a listener that throws or rejects harms nobody and is told on once', async () => {
  const told: string[] = []
  const firstTold = Promise.withResolvers<void>()
  const emitter = new Emitter((sentence) => {
    told.push(sentence)
    if (told.length === 2) firstTold.resolve()
  })
  const heard: unknown[] = []
  emitter.on('group.left', () => {
    throw new Error('thrown')
  })
  emitter.on('group.left', () => Promise.reject(new Error('rejected')))
  emitter.on('group.left', (event) => heard.push(event))

  emitter.emit('group.left', left)
  emitter.emit('group.left', left)
  await firstTold.promise

  expect(heard).toEqual([left, left])
  expect(told).toEqual([
    expect.stringContaining('a listener of group.left failed: Error: thrown'),
    expect.stringContaining('a listener of group.left failed: Error: rejected'),
  ])
})

test('emit does not throw even if nobody can be told', () => {
  const emitter = new Emitter(() => {
    throw new Error('full disk')
  })
  emitter.on('*', () => {
    throw new Error('thrown')
  })

  expect(() => emitter.emit('group.left', left)).not.toThrow()
})

test('whether somebody listens is known without telling anybody', () => {
  const emitter = new Emitter()
  expect(emitter.hasListeners('group.left')).toBe(false)

  const stop = emitter.on('group.left', () => undefined)
  expect([emitter.hasListeners('group.left'), emitter.hasListeners('record.ended')]).toEqual([true, false])

  stop()
  expect(emitter.hasListeners('group.left')).toBe(false)
  emitter.on('*', () => undefined)
  expect(emitter.hasListeners('record.ended')).toBe(true)
})

test('a listener that leaves while an event is told does not make others miss it', () => {
  const emitter = new Emitter()
  const heard: string[] = []
  const stopFirst = emitter.on('group.left', () => {
    stopFirst()
    heard.push('first')
  })
  emitter.on('group.left', () => heard.push('second'))

  emitter.emit('group.left', left)
  emitter.emit('group.left', left)

  expect(heard).toEqual(['first', 'second', 'second'])
})
