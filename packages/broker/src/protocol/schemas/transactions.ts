/** Wire layout of the APIs of transactions and producer ids. Notation: `../schema.ts`. */

export const transactionSchemas = {
  InitProducerId: {
    key: 22,
    versions: [0, 5],
    flexibleFrom: 2,
    request: {
      transactionalId: 'string?',
      transactionTimeoutMs: 'int32',
      producerId: 'int64 3+ = -1',
      producerEpoch: 'int16 3+ = -1',
    },
    response: {
      throttleTimeMs: 'int32 = 0',
      errorCode: 'int16',
      producerId: 'int64 = -1',
      producerEpoch: 'int16 = -1',
    },
  },

  AddPartitionsToTxn: {
    key: 24,
    // From 4 on it is spoken between brokers only: a client that sends it needs the rights of a broker.
    versions: [0, 3],
    flexibleFrom: 3,
    request: {
      transactionalId: 'string',
      producerId: 'int64',
      producerEpoch: 'int16',
      topics: ['array', { name: 'string', partitions: 'int32[]' }],
    },
    response: {
      throttleTimeMs: 'int32 = 0',
      results: ['array', { name: 'string', partitions: ['array', { partitionIndex: 'int32', errorCode: 'int16' }] }],
    },
  },

  AddOffsetsToTxn: {
    key: 25,
    versions: [0, 4],
    flexibleFrom: 3,
    request: { transactionalId: 'string', producerId: 'int64', producerEpoch: 'int16', groupId: 'string' },
    response: { throttleTimeMs: 'int32 = 0', errorCode: 'int16' },
  },

  EndTxn: {
    key: 26,
    versions: [0, 5],
    flexibleFrom: 3,
    request: { transactionalId: 'string', producerId: 'int64', producerEpoch: 'int16', committed: 'bool' },
    response: {
      throttleTimeMs: 'int32 = 0',
      errorCode: 'int16',
      producerId: 'int64 5+ = -1',
      producerEpoch: 'int16 5+ = -1',
    },
  },

  TxnOffsetCommit: {
    key: 28,
    versions: [0, 5],
    flexibleFrom: 3,
    request: {
      transactionalId: 'string',
      groupId: 'string',
      producerId: 'int64',
      producerEpoch: 'int16',
      generationId: 'int32 3+ = -1',
      memberId: 'string 3+ = empty',
      groupInstanceId: 'string? 3+ = null',
      topics: [
        'array',
        {
          name: 'string',
          partitions: [
            'array',
            {
              partitionIndex: 'int32',
              committedOffset: 'int64',
              committedLeaderEpoch: 'int32 2+ = -1',
              committedMetadata: 'string?',
            },
          ],
        },
      ],
    },
    response: {
      throttleTimeMs: 'int32 = 0',
      topics: ['array', { name: 'string', partitions: ['array', { partitionIndex: 'int32', errorCode: 'int16' }] }],
    },
  },

  DescribeTransactions: {
    key: 65,
    versions: [0, 0],
    flexibleFrom: 0,
    request: { transactionalIds: 'string[]' },
    response: {
      throttleTimeMs: 'int32 = 0',
      transactionStates: [
        'array',
        {
          errorCode: 'int16',
          transactionalId: 'string',
          transactionState: 'string',
          transactionTimeoutMs: 'int32',
          transactionStartTimeMs: 'int64',
          producerId: 'int64',
          producerEpoch: 'int16',
          topics: ['array', { topic: 'string', partitions: 'int32[]' }],
        },
      ],
    },
  },

  ListTransactions: {
    key: 66,
    versions: [0, 1],
    flexibleFrom: 0,
    request: {
      stateFilters: 'string[]',
      producerIdFilters: 'int64[]',
      durationFilter: 'int64 1+ = -1',
    },
    response: {
      throttleTimeMs: 'int32 = 0',
      errorCode: 'int16',
      unknownStateFilters: 'string[]',
      transactionStates: ['array', { transactionalId: 'string', producerId: 'int64', transactionState: 'string' }],
    },
  },
} as const
