/** Wire layout of the consumer protocol of KIP-848 and of OffsetDelete. Notation: `../schema.ts`. */

export const consumerGroupSchemas = {
  OffsetDelete: {
    key: 47,
    versions: [0, 0],
    flexibleFrom: 99,
    request: {
      groupId: 'string',
      topics: ['array', { name: 'string', partitions: ['array', { partitionIndex: 'int32' }] }],
    },
    response: {
      errorCode: 'int16',
      throttleTimeMs: 'int32 = 0',
      topics: ['array', { name: 'string', partitions: ['array', { partitionIndex: 'int32', errorCode: 'int16' }] }],
    },
  },

  ConsumerGroupHeartbeat: {
    key: 68,
    versions: [0, 1],
    flexibleFrom: 0,
    request: {
      groupId: 'string',
      memberId: 'string',
      memberEpoch: 'int32',
      instanceId: 'string? = null',
      rackId: 'string? = null',
      rebalanceTimeoutMs: 'int32 = -1',
      subscribedTopicNames: 'string[]? = null',
      subscribedTopicRegex: 'string? 1+ = null',
      serverAssignor: 'string? = null',
      topicPartitions: ['array? = null', { topicId: 'uuid', partitions: 'int32[]' }],
    },
    response: {
      throttleTimeMs: 'int32 = 0',
      errorCode: 'int16',
      errorMessage: 'string? = null',
      memberId: 'string? = null',
      memberEpoch: 'int32 = 0',
      heartbeatIntervalMs: 'int32 = 0',
      assignment: ['struct? = null', { topicPartitions: ['array', { topicId: 'uuid', partitions: 'int32[]' }] }],
    },
  },

  ConsumerGroupDescribe: {
    key: 69,
    versions: [0, 1],
    flexibleFrom: 0,
    request: { groupIds: 'string[]', includeAuthorizedOperations: 'bool = false' },
    response: {
      throttleTimeMs: 'int32 = 0',
      groups: [
        'array',
        {
          errorCode: 'int16',
          errorMessage: 'string? = null',
          groupId: 'string',
          groupState: 'string = empty',
          groupEpoch: 'int32 = 0',
          assignmentEpoch: 'int32 = 0',
          assignorName: 'string = empty',
          members: [
            'array',
            {
              memberId: 'string',
              instanceId: 'string?',
              rackId: 'string?',
              memberEpoch: 'int32',
              clientId: 'string',
              clientHost: 'string',
              subscribedTopicNames: 'string[]',
              subscribedTopicRegex: 'string?',
              assignment: [
                'struct',
                { topicPartitions: ['array', { topicId: 'uuid', topicName: 'string', partitions: 'int32[]' }] },
              ],
              targetAssignment: [
                'struct',
                { topicPartitions: ['array', { topicId: 'uuid', topicName: 'string', partitions: 'int32[]' }] },
              ],
              memberType: 'int8 1+ = -1',
            },
          ],
          authorizedOperations: 'int32 = -2147483648',
        },
      ],
    },
  },
} as const
