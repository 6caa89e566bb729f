/** A partition of a topic, by name. */
export type TopicPartition = { readonly topic: string; readonly partition: number }

/** The form in logs, errors and map keys: `orders/3`. A slash cannot occur in a topic name. */
export function partitionName(at: TopicPartition): string {
  return `${at.topic}/${at.partition}`
}

/** The partition alone, of anything that belongs to one. */
export function placeOf({ topic, partition }: TopicPartition): TopicPartition {
  return { topic, partition }
}
