/** A partition of a topic. `topicPartitionKey` is the one string form used as a map key and in output. */
export interface TopicPartition {
  readonly topic: string;
  readonly partition: number;
}

export type TopicPartitionKey = `${string}:${number}`;

export const topicPartitionKey = (topic: string, partition: number): TopicPartitionKey => `${topic}:${partition}`;

/** Reads `TOPIC:N` (one partition) or `TOPIC` (all of them). Undefined when the text is neither. */
export function parseTopicPartition(text: string): { readonly topic: string; readonly partition?: number } | undefined {
  const match = /^(?<topic>[a-zA-Z0-9._-]{1,249})(?::(?<partition>\d{1,9}))?$/.exec(text);
  if (!match?.groups) return undefined;
  const { topic, partition } = match.groups;
  if (topic === undefined) return undefined;
  return partition === undefined ? { topic } : { topic, partition: Number(partition) };
}
