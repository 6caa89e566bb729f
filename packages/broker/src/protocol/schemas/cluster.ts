/** Wire layout of the APIs about brokers, topics, configuration and authentication. Notation: `../schema.ts`. */

export const clusterSchemas = {
  Metadata: {
    key: 3,
    versions: [0, 13],
    flexibleFrom: 9,
    request: {
      topics: ['array? null 1+', { topicId: 'uuid 10+', name: 'string? null 10+' }],
      allowAutoTopicCreation: 'bool 4+ = true',
      includeClusterAuthorizedOperations: 'bool 8-10 = false',
      includeTopicAuthorizedOperations: 'bool 8+ = false',
    },
    response: {
      throttleTimeMs: 'int32 3+ = 0',
      brokers: ['array', { nodeId: 'int32', host: 'string', port: 'int32', rack: 'string? 1+' }],
      clusterId: 'string? 2+',
      controllerId: 'int32 1+ = -1',
      topics: [
        'array',
        {
          errorCode: 'int16',
          name: 'string? null 12+',
          topicId: 'uuid 10+',
          isInternal: 'bool 1+',
          partitions: [
            'array',
            {
              errorCode: 'int16',
              partitionIndex: 'int32',
              leaderId: 'int32',
              leaderEpoch: 'int32 7+ = -1',
              replicaNodes: 'int32[]',
              isrNodes: 'int32[]',
              offlineReplicas: 'int32[] 5+ = []',
            },
          ],
          topicAuthorizedOperations: 'int32 8+ = -2147483648',
        },
      ],
      clusterAuthorizedOperations: 'int32 8-10 = -2147483648',
      errorCode: 'int16 13+ = 0',
    },
  },

  SaslHandshake: {
    key: 17,
    versions: [0, 1],
    /** Never: this API kept its first layout. */
    flexibleFrom: 99,
    request: { mechanism: 'string' },
    response: { errorCode: 'int16', mechanisms: 'string[]' },
  },

  ApiVersions: {
    key: 18,
    versions: [0, 4],
    flexibleFrom: 3,
    request: { clientSoftwareName: 'string 3+ = empty', clientSoftwareVersion: 'string 3+ = empty' },
    response: {
      errorCode: 'int16',
      apiKeys: ['array', { apiKey: 'int16', minVersion: 'int16', maxVersion: 'int16' }],
      throttleTimeMs: 'int32 1+ = 0',
      supportedFeatures: ['array 3+ tag 0', { name: 'string', minVersion: 'int16', maxVersion: 'int16' }],
      finalizedFeaturesEpoch: 'int64 3+ tag 1 = -1',
      finalizedFeatures: ['array 3+ tag 2', { name: 'string', maxVersionLevel: 'int16', minVersionLevel: 'int16' }],
      zkMigrationReady: 'bool 3+ tag 3',
    },
  },

  CreateTopics: {
    key: 19,
    versions: [2, 7],
    flexibleFrom: 5,
    request: {
      topics: [
        'array',
        {
          name: 'string',
          numPartitions: 'int32',
          replicationFactor: 'int16',
          assignments: ['array = []', { partitionIndex: 'int32', brokerIds: 'int32[]' }],
          configs: ['array', { name: 'string', value: 'string?' }],
        },
      ],
      timeoutMs: 'int32',
      validateOnly: 'bool 1+ = false',
    },
    response: {
      throttleTimeMs: 'int32 2+ = 0',
      topics: [
        'array',
        {
          name: 'string',
          topicId: 'uuid 7+',
          errorCode: 'int16',
          errorMessage: 'string? 1+',
          topicConfigErrorCode: 'int16 5+ tag 0',
          numPartitions: 'int32 5+ = -1',
          replicationFactor: 'int16 5+ = -1',
          configs: [
            'array? 5+',
            {
              name: 'string',
              value: 'string?',
              readOnly: 'bool',
              configSource: 'int8 = -1',
              isSensitive: 'bool',
            },
          ],
        },
      ],
    },
  },

  DeleteTopics: {
    key: 20,
    versions: [1, 6],
    flexibleFrom: 4,
    request: {
      topics: ['array 6+ = []', { name: 'string?', topicId: 'uuid' }],
      topicNames: 'string[] 0-5 = []',
      timeoutMs: 'int32',
    },
    response: {
      throttleTimeMs: 'int32 1+ = 0',
      responses: [
        'array',
        { name: 'string? null 6+', topicId: 'uuid 6+', errorCode: 'int16', errorMessage: 'string? 5+' },
      ],
    },
  },

  DescribeConfigs: {
    key: 32,
    versions: [1, 4],
    flexibleFrom: 4,
    request: {
      resources: ['array', { resourceType: 'int8', resourceName: 'string', configurationKeys: 'string[]?' }],
      includeSynonyms: 'bool 1+ = false',
      includeDocumentation: 'bool 3+ = false',
    },
    response: {
      throttleTimeMs: 'int32 = 0',
      results: [
        'array',
        {
          errorCode: 'int16',
          errorMessage: 'string?',
          resourceType: 'int8',
          resourceName: 'string',
          configs: [
            'array',
            {
              name: 'string',
              value: 'string?',
              readOnly: 'bool',
              configSource: 'int8 1+ = -1',
              isSensitive: 'bool',
              synonyms: ['array 1+', { name: 'string', value: 'string?', source: 'int8' }],
              configType: 'int8 3+ = 0',
              documentation: 'string? 3+ = null',
            },
          ],
        },
      ],
    },
  },

  SaslAuthenticate: {
    key: 36,
    versions: [0, 2],
    flexibleFrom: 2,
    request: { authBytes: 'bytes' },
    response: {
      errorCode: 'int16',
      errorMessage: 'string?',
      authBytes: 'bytes',
      sessionLifetimeMs: 'int64 1+ = 0',
    },
  },
} as const
