/** The one place that starts other processes: every child has its own executable and no shell, its output is kept, it is
 *  waited for by a line that it prints, and it is ended by its process id. What runs in a child, and what its output
 *  means, is the caller's business.
 *
 *  Children end with the parent, also when a signal ends the parent. Only `startDetached` leaves a process behind, for
 *  whoever keeps its id. */

import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { setTimeout as delay } from 'node:timers/promises'

/** Enough to explain a failure; a chatty child must not fill our memory. */
const outputLinesMax = 5_000
/** How many lines of output an error message quotes. */
const quotedLinesMax = 20
/** A grandchild may hold the pipes open after the child ended; nobody waits longer than this for it. */
const pipesCloseWithinMs = 500

export type ProcessOptions = {
  /** What error messages call the process. */
  readonly name: string
  /** An executable, found on the PATH. @default the Node that runs us */
  readonly command?: string | undefined
  readonly args: readonly string[]
  /** Added to our own environment; `undefined` takes a variable away. */
  readonly env?: Readonly<Record<string, string | undefined>> | undefined
  readonly cwd?: string | undefined
  /** Written to the standard input, which is then closed. */
  readonly input?: string | undefined
  /** The standard input stays open for `write`; it is closed when the process is stopped. @default false */
  readonly keepsInput?: boolean | undefined
  /** `inherit` lets the child write straight to our terminal; then nothing is kept and no ready line is seen.
   *  @default 'keep' */
  readonly terminal?: 'keep' | 'inherit' | undefined
  /** Called for each line of standard output and standard error, as it comes. */
  readonly onLine?: ((line: string, stream: OutputStream) => void) | undefined
}

export type StartOptions = ProcessOptions & {
  /** The process counts as started when it prints a line that matches. @default it counts as started at once */
  readonly readyLine?: RegExp | undefined
  /** @default 30_000 */
  readonly readyTimeoutMs?: number | undefined
}

export type OutputStream = 'stdout' | 'stderr'
export type ProcessEnd = { readonly code: number | null; readonly signal: NodeJS.Signals | null }

export type RunningProcess = {
  readonly pid: number
  /** The latest lines of standard output and standard error, in the order in which they came. */
  readonly output: readonly string[]
  /** What `readyLine` matched, for the groups in it; null without a `readyLine`. */
  readonly readyMatch: RegExpMatchArray | null
  /** Resolves when the process has ended and its output was read. Never rejects. */
  readonly exited: Promise<ProcessEnd>
  /** Sends SIGTERM, after `graceMs` (default 5,000) SIGKILL, and resolves when the process has ended. */
  stop(graceMs?: number): Promise<ProcessEnd>
  /** Writes to the standard input of a process that `keepsInput`. What a process does not read any more is lost. */
  write(text: string): void
  /** Sends a signal; false if the process has ended already. */
  kill(signal: NodeJS.Signals): boolean
}

/** Starts a process and resolves when it is ready. Rejects with its last output if it cannot be started, ends before the
 *  ready line or does not print it in time; then it is not running any more. */
export async function startProcess(options: StartOptions): Promise<RunningProcess> {
  const { name, readyLine, readyTimeoutMs = 30_000 } = options
  const output: string[] = []
  const ready = Promise.withResolvers<RegExpMatchArray | null>()
  const child = spawnChild(options, (line) => {
    output.push(line)
    if (output.length > outputLinesMax) output.shift()
    const match = readyLine && line.match(readyLine)
    if (match) ready.resolve(match)
  })
  const exited = endOf(child)
  await spawned(child, name)
  if (readyLine === undefined) ready.resolve(null)

  const deadline = AbortSignal.timeout(readyTimeoutMs)
  deadline.addEventListener('abort', () => {
    ready.reject(
      new Error(explain(`${name} printed no line that matches ${readyLine} within ${readyTimeoutMs} ms`, output)),
    )
  })
  void exited.then((end) =>
    ready.reject(new Error(explain(`${name} ended before it was ready (${describeEnd(end)})`, output))),
  )

  try {
    const readyMatch = await ready.promise
    return {
      pid: pidOf(child),
      output,
      readyMatch,
      exited,
      stop: (graceMs = 5_000) => stopChild(child, exited, graceMs),
      write: (text) => void child.stdin?.write(text),
      kill: (signal) => child.kill(signal),
    }
  } catch (error) {
    child.kill('SIGKILL')
    await exited
    throw error
  }
}

/** Runs a process to its end. A non-zero exit code is a value, not an error; rejects if the process cannot be started or
 *  has not ended after `timeoutMs`, when it is killed. */
export async function runProcess(
  options: ProcessOptions & { readonly timeoutMs?: number | undefined },
): Promise<ProcessEnd & { readonly output: readonly string[] }> {
  const { timeoutMs } = options
  const running = await startProcess(options)
  const patience = new AbortController()
  const late =
    timeoutMs === undefined
      ? running.exited
      : delay(timeoutMs, undefined, { signal: patience.signal }).catch(() => undefined)
  const end = await Promise.race([running.exited, late])
  patience.abort()
  if (end) return { ...end, output: running.output }
  running.kill('SIGKILL')
  await running.exited
  throw new Error(explain(`${options.name} was still running after ${timeoutMs} ms`, running.output))
}

/** Starts a process that outlives us, with its output going to the end of `logFile`. Returns its id. */
export async function startDetached(options: ProcessOptions & { readonly logFile: string }): Promise<number> {
  const log = openSync(options.logFile, 'a')
  try {
    const child = spawn(options.command ?? process.execPath, options.args, {
      cwd: options.cwd,
      env: { ...process.env, ...options.env },
      stdio: ['ignore', log, log],
      detached: true,
    })
    await spawned(child, options.name)
    child.unref()
    return pidOf(child)
  } finally {
    closeSync(log)
  }
}

/** Ends a process that is not our child: SIGTERM, after `graceMs` SIGKILL. Returns once it is gone. */
export async function stopPid(pid: number, graceMs = 5_000): Promise<void> {
  const killAtMs = performance.now() + graceMs
  let signal: NodeJS.Signals = 'SIGTERM'
  while (sendSignal(pid, signal)) {
    // Someone else's child ends without telling us: looking is the only way.
    while (isRunning(pid) && performance.now() < killAtMs) await delay(50)
    signal = 'SIGKILL'
    if (isRunning(pid)) await delay(50)
  }
}

/** Ends a process that is not our child with SIGKILL, as a machine that fails does. Returns once it is gone. */
export async function killPid(pid: number): Promise<void> {
  while (sendSignal(pid, 'SIGKILL')) await delay(10)
}

/** Whether a process with this id runs. Ids are used again: a caller that kept one for long must check what runs there. */
export function isRunning(pid: number): boolean {
  return sendSignal(pid, 0)
}

function sendSignal(pid: number, signal: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(pid, signal)
  } catch {
    return false
  }
}

function spawnChild(options: ProcessOptions, onLine: (line: string) => void): ChildProcess {
  const output = options.terminal === 'inherit' ? 'inherit' : 'pipe'
  const child = spawn(options.command ?? process.execPath, options.args, {
    cwd: options.cwd,
    env: { ...process.env, ...options.env },
    stdio: [options.input === undefined && !options.keepsInput ? 'ignore' : 'pipe', output, output],
  })
  endWithParent(child)
  for (const stream of ['stdout', 'stderr'] as const) {
    const source = child[stream]
    if (source === null) continue
    createInterface({ input: source }).on('line', (line) => {
      onLine(line)
      options.onLine?.(line, stream)
    })
  }
  // A child that ends without reading its input is not our error.
  child.stdin?.on('error', () => undefined)
  if (!options.keepsInput) child.stdin?.end(options.input)
  return child
}

function spawned(child: ChildProcess, name: string): Promise<void> {
  return new Promise((resolve, reject) => {
    child.once('spawn', resolve)
    child.once('error', (cause) => reject(new Error(`${name} could not be started: ${cause.message}`, { cause })))
  })
}

function endOf(child: ChildProcess): Promise<ProcessEnd> {
  return new Promise((resolve) => {
    child.once('error', () => resolve({ code: null, signal: null }))
    child.once('close', (code, signal) => resolve({ code, signal }))
    child.once('exit', () => {
      setTimeout(() => {
        child.stdout?.destroy()
        child.stderr?.destroy()
      }, pipesCloseWithinMs).unref()
    })
  })
}

async function stopChild(child: ChildProcess, exited: Promise<ProcessEnd>, graceMs: number): Promise<ProcessEnd> {
  child.kill('SIGTERM')
  const killer = setTimeout(() => child.kill('SIGKILL'), graceMs)
  const end = await exited
  clearTimeout(killer)
  return end
}

const children = new Set<ChildProcess>()
const endingSignals: readonly NodeJS.Signals[] = ['SIGINT', 'SIGTERM', 'SIGHUP']

/** Kills the child when we exit. A signal that nobody else handles would end us without the exit event, so it is caught,
 *  the children are killed, and it is sent again. */
function endWithParent(child: ChildProcess): void {
  if (children.size === 0) {
    process.on('exit', killChildren)
    for (const signal of endingSignals) process.on(signal, endBySignal)
  }
  children.add(child)
  const forget = (): void => {
    children.delete(child)
    if (children.size > 0) return
    process.off('exit', killChildren)
    for (const signal of endingSignals) process.off(signal, endBySignal)
  }
  child.once('exit', forget)
  child.once('error', forget)
}

function killChildren(): void {
  for (const child of children) child.kill('SIGKILL')
}

function endBySignal(signal: NodeJS.Signals): void {
  if (process.listenerCount(signal) > 1) return
  killChildren()
  for (const caught of endingSignals) process.off(caught, endBySignal)
  process.kill(process.pid, signal)
}

function pidOf(child: ChildProcess): number {
  if (child.pid === undefined) throw new Error('a process that was started has no id')
  return child.pid
}

function describeEnd({ code, signal }: ProcessEnd): string {
  return signal === null ? `exit code ${code}` : `signal ${signal}`
}

function explain(sentence: string, output: readonly string[]): string {
  if (output.length === 0) return `${sentence}; it printed nothing`
  return `${sentence}; its last output:\n${output.slice(-quotedLinesMax).join('\n')}`
}
