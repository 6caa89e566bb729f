/** DescribeCluster: 0–2. The nodes and the cluster's id. 1: brokers or controllers (here: brokers) · 2: fenced ones too
 *
 *  No broker is ever fenced here, so asking for fenced ones changes nothing. */

import type { Handler } from '../core/broker-state.ts'
import { errorCode } from '../protocol/error-code.ts'
import { clusterOperations, operationsUnknown } from './authorized-operations.ts'

const endpoint = { brokers: 1, controllers: 2 } as const

export const describeCluster: Handler<'DescribeCluster'> = (request, { broker }) => {
  const { endpointType } = request
  const refused = (code: number, errorMessage: string): ReturnType<typeof describeCluster> => ({
    errorCode: code,
    errorMessage,
    clusterId: '',
    brokers: [],
  })
  if (endpointType === endpoint.controllers) {
    const wanted = 'BROKER, but we wanted an endpoint of type CONTROLLER'
    return refused(errorCode.mismatchedEndpointType, `The request was sent to an endpoint of type ${wanted}`)
  }
  if (endpointType !== endpoint.brokers) {
    return refused(errorCode.unsupportedEndpointType, `Unsupported endpoint type ${endpointType}`)
  }
  const { cluster } = broker
  return {
    errorCode: errorCode.none,
    clusterId: cluster.clusterId,
    controllerId: cluster.controllerId,
    brokers: cluster.nodes.map(({ nodeId, host, port }) => ({ brokerId: nodeId, host, port })),
    clusterAuthorizedOperations: request.includeClusterAuthorizedOperations ? clusterOperations : operationsUnknown,
  }
}
