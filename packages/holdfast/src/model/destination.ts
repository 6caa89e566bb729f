/** Where a record goes that its partition is done with for now (R20). It counts as `outcome` only once it is stored there. */
export type Destination =
  | {
      readonly outcome: 'retried'
      readonly topic: string
      /** How long the record has to wait, from now on. At most the delay of the topic, unless that is the longest. */
      readonly delayMs: number
    }
  | { readonly outcome: 'deadLettered'; readonly topic: string }
