const MOST = 0x7fffffff;

/**
 * The sequence `increment` records after `sequence`, as Kafka's DefaultRecordBatch.incrementSequence
 * counts (C12): int32 from 0 on, 0 again after 2^31 - 1. The broker counts the same way inside a
 * batch, so a batch may begin below the wrap and end above it.
 */
export function incrementSequence(sequence: number, increment: number): number {
  return sequence > MOST - increment ? increment - (MOST - sequence) - 1 : sequence + increment;
}
