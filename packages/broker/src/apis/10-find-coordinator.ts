/** FindCoordinator: 0–6. Which node keeps a group (key type 0) or a transactional id (1).
 *
 *  * 1: key type · 3: flexible · 4: several keys · 6: share groups, which are not served (42) */

import type { Handler, HandlerContext } from '../core/broker-state.ts'
import { errorCode } from '../protocol/error-code.ts'

type Found = {
  key: string
  nodeId: number
  host: string
  port: number
  errorCode: number
  errorMessage: string | null
}

const keyTypesServed = [0, 1]
const severalKeysVersion = 4

export const findCoordinator: Handler<'FindCoordinator'> = (request, context) => {
  if (context.version >= severalKeysVersion) {
    return { throttleTimeMs: 0, coordinators: request.keys.map((key) => find(key, request.keyType, context)) }
  }
  const { key: _, ...found } = find(request.key, request.keyType, context)
  return { throttleTimeMs: 0, ...found }
}

function find(key: string, keyType: number, { broker, version }: HandlerContext): Found {
  if (!keyTypesServed.includes(keyType)) {
    const errorMessage = `coordinators of key type ${keyType} are not served`
    return { key, nodeId: -1, host: '', port: -1, errorCode: errorCode.invalidRequest, errorMessage }
  }
  // What Kafka says where nothing is wrong.
  const errorMessage = version >= severalKeysVersion ? '' : 'NONE'
  return { key, ...broker.cluster.coordinatorOf(key), errorCode: errorCode.none, errorMessage }
}
