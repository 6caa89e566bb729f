/** Why a partition is not being read (R29). It is paused while at least one reason holds.
 *
 *  `pressure` buffers are full · `retry` a record waits or is out of attempts · `batch` a batch is open ·
 *  `user` somebody asked for it · `circuit` a dependency is down */
export type PauseReason = 'pressure' | 'retry' | 'batch' | 'user' | 'circuit'
