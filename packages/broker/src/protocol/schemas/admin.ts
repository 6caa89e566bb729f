/** Wire layout of the APIs that change topics and configuration, or describe the cluster at length. Notation: `../schema.ts`. */

export const adminSchemas = {
  AlterConfigs: {
    key: 33,
    versions: [0, 2],
    flexibleFrom: 2,
    request: {
      resources: [
        'array',
        { resourceType: 'int8', resourceName: 'string', configs: ['array', { name: 'string', value: 'string?' }] },
      ],
      validateOnly: 'bool',
    },
    response: {
      throttleTimeMs: 'int32 = 0',
      responses: [
        'array',
        { errorCode: 'int16', errorMessage: 'string?', resourceType: 'int8', resourceName: 'string' },
      ],
    },
  },

  CreatePartitions: {
    key: 37,
    versions: [0, 3],
    flexibleFrom: 2,
    request: {
      topics: ['array', { name: 'string', count: 'int32', assignments: ['array?', { brokerIds: 'int32[]' }] }],
      timeoutMs: 'int32',
      validateOnly: 'bool',
    },
    response: {
      throttleTimeMs: 'int32 = 0',
      results: ['array', { name: 'string', errorCode: 'int16', errorMessage: 'string? = null' }],
    },
  },

  IncrementalAlterConfigs: {
    key: 44,
    versions: [0, 1],
    flexibleFrom: 1,
    request: {
      resources: [
        'array',
        {
          resourceType: 'int8',
          resourceName: 'string',
          configs: ['array', { name: 'string', configOperation: 'int8', value: 'string?' }],
        },
      ],
      validateOnly: 'bool',
    },
    response: {
      throttleTimeMs: 'int32 = 0',
      responses: [
        'array',
        { errorCode: 'int16', errorMessage: 'string?', resourceType: 'int8', resourceName: 'string' },
      ],
    },
  },

  DescribeCluster: {
    key: 60,
    versions: [0, 2],
    flexibleFrom: 0,
    request: {
      includeClusterAuthorizedOperations: 'bool',
      endpointType: 'int8 1+ = 1',
      includeFencedBrokers: 'bool 2+',
    },
    response: {
      throttleTimeMs: 'int32 = 0',
      errorCode: 'int16',
      errorMessage: 'string? = null',
      endpointType: 'int8 1+ = 1',
      clusterId: 'string',
      controllerId: 'int32 = -1',
      brokers: [
        'array',
        { brokerId: 'int32', host: 'string', port: 'int32', rack: 'string? = null', isFenced: 'bool 2+ = false' },
      ],
      clusterAuthorizedOperations: 'int32 = -2147483648',
    },
  },

  DescribeTopicPartitions: {
    key: 75,
    versions: [0, 0],
    flexibleFrom: 0,
    request: {
      topics: ['array', { name: 'string' }],
      responsePartitionLimit: 'int32 = 2000',
      cursor: ['struct? = null', { topicName: 'string', partitionIndex: 'int32' }],
    },
    response: {
      throttleTimeMs: 'int32 = 0',
      topics: [
        'array',
        {
          errorCode: 'int16',
          name: 'string?',
          topicId: 'uuid',
          isInternal: 'bool',
          partitions: [
            'array',
            {
              errorCode: 'int16',
              partitionIndex: 'int32',
              leaderId: 'int32',
              leaderEpoch: 'int32 = -1',
              replicaNodes: 'int32[]',
              isrNodes: 'int32[]',
              eligibleLeaderReplicas: 'int32[]? = null',
              lastKnownElr: 'int32[]? = null',
              offlineReplicas: 'int32[]',
            },
          ],
          topicAuthorizedOperations: 'int32 = -2147483648',
        },
      ],
      nextCursor: ['struct? = null', { topicName: 'string', partitionIndex: 'int32' }],
    },
  },
} as const
