/** Wire layout of the APIs of consumer groups and their offsets. Notation: `../schema.ts`. */

export const groupSchemas = {
  OffsetCommit: {
    key: 8,
    versions: [2, 9],
    flexibleFrom: 8,
    request: {
      groupId: 'string',
      generationIdOrMemberEpoch: 'int32 1+ = -1',
      memberId: 'string 1+ = empty',
      groupInstanceId: 'string? 7+ = null',
      retentionTimeMs: 'int64 2-4 = -1',
      topics: [
        'array',
        {
          name: 'string',
          partitions: [
            'array',
            {
              partitionIndex: 'int32',
              committedOffset: 'int64',
              committedLeaderEpoch: 'int32 6+ = -1',
              committedMetadata: 'string?',
            },
          ],
        },
      ],
    },
    response: {
      throttleTimeMs: 'int32 3+ = 0',
      topics: ['array', { name: 'string', partitions: ['array', { partitionIndex: 'int32', errorCode: 'int16' }] }],
    },
  },

  OffsetFetch: {
    key: 9,
    versions: [1, 9],
    flexibleFrom: 6,
    request: {
      groupId: 'string 0-7',
      topics: ['array? 0-7 null 2+', { name: 'string', partitionIndexes: 'int32[]' }],
      groups: [
        'array 8+',
        {
          groupId: 'string',
          memberId: 'string? 9+ = null',
          memberEpoch: 'int32 9+ = -1',
          topics: ['array?', { name: 'string', partitionIndexes: 'int32[]' }],
        },
      ],
      requireStable: 'bool 7+ = false',
    },
    response: {
      throttleTimeMs: 'int32 3+ = 0',
      topics: [
        'array 0-7 = []',
        {
          name: 'string',
          partitions: [
            'array',
            {
              partitionIndex: 'int32',
              committedOffset: 'int64',
              committedLeaderEpoch: 'int32 5+ = -1',
              metadata: 'string?',
              errorCode: 'int16',
            },
          ],
        },
      ],
      errorCode: 'int16 2-7 = 0',
      groups: [
        'array 8+ = []',
        {
          groupId: 'string',
          topics: [
            'array',
            {
              name: 'string',
              partitions: [
                'array',
                {
                  partitionIndex: 'int32',
                  committedOffset: 'int64',
                  committedLeaderEpoch: 'int32 5+ = -1',
                  metadata: 'string?',
                  errorCode: 'int16',
                },
              ],
            },
          ],
          errorCode: 'int16',
        },
      ],
    },
  },

  FindCoordinator: {
    key: 10,
    versions: [0, 6],
    flexibleFrom: 3,
    request: { key: 'string 0-3', keyType: 'int8 1+', keys: 'string[] 4+' },
    response: {
      throttleTimeMs: 'int32 1+ = 0',
      errorCode: 'int16 0-3 = 0',
      errorMessage: 'string? 1-3 = null',
      nodeId: 'int32 0-3 = 0',
      host: 'string 0-3 = empty',
      port: 'int32 0-3 = 0',
      coordinators: [
        'array 4+ = []',
        {
          key: 'string',
          nodeId: 'int32',
          host: 'string',
          port: 'int32',
          errorCode: 'int16',
          errorMessage: 'string?',
        },
      ],
    },
  },

  JoinGroup: {
    key: 11,
    versions: [0, 9],
    flexibleFrom: 6,
    request: {
      groupId: 'string',
      sessionTimeoutMs: 'int32',
      rebalanceTimeoutMs: 'int32 1+ = -1',
      memberId: 'string',
      groupInstanceId: 'string? 5+ = null',
      protocolType: 'string',
      protocols: ['array', { name: 'string', metadata: 'bytes' }],
      reason: 'string? 8+ = null',
    },
    response: {
      throttleTimeMs: 'int32 2+ = 0',
      errorCode: 'int16',
      generationId: 'int32 = -1',
      protocolType: 'string? 7+',
      protocolName: 'string? null 7+',
      leader: 'string',
      skipAssignment: 'bool 9+ = false',
      memberId: 'string',
      members: ['array', { memberId: 'string', groupInstanceId: 'string? 5+', metadata: 'bytes' }],
    },
  },

  Heartbeat: {
    key: 12,
    versions: [0, 4],
    flexibleFrom: 4,
    request: {
      groupId: 'string',
      generationId: 'int32',
      memberId: 'string',
      groupInstanceId: 'string? 3+ = null',
    },
    response: { throttleTimeMs: 'int32 1+ = 0', errorCode: 'int16' },
  },

  LeaveGroup: {
    key: 13,
    versions: [0, 5],
    flexibleFrom: 4,
    request: {
      groupId: 'string',
      memberId: 'string 0-2',
      members: ['array 3+', { memberId: 'string', groupInstanceId: 'string? 3+ = null', reason: 'string? 5+ = null' }],
    },
    response: {
      throttleTimeMs: 'int32 1+ = 0',
      errorCode: 'int16',
      members: ['array 3+ = []', { memberId: 'string', groupInstanceId: 'string?', errorCode: 'int16' }],
    },
  },

  SyncGroup: {
    key: 14,
    versions: [0, 5],
    flexibleFrom: 4,
    request: {
      groupId: 'string',
      generationId: 'int32',
      memberId: 'string',
      groupInstanceId: 'string? 3+ = null',
      protocolType: 'string? 5+ = null',
      protocolName: 'string? 5+ = null',
      assignments: ['array', { memberId: 'string', assignment: 'bytes' }],
    },
    response: {
      throttleTimeMs: 'int32 1+ = 0',
      errorCode: 'int16',
      protocolType: 'string? 5+',
      protocolName: 'string? 5+',
      assignment: 'bytes',
    },
  },

  DescribeGroups: {
    key: 15,
    versions: [0, 6],
    flexibleFrom: 5,
    request: { groups: 'string[]', includeAuthorizedOperations: 'bool 3+ = false' },
    response: {
      throttleTimeMs: 'int32 1+ = 0',
      groups: [
        'array',
        {
          errorCode: 'int16',
          errorMessage: 'string? 6+ = null',
          groupId: 'string',
          groupState: 'string',
          protocolType: 'string',
          protocolData: 'string',
          members: [
            'array',
            {
              memberId: 'string',
              groupInstanceId: 'string? 4+',
              clientId: 'string',
              clientHost: 'string',
              memberMetadata: 'bytes',
              memberAssignment: 'bytes',
            },
          ],
          authorizedOperations: 'int32 3+ = -2147483648',
        },
      ],
    },
  },

  ListGroups: {
    key: 16,
    versions: [0, 5],
    flexibleFrom: 3,
    request: { statesFilter: 'string[] 4+ = []', typesFilter: 'string[] 5+ = []' },
    response: {
      throttleTimeMs: 'int32 1+ = 0',
      errorCode: 'int16',
      groups: ['array', { groupId: 'string', protocolType: 'string', groupState: 'string 4+', groupType: 'string 5+' }],
    },
  },

  DeleteGroups: {
    key: 42,
    versions: [0, 2],
    flexibleFrom: 2,
    request: { groupsNames: 'string[]' },
    response: {
      throttleTimeMs: 'int32 = 0',
      results: ['array', { groupId: 'string', errorCode: 'int16' }],
    },
  },
} as const
