/** What has just become true inside the broker, for tests that wait for it instead of sleeping; and what the history keeps. */

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
  /** The state, the generation or the members of a group have changed. */
  | {
      readonly type: 'group'
      readonly groupId: string
      readonly state: string
      readonly generation: number
      readonly memberIds: readonly string[]
    }
  | { readonly type: 'topicCreated'; readonly topic: string; readonly partitions: number }
  | { readonly type: 'topicDeleted'; readonly topic: string }
  | {
      readonly type: 'recordsDeleted'
      readonly topic: string
      readonly partition: number
      readonly startOffset: number
    }
  | { readonly type: 'leaderMoved'; readonly topic: string; readonly partition: number; readonly nodeId: number }
  | { readonly type: 'coordinatorMoved'; readonly key: string; readonly nodeId: number }
  | { readonly type: 'memberExpired'; readonly groupId: string; readonly memberId: string }
  | { readonly type: 'connectionCut'; readonly clientId: string; readonly nodeId: number }
  | { readonly type: 'nodeStopped'; readonly nodeId: number }
  | { readonly type: 'nodeStarted'; readonly nodeId: number }

/** One request and what became of it, written down when it was answered. */
export type HistoryEntry = {
  readonly kind: 'request'
  /** Place in the history, from 1 on, without gaps: what has a lower number happened before. */
  readonly number: number
  /** The newest number at the time when the request came: what lies between happened while it was served. */
  readonly arrivedAfter: number
  readonly atMs: number
  readonly nodeId: number
  readonly clientId: string
  readonly api: string
  readonly version: number
  readonly request: object
  /** What was answered, or why nothing was. */
  readonly response: object | 'close' | 'drop' | 'applyThenDrop'
}

export type HistoryChange = {
  readonly kind: 'change'
  readonly number: number
  readonly atMs: number
  readonly event: BrokerEvent
}
