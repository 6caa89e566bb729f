/** Decides where the jars of a real Apache Kafka are and brings them there. `pom.xml` names the version; Maven resolves
 *  it; the cache folder carries a hash of the pom, so that a changed pom never runs on old jars. Starting a broker with
 *  them is `cluster.ts`. */

import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, readFile, rename, rm } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { stripVTControlCharacters } from 'node:util'
import { runProcess } from '../../verify/processes.ts'

const pomFile = join(import.meta.dirname, 'pom.xml')
/** Kafka 4 brokers run on Java 17 and later. */
const javaMajorMin = 17
/** A broker of a test holds little and starts often. */
const heapOptions = ['-Xms128m', '-Xmx384m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1']
const fetchWithinMs = 10 * 60_000

/** What is missing and how to get it, in one line. The command line prints the message without a stack. */
export class MissingError extends Error {
  override readonly name = 'MissingError'
}

export type KafkaJars = { readonly version: string; readonly folder: string }

/** The version that the pom names, and the folder where its jars are or would be. */
export async function describeJars(): Promise<KafkaJars> {
  const pom = await readFile(pomFile, 'utf8')
  const version = pom.match(/<kafka\.version>(.+)<\/kafka\.version>/)?.[1]
  if (version === undefined) throw new Error(`${pomFile} names no <kafka.version>`)
  const hash = createHash('sha256').update(pom).digest('hex').slice(0, 8)
  const cache = process.env['HOLDFAST_CACHE'] ?? join(homedir(), '.cache', 'holdfast')
  return { version, folder: join(cache, `kafka-${version}-${hash}`) }
}

/** The jars if they were fetched before. */
export async function findJars(): Promise<KafkaJars | undefined> {
  const jars = await describeJars()
  return existsSync(jars.folder) ? jars : undefined
}

/** The jars, fetched by Maven if they are not there. Throws `MissingError` if there is no Maven or it fails. */
export async function fetchJars(): Promise<KafkaJars> {
  const jars = await describeJars()
  if (existsSync(jars.folder)) return jars
  await requireJava()
  // Renamed when complete: a fetch that was cut off must not look like a cache.
  const partial = `${jars.folder}.${process.pid}.partial`
  await mkdir(partial, { recursive: true })
  try {
    await copyDependencies(partial)
    await rename(partial, jars.folder).catch((error: unknown) => {
      // Another fetch was faster: its jars are the same.
      if (!existsSync(jars.folder)) throw error
    })
  } finally {
    await rm(partial, { recursive: true, force: true })
  }
  return jars
}

/** The Java executable. Throws `MissingError` if there is none or it is too old. */
export async function requireJava(): Promise<string> {
  const home = process.env['JAVA_HOME']
  const command = home === undefined ? 'java' : join(home, 'bin', 'java')
  const remedy = `install a JDK or JRE ≥ ${javaMajorMin} (Debian: apt-get install openjdk-17-jre-headless) or set JAVA_HOME`
  const run = await runProcess({ name: command, command, args: ['-version'] }).catch(() => undefined)
  if (run?.code !== 0) throw new MissingError(`Java not found (${command}): ${remedy}`)
  const version = run.output.join('\n').match(/version "(\d+)[^"]*"/)
  if (version === null) throw new MissingError(`Java does not tell its version (${command}): ${remedy}`)
  if (Number(version[1]) < javaMajorMin) {
    throw new MissingError(`Java ${version[1]} is too old (${command}), Kafka needs ≥ ${javaMajorMin}: ${remedy}`)
  }
  return command
}

/** The command line that runs a class of Kafka: `kafka.Kafka`, or one of the tools. */
export function javaArgs(jars: KafkaJars, mainClass: string, args: readonly string[]): readonly string[] {
  const logging = '-Dorg.slf4j.simpleLogger.defaultLogLevel=warn'
  return [...heapOptions, logging, '-cp', join(jars.folder, '*'), mainClass, ...args]
}

async function copyDependencies(folder: string): Promise<void> {
  const goals = ['dependency:copy-dependencies', '-DincludeScope=runtime', `-DoutputDirectory=${folder}`]
  const maven = await runProcess({
    name: 'mvn',
    command: 'mvn',
    args: ['--quiet', '--batch-mode', '--file', pomFile, ...goals],
    timeoutMs: fetchWithinMs,
  }).catch((error: Error) => {
    throw new MissingError(`Maven did not run (${error.message}): install it (Debian: apt-get install maven)`)
  })
  if (maven.code === 0) return
  const lines = maven.output.map((line) => stripVTControlCharacters(line))
  const reason = lines.find((line) => line.includes('ERROR')) ?? `exit code ${maven.code}`
  throw new MissingError(
    `Maven could not fetch Kafka: ${reason}; check that Maven reaches its repository (settings.xml)`,
  )
}
