/** The command line of the demo: what may be asked for, and in which ranges. */
import { Command, InvalidArgumentError, Option } from 'commander'

const rowsMax = 10_000
/** Faster than this is what `max` is for. */
const rateMax = 1_000_000
const concurrencyMax = 100_000
const seedMax = 0xffff_ffff

export const defects = ['commit', 'order', 'loss', 'retry', 'early'] as const

export type DemoOptions = {
  readonly json: boolean
  /** Run against a real Kafka instead of the embedded broker. */
  readonly kafka: boolean
  /** Addresses of a real Kafka, split by commas. */
  readonly brokers: string | undefined
  readonly seed: number
  readonly rows: number
  /** Records per second; Infinity for as fast as it goes. */
  readonly rate: number
  readonly order: 'partition' | 'key' | 'none'
  /** May the followers of a record pass it while it waits in a delay topic? */
  readonly retrying: 'overtake' | 'block'
  readonly concurrency: number
  /** A defect to plant into a copy of the sources. */
  readonly break: (typeof defects)[number] | undefined
}

type Parsed = Partial<Pick<DemoOptions, 'json' | 'kafka' | 'brokers' | 'break'>> &
  Omit<DemoOptions, 'json' | 'kafka' | 'brokers' | 'break'>

/** Throws commander's CommanderError, after it printed its line, for wrong options and for `--help`. */
export function parseOptions(args: readonly string[]): DemoOptions {
  const command = new Command('npm run demo --')
    .description(
      'Sends 10,000 wildlife strikes through a concurrent consumer, and lets a judge say whether one was lost.',
    )
    .option('--json', 'end with one line of JSON; the rest goes to standard error')
    .option('--kafka', 'on a real Kafka: KAFKA_BROKERS, or the one of `npm run kafka -- start`')
    .option('--brokers <list>', 'on the real Kafka at these addresses, split by commas', parseBrokers)
    .option('--seed <number>', 'chance of the simulated downstream', wholeNumber(0, seedMax), 1)
    .option('--rows <count>', 'how many strikes, from the first', wholeNumber(1, rowsMax), rowsMax)
    .option('--rate <number>', 'records per second, or max', parseRate, 500)
    .addOption(
      new Option('--order <order>', 'what keeps its order').choices(['partition', 'key', 'none']).default('key'),
    )
    .addOption(
      new Option('--retrying <mode>', 'whether others pass a record that waits for a retry')
        .choices(['overtake', 'block'])
        .default('overtake'),
    )
    .option('--concurrency <count>', 'attempts at once in each consumer', wholeNumber(1, concurrencyMax), 64)
    .addOption(new Option('--break <law>', 'plant a defect that breaks this law').choices(defects))
    .exitOverride()
  command.parse(args, { from: 'user' })
  const { json = false, kafka = false, brokers, break: defect, ...others } = command.opts<Parsed>()
  if (defect === 'order' && others.order !== 'key') {
    command.error(`error: --break order needs --order key, got --order ${others.order}`)
  }
  if ((defect === 'retry' || defect === 'early') && others.retrying !== 'overtake') {
    command.error(`error: --break ${defect} needs --retrying overtake, got --retrying ${others.retrying}`)
  }
  return { ...others, json, kafka: kafka || brokers !== undefined, brokers, break: defect }
}

function wholeNumber(min: number, max: number): (text: string) => number {
  return (text) => {
    const number = Number(text)
    if (/^\d+$/.test(text) && number >= min && number <= max) return number
    throw new InvalidArgumentError(`Expected a whole number from ${min} to ${max}.`)
  }
}

function parseRate(text: string): number {
  if (text === 'max') return Infinity
  const rate = Number(text)
  if (text.trim() !== '' && rate > 0 && rate <= rateMax) return rate
  throw new InvalidArgumentError(`Expected records per second, above 0 and up to ${rateMax}, or max.`)
}

function parseBrokers(text: string): string {
  const addresses = text.split(',').map((address) => address.trim())
  if (addresses.every((address) => /^[^\s:]+:\d{1,5}$|^\[[^\]]+\]:\d{1,5}$/.test(address))) return addresses.join(',')
  throw new InvalidArgumentError('Expected host:port, split by commas.')
}
