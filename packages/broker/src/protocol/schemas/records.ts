/** Wire layout of the APIs that carry records and offsets of logs. Notation: `../schema.ts`. */

export const recordSchemas = {
  Produce: {
    key: 0,
    versions: [3, 12],
    flexibleFrom: 9,
    request: {
      transactionalId: 'string? 3+',
      acks: 'int16',
      timeoutMs: 'int32',
      topics: ['array', { name: 'string', partitions: ['array', { index: 'int32', records: 'bytes?' }] }],
    },
    response: {
      responses: [
        'array',
        {
          name: 'string',
          partitions: [
            'array',
            {
              index: 'int32',
              errorCode: 'int16',
              baseOffset: 'int64 = -1',
              logAppendTimeMs: 'int64 2+ = -1',
              logStartOffset: 'int64 5+ = -1',
              recordErrors: ['array 8+ = []', { batchIndex: 'int32', batchIndexErrorMessage: 'string?' }],
              errorMessage: 'string? 8+ = null',
              currentLeader: ['struct 10+ tag 0', { leaderId: 'int32', leaderEpoch: 'int32' }],
            },
          ],
        },
      ],
      throttleTimeMs: 'int32 1+ = 0',
      nodeEndpoints: ['array 10+ tag 0', { nodeId: 'int32', host: 'string', port: 'int32', rack: 'string? = null' }],
    },
  },

  Fetch: {
    key: 1,
    versions: [4, 17],
    flexibleFrom: 12,
    request: {
      clusterId: 'string? 12+ tag 0',
      replicaId: 'int32 0-14 = -1',
      replicaState: ['struct 15+ tag 1', { replicaId: 'int32 = -1', replicaEpoch: 'int64 = -1' }],
      maxWaitMs: 'int32',
      minBytes: 'int32',
      maxBytes: 'int32 3+ = 2147483647',
      isolationLevel: 'int8 4+ = 0',
      sessionId: 'int32 7+ = 0',
      sessionEpoch: 'int32 7+ = -1',
      topics: [
        'array',
        {
          topic: 'string 0-12',
          topicId: 'uuid 13+',
          partitions: [
            'array',
            {
              partition: 'int32',
              currentLeaderEpoch: 'int32 9+ = -1',
              fetchOffset: 'int64',
              lastFetchedEpoch: 'int32 12+ = -1',
              logStartOffset: 'int64 5+ = -1',
              partitionMaxBytes: 'int32',
              replicaDirectoryId: 'uuid 17+ tag 0',
            },
          ],
        },
      ],
      forgottenTopics: ['array 7+ = []', { topic: 'string 0-12', topicId: 'uuid 13+', partitions: 'int32[]' }],
      rackId: 'string 11+ = empty',
    },
    response: {
      throttleTimeMs: 'int32 1+ = 0',
      errorCode: 'int16 7+ = 0',
      sessionId: 'int32 7+ = 0',
      responses: [
        'array',
        {
          topic: 'string 0-12',
          topicId: 'uuid 13+',
          partitions: [
            'array',
            {
              partitionIndex: 'int32',
              errorCode: 'int16',
              highWatermark: 'int64',
              lastStableOffset: 'int64 4+ = -1',
              logStartOffset: 'int64 5+ = -1',
              divergingEpoch: ['struct 12+ tag 0', { epoch: 'int32', endOffset: 'int64' }],
              currentLeader: ['struct 12+ tag 1', { leaderId: 'int32', leaderEpoch: 'int32' }],
              snapshotId: ['struct 12+ tag 2', { endOffset: 'int64', epoch: 'int32' }],
              abortedTransactions: ['array? 4+', { producerId: 'int64', firstOffset: 'int64' }],
              preferredReadReplica: 'int32 11+ = -1',
              records: 'bytes?',
            },
          ],
        },
      ],
      nodeEndpoints: ['array 16+ tag 0', { nodeId: 'int32', host: 'string', port: 'int32', rack: 'string? = null' }],
    },
  },

  ListOffsets: {
    key: 2,
    versions: [1, 11],
    flexibleFrom: 6,
    request: {
      replicaId: 'int32 = -1',
      isolationLevel: 'int8 2+ = 0',
      topics: [
        'array',
        {
          name: 'string',
          partitions: ['array', { partitionIndex: 'int32', currentLeaderEpoch: 'int32 4+ = -1', timestamp: 'int64' }],
        },
      ],
      timeoutMs: 'int32 10+ = 0',
    },
    response: {
      throttleTimeMs: 'int32 2+ = 0',
      topics: [
        'array',
        {
          name: 'string',
          partitions: [
            'array',
            {
              partitionIndex: 'int32',
              errorCode: 'int16',
              timestamp: 'int64 1+ = -1',
              offset: 'int64 1+ = -1',
              leaderEpoch: 'int32 4+ = -1',
            },
          ],
        },
      ],
    },
  },

  DeleteRecords: {
    key: 21,
    versions: [0, 2],
    flexibleFrom: 2,
    request: {
      topics: ['array', { name: 'string', partitions: ['array', { partitionIndex: 'int32', offset: 'int64' }] }],
      timeoutMs: 'int32',
    },
    response: {
      throttleTimeMs: 'int32 = 0',
      topics: [
        'array',
        {
          name: 'string',
          partitions: ['array', { partitionIndex: 'int32', lowWatermark: 'int64', errorCode: 'int16' }],
        },
      ],
    },
  },

  OffsetForLeaderEpoch: {
    key: 23,
    versions: [2, 4],
    flexibleFrom: 4,
    request: {
      replicaId: 'int32 3+ = -2',
      topics: [
        'array',
        {
          topic: 'string',
          partitions: ['array', { partition: 'int32', currentLeaderEpoch: 'int32 2+ = -1', leaderEpoch: 'int32' }],
        },
      ],
    },
    response: {
      throttleTimeMs: 'int32 2+ = 0',
      topics: [
        'array',
        {
          topic: 'string',
          partitions: [
            'array',
            {
              errorCode: 'int16',
              partition: 'int32',
              leaderEpoch: 'int32 1+ = -1',
              endOffset: 'int64 = -1',
            },
          ],
        },
      ],
    },
  },
} as const
