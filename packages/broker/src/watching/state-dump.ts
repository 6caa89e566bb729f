/** How everything stands, as text for whoever reads the failure of a test. */

import type { BrokerCore } from '../core/broker-core.ts'
import { lagOf } from './group-lag.ts'

export function dumpOf(core: BrokerCore): string {
  return [...nodes(core), ...topics(core), ...groups(core)].join('\n')
}

function nodes(core: BrokerCore): string[] {
  const counts = new Map<string, number>()
  for (const { clientId, nodeId } of core.connections()) {
    const client = `${clientId === '' ? 'a client without a name' : clientId} → node ${nodeId}`
    counts.set(client, (counts.get(client) ?? 0) + 1)
  }
  const connections = [...counts].map(([client, count]) => `  ${client}${count === 1 ? '' : ` (${count} connections)`}`)
  const stopped = core.nodeIds().filter((nodeId) => !core.isUp(nodeId))
  return [
    `nodes: ${core.nodeIds().join(', ')}${stopped.length === 0 ? '' : `; stopped: ${stopped.join(', ')}`}`,
    ...(connections.length === 0 ? ['connections: none'] : ['connections:', ...connections]),
  ]
}

function topics(core: BrokerCore): string[] {
  return core.topics().map(({ name, partitions }) => {
    const logs = partitions.map(
      ({ index, log, leaderId }) => `${index}: ${log.startOffset}–${log.endOffset} on node ${leaderId}`,
    )
    return `topic ${name}: ${logs.join(', ')}`
  })
}

function groups(core: BrokerCore): string[] {
  return core.groupIds().flatMap((groupId) => {
    const group = core.group(groupId)
    if (group === undefined) return []
    const members = group.members.map(({ memberId, clientId, assignment }) => {
      const given = Object.entries(assignment).map(([topic, partitions]) => `${topic} [${partitions.join(', ')}]`)
      return `  member ${memberId} (client ${clientId}): ${given.join(', ') || 'nothing assigned'}`
    })
    const offsets = lagOf(core, groupId).map(
      ({ topic, partition, committed, endOffset, lag }) =>
        `  ${topic}-${partition}: committed ${committed ?? 'nothing'}, end ${endOffset}, lag ${lag}`,
    )
    const { state, generation } = group
    const head = `group ${groupId}: ${state}, generation ${generation}, ${members.length} members, coordinator node ${core.coordinatorOf(groupId)}`
    return [head, ...members, ...offsets]
  })
}
