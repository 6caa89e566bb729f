/** What clients may do, as sets of bits: with no authorizer everything that there is (KIP-430). */

/** Read, write, create, delete, alter, describe, describe configs, alter configs. */
export const topicOperations = 3_576
/** Create, alter, describe, cluster action, describe configs, alter configs, idempotent write. */
export const clusterOperations = 8_096
/** Nobody asked. */
export const operationsUnknown: number = -(2 ** 31)
