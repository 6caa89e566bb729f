/** The port is the wire: the set of Kafka requests that Holdfast sends, typed, each addressed to a node.
 *
 *  A port decides nothing. It holds no metadata, no cache and no retries: one call is one request and one answer, or
 *  one `PortError`. Error codes inside an answer are values, never exceptions, because one bad partition must not hide
 *  the good ones. Two implementations: over sockets (`link.ts` with `platformatic/`) and in process (`testing/`).
 *
 *  Field names are those of the Kafka protocol guide in camel case. 64-bit integers are numbers, asserted safe where
 *  they are offsets; topic ids are lower-case dashed UUIDs; record data is raw bytes in both directions. */

/** Where a broker listens. Answers of Metadata and FindCoordinator carry addresses in this form. */
export type NodeAddress = { readonly host: string; readonly port: number }

/** A broker serves one request at a time per connection, so requests that may wait for long have connections of their own. */
export type Channel = 'main' | 'fetch' | 'produce' | 'join'

export type CallOptions = {
  /** Which of the node's connections carries the request. */
  readonly channel: Channel
  /** How long to wait for the answer, connecting included. At the deadline the call rejects with kind `timeout` and the
   *  connection is closed, because answers on it would arrive in an order that nobody knows any more. If there was no
   *  connection yet, the kind is `refused`: then the request was certainly not sent. */
  readonly timeoutMs: number
  /** Aborting rejects this call at once with kind `aborted`; the connection lives on and the late answer is dropped. */
  readonly signal?: AbortSignal | undefined
}

export type KafkaPort = {
  /** Sends one request and resolves with its decoded answer. Rejects with a `PortError` only. */
  call<A extends KafkaApi>(
    node: NodeAddress,
    api: A,
    request: RequestOf<A>,
    options: CallOptions,
  ): Promise<ResponseOf<A>>
  /** Closes every connection synchronously; calls in flight reject with kind `closed`, later ones too. */
  close(): void
}

export type KafkaApi = keyof KafkaApis
export type RequestOf<A extends KafkaApi> = KafkaApis[A]['request']
export type ResponseOf<A extends KafkaApi> = KafkaApis[A]['response']

/** One row per API; a new API is one row here and one in each implementation. */
export type KafkaApis = {
  Metadata: { request: MetadataRequest; response: MetadataResponse }
  FindCoordinator: { request: FindCoordinatorRequest; response: FindCoordinatorResponse }
  JoinGroup: { request: JoinGroupRequest; response: JoinGroupResponse }
  SyncGroup: { request: SyncGroupRequest; response: SyncGroupResponse }
  Heartbeat: { request: HeartbeatRequest; response: HeartbeatResponse }
  LeaveGroup: { request: LeaveGroupRequest; response: LeaveGroupResponse }
  OffsetCommit: { request: OffsetCommitRequest; response: OffsetCommitResponse }
  OffsetFetch: { request: OffsetFetchRequest; response: OffsetFetchResponse }
  Fetch: { request: FetchRequest; response: FetchResponse }
  ListOffsets: { request: ListOffsetsRequest; response: ListOffsetsResponse }
  OffsetForLeaderEpoch: { request: OffsetForLeaderEpochRequest; response: OffsetForLeaderEpochResponse }
  Produce: { request: ProduceRequest; response: ProduceResponse }
  InitProducerId: { request: InitProducerIdRequest; response: InitProducerIdResponse }
  CreateTopics: { request: CreateTopicsRequest; response: CreateTopicsResponse }
  DeleteTopics: { request: DeleteTopicsRequest; response: DeleteTopicsResponse }
  DescribeConfigs: { request: DescribeConfigsRequest; response: DescribeConfigsResponse }
}

/** `topics: null` asks for all topics, `[]` for none. */
export type MetadataRequest = { readonly topics: readonly string[] | null; readonly allowAutoTopicCreation: boolean }
export type MetadataResponse = {
  readonly brokers: readonly {
    readonly nodeId: number
    readonly host: string
    readonly port: number
    readonly rack: string | null
  }[]
  readonly clusterId: string | null
  readonly controllerId: number
  readonly topics: readonly {
    readonly errorCode: number
    readonly name: string
    /** The nil UUID when the broker is too old to know topic ids. */
    readonly topicId: string
    readonly isInternal: boolean
    readonly partitions: readonly {
      readonly errorCode: number
      readonly partitionIndex: number
      /** −1 while no leader is elected. */
      readonly leaderId: number
      /** −1 when the broker does not tell. */
      readonly leaderEpoch: number
    }[]
  }[]
}

/** `keyType` 0 names groups, 1 names transactional ids. */
export type FindCoordinatorRequest = { readonly keyType: 0 | 1; readonly keys: readonly string[] }
export type FindCoordinatorResponse = {
  readonly coordinators: readonly {
    readonly key: string
    readonly nodeId: number
    readonly host: string
    readonly port: number
    readonly errorCode: number
    readonly errorMessage: string | null
  }[]
}

export type JoinGroupRequest = {
  readonly groupId: string
  readonly sessionTimeoutMs: number
  readonly rebalanceTimeoutMs: number
  /** Empty on the first join of a new member. */
  readonly memberId: string
  readonly groupInstanceId: string | null
  readonly protocolType: 'consumer'
  /** In order of preference. */
  readonly protocols: readonly { readonly name: string; readonly metadata: Buffer }[]
  readonly reason: string | null
}
export type JoinGroupResponse = {
  readonly errorCode: number
  readonly generationId: number
  readonly protocolType: string | null
  readonly protocolName: string | null
  readonly leader: string
  readonly skipAssignment: boolean
  /** Set also together with error 79 (MEMBER_ID_REQUIRED). */
  readonly memberId: string
  /** Filled in for the leader only. */
  readonly members: readonly {
    readonly memberId: string
    readonly groupInstanceId: string | null
    readonly metadata: Buffer
  }[]
}

export type SyncGroupRequest = {
  readonly groupId: string
  readonly generationId: number
  readonly memberId: string
  readonly groupInstanceId: string | null
  readonly protocolType: 'consumer'
  readonly protocolName: string
  /** Empty unless this member leads. */
  readonly assignments: readonly { readonly memberId: string; readonly assignment: Buffer }[]
}
export type SyncGroupResponse = { readonly errorCode: number; readonly assignment: Buffer }

export type HeartbeatRequest = {
  readonly groupId: string
  readonly generationId: number
  readonly memberId: string
  readonly groupInstanceId: string | null
}
export type HeartbeatResponse = { readonly errorCode: number }

export type LeaveGroupRequest = {
  readonly groupId: string
  readonly members: readonly {
    readonly memberId: string
    readonly groupInstanceId: string | null
    readonly reason: string | null
  }[]
}
export type LeaveGroupResponse = {
  readonly errorCode: number
  readonly members: readonly {
    readonly memberId: string
    readonly groupInstanceId: string | null
    readonly errorCode: number
  }[]
}

export type OffsetCommitRequest = {
  readonly groupId: string
  readonly generationIdOrMemberEpoch: number
  readonly memberId: string
  readonly groupInstanceId: string | null
  readonly topics: readonly {
    readonly name: string
    readonly partitions: readonly {
      readonly partitionIndex: number
      /** The next offset to read, not the last one done. */
      readonly committedOffset: number
      readonly committedLeaderEpoch: number
      readonly committedMetadata: string | null
    }[]
  }[]
}
export type OffsetCommitResponse = {
  readonly topics: readonly {
    readonly name: string
    readonly partitions: readonly { readonly partitionIndex: number; readonly errorCode: number }[]
  }[]
}

export type OffsetFetchRequest = {
  readonly groups: readonly {
    readonly groupId: string
    readonly memberId: string | null
    readonly memberEpoch: number
    /** `null` asks for every partition the group has committed. */
    readonly topics: readonly { readonly name: string; readonly partitionIndexes: readonly number[] }[] | null
  }[]
  readonly requireStable: boolean
}
export type OffsetFetchResponse = {
  readonly groups: readonly {
    readonly groupId: string
    readonly errorCode: number
    readonly topics: readonly {
      readonly name: string
      readonly partitions: readonly {
        readonly partitionIndex: number
        /** −1 when nothing is committed. */
        readonly committedOffset: number
        readonly committedLeaderEpoch: number
        readonly metadata: string | null
        readonly errorCode: number
      }[]
    }[]
  }[]
}

/** `sessionId` 0 with `sessionEpoch` 0 opens a session, `sessionEpoch` −1 fetches without one (or closes it). */
export type FetchRequest = {
  readonly maxWaitMs: number
  readonly minBytes: number
  readonly maxBytes: number
  /** 0 read uncommitted, 1 read committed. */
  readonly isolationLevel: 0 | 1
  readonly sessionId: number
  readonly sessionEpoch: number
  readonly topics: readonly {
    /** Both name and id: the version that the broker speaks decides which one travels. */
    readonly topic: string
    readonly topicId: string
    readonly partitions: readonly {
      readonly partition: number
      readonly currentLeaderEpoch: number
      readonly fetchOffset: number
      readonly lastFetchedEpoch: number
      readonly partitionMaxBytes: number
    }[]
  }[]
  readonly forgottenTopics: readonly {
    readonly topic: string
    readonly topicId: string
    readonly partitions: readonly number[]
  }[]
}
export type FetchResponse = {
  readonly errorCode: number
  /** 0 when the broker keeps no session. */
  readonly sessionId: number
  readonly responses: readonly {
    /** Empty from version 13 on, where only the id travels. */
    readonly topic: string
    /** The nil UUID below version 13. */
    readonly topicId: string
    readonly partitions: readonly FetchedPartition[]
  }[]
  /** Addresses of the leaders named in `currentLeader`, from version 16 on. */
  readonly nodeEndpoints: readonly { readonly nodeId: number; readonly host: string; readonly port: number }[]
}
export type FetchedPartition = {
  readonly partitionIndex: number
  readonly errorCode: number
  readonly highWatermark: number
  readonly lastStableOffset: number
  readonly logStartOffset: number
  /** Sorted by first offset, as the broker sends them. */
  readonly abortedTransactions: readonly { readonly producerId: number; readonly firstOffset: number }[]
  /** Present when `errorCode` says that the leader moved and the broker knows where to. */
  readonly currentLeader: { readonly leaderId: number; readonly leaderEpoch: number } | null
  /** Present when the log diverged from what `lastFetchedEpoch` promised: where to continue from. */
  readonly divergingEpoch: { readonly epoch: number; readonly endOffset: number } | null
  /** Record batches end to end, the last one possibly cut off. One contiguous buffer; empty when there are none. */
  readonly records: Buffer
}

/** `timestamp` −1 asks for the end (of what the isolation level may read), −2 for the beginning. */
export type ListOffsetsRequest = {
  readonly isolationLevel: 0 | 1
  readonly topics: readonly {
    readonly name: string
    readonly partitions: readonly {
      readonly partitionIndex: number
      readonly currentLeaderEpoch: number
      readonly timestamp: number
    }[]
  }[]
}
export type ListOffsetsResponse = {
  readonly topics: readonly {
    readonly name: string
    readonly partitions: readonly {
      readonly partitionIndex: number
      readonly errorCode: number
      readonly timestamp: number
      /** −1 when no record is at or after the timestamp. */
      readonly offset: number
      readonly leaderEpoch: number
    }[]
  }[]
}

export type OffsetForLeaderEpochRequest = {
  readonly topics: readonly {
    readonly topic: string
    readonly partitions: readonly {
      readonly partition: number
      readonly currentLeaderEpoch: number
      readonly leaderEpoch: number
    }[]
  }[]
}
export type OffsetForLeaderEpochResponse = {
  readonly topics: readonly {
    readonly topic: string
    readonly partitions: readonly {
      readonly partition: number
      readonly errorCode: number
      readonly leaderEpoch: number
      readonly endOffset: number
    }[]
  }[]
}

/** Always `acks: -1` unless a tool asks for less: a hand-off that is not on all replicas has not happened. */
export type ProduceRequest = {
  readonly transactionalId: string | null
  readonly acks: -1 | 1
  readonly timeoutMs: number
  /** One encoded batch per partition, sent as it is: encoded once, resent with the same bytes. */
  readonly topics: readonly {
    readonly name: string
    readonly partitions: readonly { readonly index: number; readonly records: Buffer }[]
  }[]
}
export type ProduceResponse = {
  readonly responses: readonly {
    readonly name: string
    readonly partitions: readonly {
      readonly index: number
      readonly errorCode: number
      readonly baseOffset: number
      /** The broker's clock when the topic uses LogAppendTime, else −1. */
      readonly logAppendTimeMs: number
      readonly logStartOffset: number
      readonly errorMessage: string | null
    }[]
  }[]
}

export type InitProducerIdRequest = {
  readonly transactionalId: string | null
  readonly transactionTimeoutMs: number
  readonly producerId: number
  readonly producerEpoch: number
}
export type InitProducerIdResponse = {
  readonly errorCode: number
  readonly producerId: number
  readonly producerEpoch: number
}

export type CreateTopicsRequest = {
  readonly topics: readonly {
    readonly name: string
    /** −1 takes the broker's default. */
    readonly numPartitions: number
    /** −1 takes the broker's default. */
    readonly replicationFactor: number
    readonly configs: readonly { readonly name: string; readonly value: string | null }[]
  }[]
  readonly timeoutMs: number
  readonly validateOnly: boolean
}
export type CreateTopicsResponse = {
  readonly topics: readonly {
    readonly name: string
    readonly topicId: string
    readonly errorCode: number
    readonly errorMessage: string | null
  }[]
}

export type DeleteTopicsRequest = { readonly topicNames: readonly string[]; readonly timeoutMs: number }
export type DeleteTopicsResponse = {
  readonly responses: readonly {
    readonly name: string
    readonly errorCode: number
    readonly errorMessage: string | null
  }[]
}

/** `resourceType` 2 is a topic, 4 a broker (its name is the node id), 32 a group. */
export type DescribeConfigsRequest = {
  readonly resources: readonly {
    readonly resourceType: 2 | 4 | 32
    readonly resourceName: string
    readonly configurationKeys: readonly string[] | null
  }[]
}
export type DescribeConfigsResponse = {
  readonly results: readonly {
    readonly errorCode: number
    readonly errorMessage: string | null
    readonly resourceType: number
    readonly resourceName: string
    readonly configs: readonly {
      readonly name: string
      readonly value: string | null
      readonly readOnly: boolean
      readonly isSensitive: boolean
    }[]
  }[]
}

/** Why a call has no answer:
 *  `refused` no connection could be made (closed port, unknown name, TLS failure, silence until the deadline) · `timeout`
 *  the deadline passed after the request was sent ·
 *  `aborted` by the caller's signal · `closed` the connection ended while the call was in flight · `auth` SASL refused ·
 *  `unsupported` node and we share no version of the API · `protocol` an answer that could not be understood. */
export type PortErrorKind = 'refused' | 'timeout' | 'aborted' | 'closed' | 'auth' | 'unsupported' | 'protocol'

/** The only error that a port rejects with. After `timeout` and `closed` nobody knows whether the broker applied the
 *  request; after `refused`, `auth` and `unsupported` it certainly did not. */
export class PortError extends Error {
  override readonly name = 'PortError'
  readonly kind: PortErrorKind
  readonly node: NodeAddress

  constructor(kind: PortErrorKind, node: NodeAddress, message: string, options?: { cause?: unknown }) {
    super(`${message} (${node.host}:${node.port})`, options)
    this.kind = kind
    this.node = node
  }

  /** Whether the broker may have applied the request although no answer came. */
  get isAmbiguous(): boolean {
    return this.kind !== 'refused' && this.kind !== 'auth' && this.kind !== 'unsupported'
  }
}
