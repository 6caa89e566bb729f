/** How the demo tells a consumer process that has loaded to join the group: a file in the run's folder. Loading takes longest
 *  on a slow machine, and a consumer that should come at 30 % of the rows must not come at 50 %. */
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'

const lookEveryMs = 20

export function call(folder: string, name: string): void {
  writeFileSync(fileOf(folder, name), '')
}

/** Resolves when it was called, or the signal aborts. */
export async function called(folder: string, name: string, signal: AbortSignal): Promise<void> {
  while (!existsSync(fileOf(folder, name)) && !signal.aborted) {
    await delay(lookEveryMs, undefined, { signal }).catch(() => undefined)
  }
}

function fileOf(folder: string, name: string): string {
  return join(folder, `${name}-is-called`)
}
