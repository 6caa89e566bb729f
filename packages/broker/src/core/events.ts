/** What tests wait for instead of sleeping: things that have just become true inside the broker. */

export type BrokerEvent =
  | { readonly type: 'append'; readonly topic: string; readonly partition: number; readonly endOffset: number }
  | {
      readonly type: 'commit'
      readonly groupId: string
      readonly topic: string
      readonly partition: number
      readonly offset: number
    }
  | {
      readonly type: 'assignment'
      readonly groupId: string
      readonly generation: number
      readonly memberIds: readonly string[]
    }

export type HistoryEntry = {
  readonly atMs: number
  readonly nodeId: number
  readonly clientId: string
  readonly api: string
  readonly version: number
  readonly request: object
  /** What was answered, or why nothing was. */
  readonly response: object | 'close' | 'drop' | 'applyThenDrop'
}
