/** What groups need from the rest of the broker: topics, the settings that are in force, somebody to tell. */

import { consumerGroupSettings } from '../groups/consumer-settings.ts'
import { GroupCoordinator } from '../groups/group-coordinator.ts'
import type { BrokerClock } from './clock.ts'
import type { Cluster } from './cluster.ts'
import type { DynamicConfigs } from './dynamic-configs.ts'
import type { BrokerEvent } from './events.ts'

export type GroupSurroundings = {
  readonly clock: BrokerClock
  readonly cluster: Cluster
  readonly configs: DynamicConfigs
  readonly rebalanceDelayMs: number
  readonly membersMax: number
  readonly emit: (event: BrokerEvent) => void
}

export function newGroupCoordinator(surroundings: GroupSurroundings): GroupCoordinator {
  const { clock, cluster, configs, rebalanceDelayMs, membersMax, emit } = surroundings
  return new GroupCoordinator({
    clock,
    rebalanceDelayMs,
    membersMax,
    consumerSettings: (groupId) => {
      const { nodeId } = cluster.coordinatorOf(groupId)
      return consumerGroupSettings({
        ofGroup: (name) => configs.groupValue(groupId, name, nodeId),
        ofBroker: (name) => configs.brokerValue(name, nodeId),
      })
    },
    retention: () => {
      const value = (name: string): number => Number(configs.brokerValue(name, cluster.controllerId))
      return {
        retentionMs: value('offsets.retention.minutes') * 60_000,
        checkIntervalMs: value('offsets.retention.check.interval.ms'),
      }
    },
    topics: () => cluster.topics(),
    onAssigned: (group) => {
      const memberIds = group.members.map((member) => member.memberId)
      emit({ type: 'assignment', groupId: group.id, generation: group.generation, memberIds })
    },
  })
}
