/** `npm run broker -- --ports 9092,9093,9094 --topics orders:6`: serves the embedded broker by hand until it is interrupted.
 *
 *  Topics are created when a client asks for them, as Kafka does by default. Exit code 2 means bad input, 1 that it could
 *  not start. */

import { Command, InvalidArgumentError } from 'commander'

import { EmbeddedKafka } from '@holdfast/broker'

type Options = {
  readonly ports: readonly number[]
  readonly topics: Readonly<Record<string, number>>
  readonly autoCreate: boolean
}

const exitCodes = { cannotStart: 1, badInput: 2 } as const
const portMax = 65_535
const defaultPartitions = 1

function parsePorts(text: string): readonly number[] {
  return text.split(',').map((part) => {
    const port = Number(part)
    if (!/^\d+$/.test(part) || port > portMax) {
      throw new InvalidArgumentError(`expected ports like 9092,9093 (0 to ${portMax}), got '${part}'`)
    }
    return port
  })
}

function parseTopics(text: string): Readonly<Record<string, number>> {
  const topics = new Map<string, number>()
  for (const part of text.split(',')) {
    const match = /^([A-Za-z0-9._-]+)(?::([1-9]\d*))?$/.exec(part)
    if (match?.[1] === undefined) {
      throw new InvalidArgumentError(`expected topics like orders:6,payments (a name and partitions), got '${part}'`)
    }
    if (topics.has(match[1])) throw new InvalidArgumentError(`topic '${match[1]}' is named twice`)
    topics.set(match[1], Number(match[2] ?? defaultPartitions))
  }
  return Object.fromEntries(topics)
}

async function serve({ ports, topics, autoCreate }: Options): Promise<void> {
  const warn = (message: string): void => console.error(message)
  const kafka = await EmbeddedKafka.start({ ports, topics, autoCreateTopics: autoCreate, warn })
  console.log('an in-memory Kafka for tests and demos: protocol-faithful, one process, not durable')
  console.log(`bootstrap ${kafka.bootstrap}`)
  const stop = (): void => void kafka.stop()
  process.once('SIGINT', stop)
  process.once('SIGTERM', stop)
}

const program = new Command('broker')
  .description('Serve the in-memory Kafka on loopback until interrupted.')
  .option('--ports <list>', 'one port for each broker; 0 takes any free one', parsePorts, [0])
  .option('--topics <list>', 'topics that exist from the start, as name or name:partitions', parseTopics, {})
  .option('--no-auto-create', 'do not create topics that clients ask for')
  .allowExcessArguments(false)
  .exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : exitCodes.badInput))

try {
  await serve(program.parse().opts<Options>())
} catch (error) {
  console.error(`cannot start: ${error instanceof Error ? error.message : String(error)}`)
  process.exitCode = exitCodes.cannotStart
}
