/** Remembers, in the checkout, the cluster that `npm run kafka -- start` left running, so that `stop`, `status` and the
 *  test runner find it. */

import { randomUUID } from 'node:crypto'
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Cluster, livingBrokers } from './cluster.ts'

/** Not in the repository: see .gitignore. */
const stateFolder = join(import.meta.dirname, '..', '..', '.kafka')
const stateFile = join(stateFolder, 'cluster.json')

/** Where brokers may keep configuration, logs and data: a new folder each time, so that two starts at once do not share one. */
export function newClusterFolder(): string {
  return join(stateFolder, `cluster-${randomUUID()}`)
}

/** False if another start was faster and a cluster is remembered already. */
export async function rememberCluster(cluster: Cluster): Promise<boolean> {
  await mkdir(stateFolder, { recursive: true })
  try {
    await writeFile(stateFile, `${JSON.stringify(cluster, undefined, 2)}\n`, { flag: 'wx' })
    return true
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false
    throw error
  }
}

/** The cluster that was started from this checkout, with how many of its brokers still run; undefined if none was. */
export async function recallCluster(): Promise<{ readonly cluster: Cluster; readonly alive: number } | undefined> {
  const text = await readFile(stateFile, 'utf8').catch(() => undefined)
  if (text === undefined) return undefined
  const cluster = JSON.parse(text) as Cluster
  const alive = await livingBrokers(cluster)
  return { cluster, alive: alive.length }
}

export async function forgetCluster(): Promise<void> {
  await rm(stateFile, { force: true })
}
