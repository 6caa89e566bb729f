/** All rows of the contract, by area. */

import { type Row } from '../row.ts'
import { classicJoinRows } from './classic-joins.ts'
import { classicOffsetRows } from './classic-offsets.ts'
import { classicSessionRows } from './classic-sessions.ts'
import { classicStaticRows } from './classic-static.ts'
import { clientRows } from './clients.ts'
import { clusterRows } from './cluster.ts'
import { consumerGroupRows } from './consumer-groups.ts'
import { consumerOffsetRows } from './consumer-offsets.ts'
import { consumerRefusalRows } from './consumer-refusals.ts'
import { consumerStaticRows } from './consumer-static.ts'
import { frameRows } from './frames.ts'
import { groupAdminRows } from './group-admin.ts'
import { groupListingRows } from './group-listing.ts'
import { idempotenceRows } from './idempotence.ts'
import { saslRows } from './sasl.ts'
import { saslSessionRows } from './sasl-sessions.ts'
import { serverRows } from './server.ts'
import { configEffectRows } from './config-effects.ts'
import { configValueRows } from './config-values.ts'
import { configRows } from './configs.ts'
import { metadataRows } from './metadata.ts'
import { offsetDeleteRows } from './offset-delete.ts'
import { topicChangeRows } from './topic-changes.ts'
import { topicRows } from './topics.ts'
import { transactionEndRows } from './transaction-ends.ts'
import { transactionalMemberRows } from './transactional-members.ts'
import { transactionalOffsetRows } from './transactional-offsets.ts'
import { transactionalProduceRows } from './transactional-produce.ts'
import { transactionalReadRows } from './transactional-reads.ts'
import { transactionRows } from './transactions.ts'
import { fetchRows } from './fetch.ts'
import { fetchSessionRows } from './fetch-sessions.ts'
import { movedLeaderRows } from './moved-leaders.ts'
import { fetchWaitRows } from './fetch-waits.ts'
import { deleteRecordsRows, epochRows } from './log-starts.ts'
import { offsetRows } from './offsets-of-logs.ts'
import { produceRows } from './produce.ts'
import { produceRefusalRows } from './produce-refusals.ts'
import { upkeepRows } from './upkeep.ts'

export const rows: readonly Row[] = [
  ...classicJoinRows,
  ...classicOffsetRows,
  ...classicSessionRows,
  ...classicStaticRows,
  ...clientRows,
  ...clusterRows,
  ...consumerGroupRows,
  ...consumerOffsetRows,
  ...consumerRefusalRows,
  ...consumerStaticRows,
  ...frameRows,
  ...groupAdminRows,
  ...groupListingRows,
  ...idempotenceRows,
  ...saslRows,
  ...saslSessionRows,
  ...serverRows,
  ...configEffectRows,
  ...configValueRows,
  ...configRows,
  ...metadataRows,
  ...offsetDeleteRows,
  ...topicChangeRows,
  ...topicRows,
  ...transactionEndRows,
  ...transactionalMemberRows,
  ...transactionalOffsetRows,
  ...transactionalProduceRows,
  ...transactionalReadRows,
  ...transactionRows,
  ...deleteRecordsRows,
  ...epochRows,
  ...fetchRows,
  ...fetchWaitRows,
  ...fetchSessionRows,
  ...movedLeaderRows,
  ...offsetRows,
  ...produceRefusalRows,
  ...produceRows,
  ...upkeepRows,
]
