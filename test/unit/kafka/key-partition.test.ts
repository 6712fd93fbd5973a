import { Partitioners } from 'kafkajs';
import { expect, it } from 'vitest';
import { partitionOf } from '../../../src/kafka/key-partition.ts';

it('puts a key where the Java producer and its kin put it', () => {
  const other = Partitioners.DefaultPartitioner();
  const partitionMetadata = Array.from({ length: 12 }, (_, partitionId) => ({
    partitionErrorCode: 0,
    partitionId,
    leader: 0,
    replicas: [],
    isr: [],
  }));
  for (let n = 0; n < 500; n++) {
    const key = Buffer.from(`é${n}`.repeat(n % 7));
    expect(partitionOf(key, 12)).toBe(other({ topic: 't', partitionMetadata, message: { key, value: null } }));
  }
});
