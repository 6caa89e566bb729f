/** AlterConfigs: 0–2. Replaces all settings of a topic, a group, a broker or all brokers: what is not named falls back to
 *  its default. 2: flexible. Clients should ask for `IncrementalAlterConfigs` (KIP-339). */

import type { Handler } from '../core/broker-state.ts'
import { alterAll, checkNoNulls } from './config-changes.ts'

export const alterConfigs: Handler<'AlterConfigs'> = (request, context) => ({
  responses: alterAll(request.resources, request.validateOnly, context, (_target, configs) => {
    checkNoNulls(configs)
    return new Map(configs.map(({ name, value }) => [name, value ?? '']))
  }),
})
