/** Starts consumers in processes of their own whose records say how they end (`verify/fixtures/wishing-consumer.ts`), and
 *  reads what they wrote. Which process handled what is told by the file that a line stands in. */
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type AttemptLine, type WishingConsumer } from '../../fixtures/wishes.ts'
import { type RunningProcess, startProcess } from '../../processes.ts'
import { Diary } from '../consumer-world.ts'
import { endOffsets } from '../kafka-world.ts'
import { committedTexts } from './foreign-tools.ts'

const program = join(import.meta.dirname, '../../fixtures/wishing-consumer.ts')

export type WrittenAttempt = AttemptLine & {
  /** The number of the process, from 0 in the order in which they were started. */
  readonly life: number
}

export type WishingProcess = RunningProcess & { readonly told: Diary<string> }

export class WishingConsumers {
  readonly #folder = mkdtempSync(join(tmpdir(), 'holdfast-wishing-'))
  readonly #started: WishingProcess[] = []
  /** What all of them print, in the order in which it came. */
  readonly told = new Diary<string>()

  /** Resolves when it has a partition. */
  async start(given: Omit<WishingConsumer, 'file'>): Promise<WishingProcess> {
    const told = new Diary<string>()
    const life = this.#started.length
    const argument: WishingConsumer = { ...given, file: this.#fileOf(life) }
    const running = await startProcess({
      name: `consumer ${life}`,
      args: [program, JSON.stringify(argument)],
      // Most of a start is the reading of sources, and some tests start twenty of them.
      env: { NODE_COMPILE_CACHE: join(this.#folder, 'compiled') },
      readyLine: /^partition.assigned/,
      onLine: (line) => {
        told.note(line)
        this.told.note(line)
      },
    })
    const started = { ...running, told }
    this.#started.push(started)
    return started
  }

  /** What was written until now; the lines of a process in its order. */
  attempts(): WrittenAttempt[] {
    return this.#started.flatMap((_, life) => {
      const file = this.#fileOf(life)
      if (!existsSync(file)) return []
      // Whole lines only: a kill may have cut the last one.
      const lines = readFileSync(file, 'utf8').split('\n').slice(0, -1)
      return lines.map((line) => ({ ...(JSON.parse(line) as AttemptLine), life }))
    })
  }

  /** Asks again after every commit until everything that is in the topics is committed. */
  async untilAllIsCommitted(bootstrap: string, group: string, topics: readonly string[]): Promise<void> {
    for (;;) {
      const commits = countOf(this.told.lines, 'commit.acknowledged')
      const committed = await committedTexts(bootstrap, group, topics)
      const ends = await Promise.all(
        topics.map(async (name) =>
          [...(await endOffsets(bootstrap, name))].map(([at, end]) => [`${name}/${at}`, end] as const),
        ),
      )
      if (ends.flat().every(([at, end]) => Math.max(committed.get(at)?.offset ?? -1, 0) === end)) return
      await this.told.until((lines) => countOf(lines, 'commit.acknowledged') > commits)
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const running of this.#started) {
      running.kill('SIGKILL')
      await running.exited
    }
    rmSync(this.#folder, { recursive: true, force: true })
  }

  #fileOf(life: number): string {
    return join(this.#folder, `${life}.jsonl`)
  }
}

export function countOf(lines: readonly string[], line: string): number {
  return lines.filter((each) => each === line).length
}
