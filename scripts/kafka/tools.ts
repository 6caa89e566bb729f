/** Runs Kafka's own command line tools (`kafka-consumer-groups` and its siblings) from the fetched jars. */

import { type ProcessEnd, runProcess } from '../../verify/processes.ts'
import { fetchJars, javaArgs, requireJava } from './jars.ts'

const toolWithinMs = 60_000

/** `mainClass` is the class behind the shell script of Kafka's distribution. A non-zero exit code is a value. */
export async function runKafkaTool(
  mainClass: string,
  args: readonly string[],
): Promise<ProcessEnd & { readonly output: readonly string[] }> {
  const [java, jars] = [await requireJava(), await fetchJars()]
  return runProcess({
    name: mainClass,
    command: java,
    args: javaArgs(jars, mainClass, args),
    timeoutMs: toolWithinMs,
  })
}
