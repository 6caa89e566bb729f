/** The clients of other languages that the embedded broker must serve, as command lines. All of them tell what they do in
 *  the lines that Kafka's own VerifiableConsumer and VerifiableProducer print; `member.ts` reads them. */

import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { findJars, javaArgs, type KafkaJars, requireJava } from '../../scripts/kafka/jars.ts'
import { isRequired } from '../../scripts/kafka/required.ts'

export type CommandLine = { readonly command: string; readonly args: readonly string[] }

export type ForeignClient = {
  readonly name: string
  /** Undefined if it can run; else what is missing and how to get it. */
  readonly missing: string | undefined
  /** Writes so many records. */
  produce(bootstrap: string, topic: string, count: number): CommandLine
  /** Reads and commits as a member of a group until SIGTERM, then leaves. */
  consume(bootstrap: string, topic: string, group: string): CommandLine
}

const scripts = join(import.meta.dirname, 'python')
/** The one that Debian's packages belong to, whatever else is on the PATH. */
const debianPython = '/usr/bin/python3'

export function pythonScript(script: 'confluent' | 'kafka_python', ...args: readonly string[]): CommandLine {
  return { command: debianPython, args: [join(scripts, `${script}.py`), ...args] }
}

export const pythonMissing: string | undefined = missingPython()

function missingPython(): string | undefined {
  const found = spawnSync(debianPython, ['-c', 'import confluent_kafka, kafka']).status === 0
  return found || isRequired('python')
    ? undefined
    : 'not on this machine: apt-get install python3-confluent-kafka python3-kafka'
}

type Java = { readonly command: string; readonly jars: KafkaJars } | undefined

const java: Java = await findJava()

export const javaMissing: string | undefined =
  java === undefined ? 'needs Java and the jars of Kafka: npm run kafka -- fetch' : undefined

async function findJava(): Promise<Java> {
  const jars = await findJars()
  if (jars === undefined) {
    if (isRequired('kafka')) throw new Error('HOLDFAST_REQUIRE asks for Kafka: npm run kafka -- fetch')
    return undefined
  }
  return { jars, command: await requireJava() }
}

/** One of Kafka's tools, by its main class. */
export function javaTool(mainClass: string, ...args: readonly string[]): CommandLine {
  if (java === undefined) throw new Error(javaMissing)
  return { command: java.command, args: javaArgs(java.jars, mainClass, args) }
}

function javaClient(groupProtocol: 'classic' | 'consumer'): ForeignClient {
  return {
    name: `Java, ${groupProtocol} protocol`,
    missing: javaMissing,
    produce: (bootstrap, topic, count) => {
      const limits = ['--max-messages', String(count), '--acks', '-1']
      return javaTool(
        'org.apache.kafka.tools.VerifiableProducer',
        ...['--bootstrap-server', bootstrap, '--topic', topic, ...limits],
      )
    },
    consume: (bootstrap, topic, group) => {
      const membership = ['--group-id', group, '--group-protocol', groupProtocol, '--verbose']
      return javaTool(
        'org.apache.kafka.tools.VerifiableConsumer',
        ...['--bootstrap-server', bootstrap, '--topic', topic, '--reset-policy', 'earliest', ...membership],
      )
    },
  }
}

export const foreignClients: readonly ForeignClient[] = [
  {
    name: 'confluent-kafka',
    missing: pythonMissing,
    produce: (bootstrap, topic, count) =>
      pythonScript('confluent', 'produce', bootstrap, topic, String(count), 'enable.idempotence=true'),
    consume: (bootstrap, topic, group) => pythonScript('confluent', 'consume', bootstrap, topic, group),
  },
  {
    name: 'kafka-python',
    missing: pythonMissing,
    produce: (bootstrap, topic, count) => pythonScript('kafka_python', 'produce', bootstrap, topic, String(count)),
    consume: (bootstrap, topic, group) => pythonScript('kafka_python', 'consume', bootstrap, topic, group),
  },
  javaClient('classic'),
  javaClient('consumer'),
]
