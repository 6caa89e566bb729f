/** Looks whether the simulation notices a defect: runs it in a copy of the sources, seed by seed, until a law is broken. The
 *  laws are never told what they look at. Which defects there are is for the callers to say. */

import { setPriority } from 'node:os'
import { resolve } from 'node:path'
import { copySources } from '../copies.ts'
import { runProcess, startProcess } from '../processes.ts'
import { unendedLaw } from './account.ts'
import { patienceMs } from './workers.ts'

export type HuntOptions = { readonly runs: number; readonly seed: number }

export type Hunt = {
  readonly caught: boolean
  /** The one that broke a law, and the first law that it broke. */
  readonly seed: number | null
  readonly law: string | null
  /** How many histories it took. */
  readonly seeds: number
}

/** Whoever works at the machine comes first, and yet it must end some day. */
const niceness = 5

export class PatchRefused extends Error {
  override readonly name = 'PatchRefused'
}

/** Throws `PatchRefused` if the patch does not apply or what it makes does not run. */
export async function huntWithPatch(file: string, options: HuntOptions): Promise<Hunt> {
  const path = resolve(process.env['INIT_CWD'] ?? process.cwd(), file)
  const copy = await copySources((folder) => applyPatch(folder, path))
  try {
    return await huntIn(copy.folder, options)
  } finally {
    await copy.remove()
  }
}

/** The folder is no repository, so paths in the patch count from there. */
async function applyPatch(folder: string, path: string): Promise<void> {
  const args = ['apply', '--whitespace=nowarn', path]
  // A repository above the folder for temporary files must not be taken for its own.
  const env = { GIT_CEILING_DIRECTORIES: resolve(folder, '..'), GIT_DIR: undefined, GIT_WORK_TREE: undefined }
  const { code, output } = await runProcess({ name: 'git apply', command: 'git', args, cwd: folder, env })
  if (code !== 0) throw new PatchRefused(`${path} does not apply:\n${output.join('\n')}`)
}

/** Throws `PatchRefused` if the sources in the folder cannot be run at all. */
export async function huntIn(folder: string, { runs, seed }: HuntOptions): Promise<Hunt> {
  let current: number | null = null
  let last = ''
  const patience = new Patience(() => child.kill('SIGKILL'))
  const args = ['verify/simulation/main.ts', '--until-broken', '--json', '--runs', `${runs}`, '--seed', `${seed}`]
  const onLine = (line: string, stream: 'stdout' | 'stderr'): void => {
    if (stream === 'stdout') last = line
    const begun = stream === 'stderr' ? /^seed (\d+)$/.exec(line)?.[1] : undefined
    if (begun === undefined) return
    current = Number(begun)
    patience.renew()
  }
  const child = await startProcess({ name: 'simulation', args, cwd: folder, onLine })
  lowerPriority(child.pid)
  patience.renew()
  const { code } = await child.exited
  patience.end()
  if (current === null) throw new PatchRefused(`the sources do not run:\n${child.output.join('\n')}`)
  if (code !== 0 && code !== 1) return { caught: true, seed: current, law: unendedLaw, seeds: current - seed + 1 }
  const { runs: ran, failures } = JSON.parse(last) as {
    runs: number
    failures: readonly { seed: number; law: string }[]
  }
  const first = failures[0]
  return { caught: first !== undefined, seed: first?.seed ?? null, law: first?.law ?? null, seeds: ran }
}

/** Calls `onOver` when it was not renewed for too long. */
class Patience {
  readonly #onOver: () => void
  #timer: NodeJS.Timeout | undefined

  constructor(onOver: () => void) {
    this.#onOver = onOver
  }

  renew(): void {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(this.#onOver, patienceMs)
  }

  end(): void {
    clearTimeout(this.#timer)
  }
}

function lowerPriority(pid: number): void {
  try {
    setPriority(pid, niceness)
  } catch {
    // It has ended, or we may not: it is only a courtesy.
  }
}
