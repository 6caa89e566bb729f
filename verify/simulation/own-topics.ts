/** The topics of the group besides its source: their names, how an administrator makes them where the group may not, and how
 *  they go and come back. */

import { type BrokerCore } from '@holdfast/broker'
import { formatDuration } from '../../packages/holdfast/src/model/duration.ts'
import { type RetryPlan } from './retry-plan.ts'
import { groupName, topicName } from './trace.ts'

const dayMs = 24 * 3_600_000

export function ownTopicNames({ whileRetrying, delaysMs, bucketsMs }: RetryPlan): readonly string[] {
  const waits = whileRetrying === 'block' ? [] : [...new Set([...delaysMs, ...bucketsMs])]
  const name = (end: string): string => `${groupName}.${topicName}.${end}`
  return [...waits.map((ms) => name(`retry.${formatDuration(ms)}`)), name('dlq')]
}

export function createOwnTopic(core: BrokerCore, topic: string, partitions: number): void {
  const retentionMs = topic.endsWith('.dlq') ? 30 * dayMs : 7 * dayMs
  const configs = {
    'message.timestamp.type': 'LogAppendTime',
    'retention.bytes': '-1',
    'retention.ms': String(retentionMs),
  }
  core.createTopic(topic, { partitions, configs })
}

/** Resolves in the turn in which it is called. */
export async function deleteTopic(core: BrokerCore, topic: string): Promise<void> {
  const nodeId = core.nodeIds().find((each) => core.isUp(each))
  if (nodeId === undefined) return
  const connection = core.connect(nodeId, 'administrator')
  const topics = [{ name: topic, topicId: '00000000-0000-0000-0000-000000000000' }]
  await core.handle(nodeId, 'DeleteTopics', core.latestVersions.DeleteTopics, { topics, timeoutMs: 1_000 }, connection)
  connection.disconnect()
}
