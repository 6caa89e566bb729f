/** Starts and stops a cluster of real Kafka brokers on this machine: free ports, an empty data folder, one Java process
 *  per broker. A cluster is ready when it answers, not when it logs something. Where the jars come from is `jars.ts`;
 *  remembering a cluster between two commands is `state.ts`. */

import { randomBytes } from 'node:crypto'
import { createWriteStream } from 'node:fs'
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { isRunning, runProcess, startDetached, startProcess, stopPid } from '../../verify/processes.ts'
import { type BrokerAddress, brokerConfig, scramArgs } from './broker-config.ts'
import { javaArgs, type KafkaJars, requireJava } from './jars.ts'
import { brokersKnown, offsetsErrorCode, transactionsErrorCode } from './probe.ts'

/** Ports were free a moment ago; somebody else may have taken one since. */
const attemptsMax = 3
const readyWithinMs = 60_000
/** The data is thrown away afterwards, so nobody needs a broker to put it in order first. */
const stopWithinMs = 2_000

export type Cluster = {
  readonly version: string
  readonly bootstrap: string
  /** Configuration, logs and data of all brokers. Removed when the cluster stops. */
  readonly folder: string
  readonly brokers: readonly { readonly nodeId: number; readonly pid: number; readonly port: number }[]
}

export type ClusterOptions = {
  readonly jars: KafkaJars
  readonly brokers: 1 | 3
  /** Must not exist or be empty. */
  readonly folder: string
  /** `ours` ends with this process, `detached` outlives it. */
  readonly lifetime: 'ours' | 'detached'
  /** Kafka makes its topics for offsets and transactions on first use, and answers errors meanwhile. `wait` starts a
   *  cluster that is over it, `untouched` one that is not. @default 'wait' */
  readonly internalTopics?: 'wait' | 'untouched' | undefined
}

/** Starts a cluster and resolves when it answers; tries again up to three times. */
export async function startCluster(options: ClusterOptions): Promise<Cluster> {
  const java = await requireJava()
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await startOnce(options, java)
    } catch (error) {
      await rm(options.folder, { recursive: true, force: true })
      if (attempt === attemptsMax) throw error
    }
  }
}

/** Stops the brokers that still run and removes the folder. */
export async function stopCluster(cluster: Cluster): Promise<void> {
  const alive = await livingBrokers(cluster)
  await Promise.all(alive.map((broker) => stopPid(broker.pid, stopWithinMs)))
  await rm(cluster.folder, { recursive: true, force: true })
}

/** The brokers whose process runs, and is not a later one that got the same id. */
export async function livingBrokers(cluster: Cluster): Promise<Cluster['brokers']> {
  const lines = await Promise.all(cluster.brokers.map((broker) => commandLineOf(broker.pid)))
  return cluster.brokers.filter((_, index) => lines[index]?.includes(cluster.folder))
}

async function startOnce(options: ClusterOptions, java: string): Promise<Cluster> {
  const { folder, jars } = options
  const addresses = await freeAddresses(options.brokers)
  const clusterId = randomBytes(16).toString('base64url')
  const brokers: { nodeId: number; pid: number; port: number }[] = []
  const bootstrap = addresses.map(({ port }) => `127.0.0.1:${port}`).join(',')
  const cluster: Cluster = { version: jars.version, bootstrap, folder, brokers }
  try {
    await Promise.all(
      addresses.map(async (self) => {
        const home = join(folder, `broker-${self.nodeId}`)
        await mkdir(home, { recursive: true })
        const config = join(home, 'server.properties')
        await writeFile(config, brokerConfig(self, addresses, join(home, 'log')))
        await formatStorage(java, jars, config, clusterId)
        const pid = await launch(options.lifetime, java, jars, config, join(home, 'server.log'))
        brokers.push({ nodeId: self.nodeId, pid, port: self.port })
      }),
    )
    brokers.sort((left, right) => left.nodeId - right.nodeId)
    await untilReady(cluster, options.internalTopics ?? 'wait')
    return cluster
  } catch (error) {
    const log = await lastLogLines(cluster)
    await stopCluster(cluster)
    throw new Error(`Kafka did not start: ${messageOf(error)}${log}`, { cause: error })
  }
}

async function formatStorage(java: string, jars: KafkaJars, config: string, clusterId: string): Promise<void> {
  const formatted = await runProcess({
    name: 'kafka storage format',
    command: java,
    args: javaArgs(jars, 'kafka.tools.StorageTool', [
      'format',
      '--cluster-id',
      clusterId,
      '--config',
      config,
      ...scramArgs(),
    ]),
    timeoutMs: readyWithinMs,
  })
  if (formatted.code !== 0) throw new Error(`the data folder could not be formatted: ${formatted.output.join('\n')}`)
}

async function launch(
  lifetime: ClusterOptions['lifetime'],
  java: string,
  jars: KafkaJars,
  config: string,
  logFile: string,
): Promise<number> {
  const broker = { name: 'kafka broker', command: java, args: javaArgs(jars, 'kafka.Kafka', [config]) }
  if (lifetime === 'detached') return startDetached({ ...broker, logFile })
  const log = createWriteStream(logFile, { flags: 'a' })
  const running = await startProcess({ ...broker, onLine: (line) => log.write(`${line}\n`) })
  void running.exited.then(() => log.end())
  return running.pid
}

async function untilReady(cluster: Cluster, internalTopics: 'wait' | 'untouched'): Promise<void> {
  const { brokers } = cluster
  const deadlineMs = performance.now() + readyWithinMs
  await untilTrue(cluster, deadlineMs, 'all brokers know each other', async () => {
    const known = await Promise.all(brokers.map((broker) => brokersKnown(broker.port)))
    return known.every((count) => count === brokers.length)
  })
  if (internalTopics === 'untouched') return
  await untilTrue(cluster, deadlineMs, 'a broker coordinates groups', async () => {
    const codes = await Promise.all(brokers.map((broker) => offsetsErrorCode(broker.port, 'holdfast-ready')))
    return codes.includes(0)
  })
  await untilTrue(cluster, deadlineMs, 'a broker coordinates transactions', async () => {
    const codes = await Promise.all(brokers.map((broker) => transactionsErrorCode(broker.port, 'holdfast-ready')))
    return codes.includes(0)
  })
}

/** Asks again until the answer is yes; an error is a no. Throws at the deadline, or at once when a broker has ended. */
async function untilTrue(
  cluster: Cluster,
  deadlineMs: number,
  condition: string,
  ask: () => Promise<boolean>,
): Promise<void> {
  let cause: unknown
  for (;;) {
    const isTrue = await ask().catch((error: unknown) => {
      cause = error
      return false
    })
    if (isTrue) return
    const ended = cluster.brokers.find((broker) => !isRunning(broker.pid))
    if (ended !== undefined) throw new Error(`broker ${ended.nodeId} ended before it was ready`, { cause })
    if (performance.now() > deadlineMs) throw new Error(`not true within ${readyWithinMs} ms: ${condition}`, { cause })
    await delay(100)
  }
}

/** Four free ports for each broker. All are held until the last one is known, so that no two are the same. */
async function freeAddresses(count: number): Promise<BrokerAddress[]> {
  const servers = await Promise.all(Array.from({ length: 4 * count }, listenAnywhere))
  const ports = servers.map((server) => server.port)
  await Promise.all(servers.map((server) => server.close()))
  return Array.from({ length: count }, (_, index) => {
    const [port = 0, controllerPort = 0, saslPort = 0, shortSessionPort = 0] = ports.slice(4 * index, 4 * index + 4)
    return { nodeId: index + 1, port, controllerPort, saslPort, shortSessionPort }
  })
}

function listenAnywhere(): Promise<{ readonly port: number; close(): Promise<void> }> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      if (address === null || typeof address === 'string') throw new Error('a TCP server has a port')
      resolve({ port: address.port, close: () => new Promise((closed) => server.close(() => closed())) })
    })
  })
}

async function commandLineOf(pid: number): Promise<string | undefined> {
  if (!isRunning(pid)) return undefined
  const ofLinux = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => undefined)
  if (ofLinux !== undefined) return ofLinux
  const { output } = await runProcess({ name: 'ps', command: 'ps', args: ['-ww', '-o', 'command=', '-p', String(pid)] })
  return output.join(' ')
}

async function lastLogLines(cluster: Cluster): Promise<string> {
  const logs = await Promise.all(
    cluster.brokers.map(({ nodeId }) =>
      readFile(join(cluster.folder, `broker-${nodeId}`, 'server.log'), 'utf8').catch(() => ''),
    ),
  )
  const lines = logs.join('').trim().split('\n').slice(-10)
  return lines.length === 1 && lines[0] === '' ? '' : `; its last log lines:\n${lines.join('\n')}`
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
