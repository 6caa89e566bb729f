/** What a fact is: a question about Kafka and what a broker answered when it was asked. Facts are observed, never asserted:
 *  a surprising answer is printed, not thrown. */

export type Fact = { readonly area: string; readonly question: string; readonly seen: string }

/** Collects the facts of one area in the order in which they were seen. */
export class FactSheet {
  readonly facts: Fact[] = []
  readonly #area: string

  constructor(area: string) {
    this.#area = area
  }

  /** Values other than text are written as JSON. */
  saw(question: string, seen: unknown): void {
    const text = typeof seen === 'string' ? seen : JSON.stringify(seen, (_, value: unknown) => plain(value))
    this.facts.push({ area: this.#area, question, seen: text })
  }

  /** Records what a foreign call resolves with, or the error that it rejects with. */
  async tried(question: string, call: () => Promise<unknown>): Promise<void> {
    try {
      this.saw(question, (await call()) ?? 'works')
    } catch (error) {
      this.saw(question, `fails: ${error instanceof Error ? error.message : String(error)}`)
    }
  }
}

/** A Markdown table that a terminal can show too. */
export function formatFacts(facts: readonly Fact[]): string {
  const rows = facts.map(({ area, question, seen }) => `| ${area} | ${question} | ${seen.replaceAll('|', '\\|')} |`)
  return ['| area | question | seen |', '|---|---|---|', ...rows].join('\n')
}

function plain(value: unknown): unknown {
  return typeof value === 'bigint' ? Number(value) : value
}
