import { once } from 'node:events'
import { createServer, type Socket } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { isRunning, runProcess, startDetached, startProcess, stopPid } from './processes.ts'

/** Prints a line and lives on. */
const livesOn = 'console.log("listening on 4711"); setInterval(() => {}, 60_000)'
const ignoresTerm = `process.on('SIGTERM', () => {}); ${livesOn}`

test('a process has started when it prints its ready line', async () => {
  const running = await startProcess({ name: 'server', args: ['-e', livesOn], readyLine: /listening on (\d+)/ })
  expect(running.readyMatch?.[1]).toBe('4711')
  expect(running.output).toEqual(['listening on 4711'])
  expect(await running.stop()).toEqual({ code: null, signal: 'SIGTERM' })
  expect(isRunning(running.pid)).toBe(false)
})

test('a process that ends before its ready line rejects with its exit code and its last output', async () => {
  const started = startProcess({
    name: 'server',
    args: ['-e', 'console.error("no such topic"); process.exit(3)'],
    readyLine: /listening/,
  })
  await expect(started).rejects.toThrow(
    /server ended before it was ready \(exit code 3\); its last output:\nno such topic/,
  )
})

test('a process that does not become ready in time is killed', async () => {
  const pids: number[] = []
  const started = startProcess({
    name: 'server',
    args: ['-e', 'console.log(process.pid); setInterval(() => {}, 60_000)'],
    onLine: (line) => pids.push(Number(line)),
    readyLine: /listening/,
    readyTimeoutMs: 1_000,
  })
  await expect(started).rejects.toThrow(/server printed no line that matches \/listening\/ within 1000 ms/)
  expect(pids.filter(isRunning)).toEqual([])
})

test('a command that does not exist is named', async () => {
  const started = startProcess({ name: 'server', command: 'no-such-command', args: [] })
  await expect(started).rejects.toThrow('server could not be started: spawn no-such-command ENOENT')
})

test('a process that ignores SIGTERM is killed after the grace', async () => {
  const running = await startProcess({ name: 'server', args: ['-e', ignoresTerm], readyLine: /listening/ })
  expect(await running.stop(50)).toEqual({ code: null, signal: 'SIGKILL' })
})

test('of a chatty process the latest lines are kept', async () => {
  const { output } = await runProcess({
    name: 'chatty',
    args: ['-e', 'for (let n = 1; n <= 6000; n += 1) console.log(n)'],
  })
  expect(output).toHaveLength(5_000)
  expect(output.at(-1)).toBe('6000')
})

test('input is given and then ended', async () => {
  const { code, output } = await runProcess({
    name: 'cat',
    args: ['-e', 'process.stdin.pipe(process.stdout)'],
    input: 'a\nb\n',
  })
  expect({ code, output }).toEqual({ code: 0, output: ['a', 'b'] })
})

test('a variable set to undefined is not in the environment of the child', async () => {
  process.env['HOLDFAST_TEST_VARIABLE'] = 'ours'
  onTestFinished(() => void delete process.env['HOLDFAST_TEST_VARIABLE'])
  const args = ['-p', `'HOLDFAST_TEST_VARIABLE' in process.env`]
  const { output } = await runProcess({ name: 'env', args, env: { HOLDFAST_TEST_VARIABLE: undefined } })
  expect(output).toEqual(['false'])
})

test('a child whose input is kept reads what is written to it, line by line', async () => {
  const args = ['-e', `process.stdin.on('data', (text) => console.log(text + ' came'))`]
  const said = Promise.withResolvers<string>()
  const child = await startProcess({ name: 'reader', args, keepsInput: true, onLine: (line) => said.resolve(line) })
  onTestFinished(() => void child.stop())
  child.write('a word')
  expect(await said.promise).toBe('a word came')
})

test.each(['SIGTERM', 'SIGINT'] as const)('a child ends with its parent when the parent gets %s', async (signal) => {
  // The child holds a connection to us, which the system closes when the child is gone, however it went.
  const server = createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => void server.close())
  const address = server.address()
  const port = typeof address === 'object' ? address?.port : undefined
  const childCode = `require('net').connect(${port}, '127.0.0.1')`
  const parentCode = `import { startProcess } from ${JSON.stringify(new URL('processes.ts', import.meta.url).href)}
    await startProcess({ name: 'child', args: ['-e', ${JSON.stringify(childCode)}] })`

  const connected = once(server, 'connection') as Promise<[Socket]>
  const parent = await startProcess({ name: 'parent', args: ['--input-type=module', '-e', parentCode] })
  const [connection] = await connected
  const gone = new Promise<void>((resolve) => void connection.on('error', () => resolve()).on('close', () => resolve()))
  connection.resume()
  parent.kill(signal)

  await gone
  expect(await parent.exited).toEqual({ code: null, signal })
})

test('a detached process is ended by its id', async () => {
  const pid = await startDetached({ name: 'server', args: ['-e', livesOn], logFile: '/dev/null' })
  expect(isRunning(pid)).toBe(true)
  await stopPid(pid)
  expect(isRunning(pid)).toBe(false)
})
