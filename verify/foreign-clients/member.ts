/** A member of a group in a process of its own, known by the lines that it prints, and runs of clients that end by
 *  themselves. */

import { runProcess, type RunningProcess, startProcess } from '../processes.ts'
import { type CommandLine } from './clients.ts'

const runWithinMs = 45_000

export type ToldPartition = { readonly topic: string; readonly partition: number }

/** One line of a client. Which fields there are follows from the name. */
export type Told = {
  readonly name: string
  readonly partitions?: readonly ToldPartition[]
  readonly partition?: number
  readonly offset?: number
  readonly [field: string]: unknown
}

export type ForeignMember = {
  /** The partitions that it says it owns, ascending. */
  owned(): readonly number[]
  /** `partition/offset` of each record that it says it has read. */
  readonly seen: ReadonlySet<string>
  /** Asks it to leave the group and waits until it has ended. Rejects if it ended in another way. */
  leave(): Promise<void>
  /** Ends it without a word to the broker. */
  kill(): Promise<void>
}

/** Resolves when the client says that it has started. `onChange` is called after each of its lines. */
export async function startMember(
  { command, args }: CommandLine,
  name: string,
  onChange: () => void,
): Promise<ForeignMember> {
  const owned = new Set<number>()
  const seen = new Set<string>()
  const hear = (told: Told): void => {
    if (told.name === 'partitions_assigned') for (const { partition } of told.partitions ?? []) owned.add(partition)
    if (told.name === 'partitions_revoked') for (const { partition } of told.partitions ?? []) owned.delete(partition)
    if (told.name === 'record_data') seen.add(`${told.partition}/${told.offset}`)
    onChange()
  }
  const running = await startProcess({
    name,
    command,
    args,
    readyLine: /startup_complete/,
    onLine: (line) => {
      const told = toldBy(line)
      if (told !== undefined) hear(told)
    },
  })
  return {
    owned: () => [...owned].toSorted((left, right) => left - right),
    seen,
    leave: () => leave(running, name),
    kill: async () => {
      running.kill('SIGKILL')
      await running.exited
    },
  }
}

async function leave(running: RunningProcess, name: string): Promise<void> {
  const { signal } = await running.stop(20_000)
  if (signal === 'SIGKILL') throw new Error(`${name} did not leave:\n${running.output.slice(-20).join('\n')}`)
}

/** Runs a client to its end and gives what it told. Rejects with its output if it failed. */
export async function runClient({ command, args }: CommandLine, name: string): Promise<readonly Told[]> {
  const lines = await runTool({ command, args }, name)
  return lines.flatMap((line) => toldBy(line) ?? [])
}

/** As `runClient`, for tools that print text. */
export async function runTool({ command, args }: CommandLine, name: string): Promise<readonly string[]> {
  const { code, output } = await runProcess({ name, command, args, timeoutMs: runWithinMs })
  if (code !== 0) throw new Error(`${name} ended with ${code}:\n${output.slice(-30).join('\n')}`)
  return output
}

function toldBy(line: string): Told | undefined {
  return line.startsWith('{') ? (JSON.parse(line) as Told) : undefined
}
