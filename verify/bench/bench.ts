/** What a benchmark is: a name, a sentence, and a run that ends in figures. The command line reads the options once, for all. */
import { type BenchResult } from './result.ts'

export type BenchOptions = {
  /** On a real Kafka instead of the embedded broker. */
  readonly kafka: boolean
  readonly rounds: number
  /** Shrinks a run: how many records, where the benchmark has a number of its own. */
  readonly records: number | null
}

export type Bench = {
  readonly name: string
  readonly summary: string
  /** Whether it talks to a broker over TCP, so that `--kafka` means something. */
  readonly usesBroker: boolean
  run(options: BenchOptions): Promise<BenchResult>
}
