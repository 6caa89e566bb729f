/** What passes between the demo and its consumer processes: the setup as their one argument, and reports as lines of JSON. */
import type { ConsumerStatus } from 'holdfast'

export type ConsumerSetup = {
  /** By which it is called to join. */
  readonly name: string
  readonly brokers: string
  readonly topic: string
  readonly group: string
  /** Holds the attempt files, the database and the outage of the run. */
  readonly folder: string
  readonly order: 'partition' | 'key' | 'none'
  readonly retrying: 'overtake' | 'block'
  readonly concurrency: number
  readonly seed: number
}

export type ConsumerReport =
  /** It waits to be called. */
  | { readonly type: 'loaded' }
  /** It has its partitions. */
  | { readonly type: 'ready' }
  | { readonly type: 'status'; readonly status: ConsumerStatus }
  /** It is a member of the group's next generation. */
  | { readonly type: 'joined'; readonly generation: number }
  /** It got a partition of the source topic, or it gave one back with so many records that it had read and not finished. */
  | { readonly type: 'assigned'; readonly partition: number }
  | { readonly type: 'revoked'; readonly partition: number; readonly unfinished: number }
  /** Something that a person at the screen should know. */
  | { readonly type: 'trouble'; readonly text: string }
  | { readonly type: 'stopped'; readonly clean: boolean; readonly uncommitted: number; readonly abandoned: number }

/** Matches the line of the report `loaded`. */
export const loadedLine: RegExp = /^\{"type":"loaded"\}$/

/** Undefined for a line that is not a report, such as a warning of Node. */
export function parseReport(line: string): ConsumerReport | undefined {
  if (!line.startsWith('{"type":')) return undefined
  return JSON.parse(line) as ConsumerReport
}
