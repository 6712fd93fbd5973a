import { listOffsetsV7, Reader, Writer } from '@platformatic/kafka';
import { describe, expect, it } from 'vitest';
import { decodeListOffsets, encodeListOffsets } from '../../../src/kafka/offsets-wire.ts';

const parts = [
  { topic: 'größe', partition: 0, leaderEpoch: 3 },
  { topic: 'b', partition: 7, leaderEpoch: -1 },
  { topic: 'größe', partition: 200, leaderEpoch: 4 },
];

describe('ListOffsets', () => {
  it('is asked for with the bytes that the client would send', () => {
    for (const isolation of ['read_committed', 'read_uncommitted'] as const) {
      const theirs = listOffsetsV7.createRequest(-1, isolation === 'read_committed' ? 1 : 0, [
        {
          name: 'größe',
          partitions: [
            { partitionIndex: 0, currentLeaderEpoch: 3, timestamp: -1n },
            { partitionIndex: 200, currentLeaderEpoch: 4, timestamp: -1n },
          ],
        },
        { name: 'b', partitions: [{ partitionIndex: 7, currentLeaderEpoch: -1, timestamp: -1n }] },
      ]);
      expect(encodeListOffsets({ isolation, timestamp: -1n, parts }).buffer.equals(theirs.buffer)).toBe(true);
    }
  });

  it('has room for many topics of long names', () => {
    const many = Array.from({ length: 300 }, (_, n) => ({ topic: `${'t'.repeat(200)}${n}`, partition: n, leaderEpoch: n }));
    expect(() => encodeListOffsets({ isolation: 'read_committed', timestamp: -2n, parts: many })).not.toThrow();
  });

  it('is answered a partition, errors among them', () => {
    const writer = Writer.create().appendInt32(0);
    writer.appendArray(['a', 'b'], (topicWriter, topic) => {
      topicWriter.appendString(topic).appendArray([1, 2], (p, partition) => {
        p.appendInt32(partition)
          .appendInt16(partition === 2 ? 6 : 0)
          .appendInt64(-1n)
          .appendInt64(BigInt(partition) * 10n)
          .appendInt32(0);
      });
    });
    expect(decodeListOffsets(new Reader(writer.appendTaggedFields().dynamicBuffer))).toEqual([
      { topic: 'a', partition: 1, code: 0, offset: 10n },
      { topic: 'a', partition: 2, code: 6, offset: 20n },
      { topic: 'b', partition: 1, code: 0, offset: 10n },
      { topic: 'b', partition: 2, code: 6, offset: 20n },
    ]);
  });
});
