/** Follows the partitions from owner to owner, by what the consumers tell: what the rebalances of a run moved, and what they
 *  only interrupted. */
import { type ConsumerReport } from './consumer-report.ts'
import { type ConsumerName } from './progress.ts'

export type MoveCounts = {
  /** Generations of the group after its first. */
  readonly rebalances: number
  /** How often a partition went to the consumer of this name from the other one. */
  readonly movedTo: Readonly<Record<ConsumerName, number>>
  /** How often a partition was given back, only to come back to the same consumer. */
  readonly interrupted: number
  /** Records that were read, but not finished, when their partition left; its next owner reads them again. */
  readonly readAgain: number
}

export class Moves {
  readonly #owners = new Map<number, ConsumerName>()
  readonly #generations = new Set<number>()
  readonly #movedTo = { first: 0, second: 0 }
  #interrupted = 0
  #readAgain = 0

  note(consumer: ConsumerName, report: ConsumerReport): void {
    if (report.type === 'joined') this.#generations.add(report.generation)
    if (report.type === 'revoked') this.#readAgain += report.unfinished
    if (report.type === 'assigned') this.#own(consumer, report.partition)
  }

  #own(consumer: ConsumerName, partition: number): void {
    const before = this.#owners.get(partition)
    this.#owners.set(partition, consumer)
    if (before === consumer) this.#interrupted += 1
    else if (before !== undefined) this.#movedTo[consumer] += 1
  }

  /** How many partitions the consumer owns, as far as was told. */
  ownedBy(consumer: ConsumerName): number {
    return [...this.#owners.values()].filter((owner) => owner === consumer).length
  }

  get counts(): MoveCounts {
    return {
      rebalances: Math.max(0, this.#generations.size - 1),
      movedTo: { ...this.#movedTo },
      interrupted: this.#interrupted,
      readAgain: this.#readAgain,
    }
  }
}
