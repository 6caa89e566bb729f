/** Asks the brokers for a producer id, for as long as it takes: any of them hands them out. */
import type { Identity } from '../engine/producer-events.ts'
import { type KafkaPort, PortError } from '../kafka/port.ts'
import type { Cluster } from './cluster.ts'

/** Loading, not available, moved, timed out, concurrent, or simply "unknown": the broker asks us to come back. */
const passingCodes: ReadonlySet<number> = new Set([-1, 7, 14, 15, 16, 51, 56])
const clusterAuthorizationFailed = 31

export type IdentityAnswer = { readonly identity: Identity } | { readonly reason: string; readonly remedy: string }

/** Undefined when aborted. */
export async function requestIdentity(given: {
  readonly port: KafkaPort
  readonly cluster: Cluster
  readonly requestTimeoutMs: number
  readonly signal: AbortSignal
  /** Backs off after so many failures in a row. */
  readonly wait: (failures: number) => Promise<void>
}): Promise<IdentityAnswer | undefined> {
  const { port, cluster, requestTimeoutMs, signal } = given
  // −1 twice asks for a new id; anything else would claim one that we had.
  const request = { transactionalId: null, transactionTimeoutMs: requestTimeoutMs, producerId: -1, producerEpoch: -1 }
  for (let failures = 0; !signal.aborted;) {
    // The flow asks once it has a record, whose topic is known by then, and with it the brokers.
    const { nodes } = cluster
    const node = nodes[failures % Math.max(nodes.length, 1)]
    if (node !== undefined) {
      try {
        const options = { channel: 'produce', timeoutMs: requestTimeoutMs, signal } as const
        const { errorCode, producerId, producerEpoch } = await port.call(node, 'InitProducerId', request, options)
        if (errorCode === 0) return { identity: { producerId, producerEpoch } }
        if (!passingCodes.has(errorCode)) return refusal(errorCode)
      } catch (error) {
        if (!(error instanceof PortError)) throw error
      }
    }
    failures++
    await given.wait(failures)
  }
  return undefined
}

function refusal(errorCode: number): IdentityAnswer {
  return errorCode === clusterAuthorizationFailed
    ? {
        reason: 'the principal may not produce idempotently (CLUSTER_AUTHORIZATION_FAILED)',
        remedy: 'Allow IDEMPOTENT_WRITE on the cluster, or WRITE on a topic, to this principal.',
      }
    : {
        reason: `no producer id was given: error ${errorCode}`,
        remedy: 'Look up the error code in the Kafka protocol guide.',
      }
}
