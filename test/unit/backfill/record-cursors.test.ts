import { describe, expect, it } from 'vitest';
import {
  isThrough,
  movedTo,
  readFileCursor,
  readTopicCursor,
  type TopicCursor,
  writeRecordCursor,
} from '../../../src/backfill/record-cursors.ts';

const at = (partition: number, next: bigint, end: bigint) => ({ topic: 't', topicId: 'id', partition, next, end });
const begun: TopicCursor = { phase: 'deletes', partitions: [at(0, 0n, 5n), at(1, 0n, 3n), at(2, 0n, 0n)] };

describe('the two readings of a topic', () => {
  it('begin again when the deletes of every partition are known, and end when all is applied', () => {
    let cursor = movedTo(begun, begun.partitions[0]!, 5n);
    expect([cursor.phase, isThrough(cursor)]).toEqual(['deletes', false]);
    cursor = movedTo(cursor, cursor.partitions[1]!, 3n);
    expect(cursor.phase).toBe('all');
    expect(cursor.partitions.map(({ next }) => next)).toEqual([0n, 0n, 0n]);
    cursor = movedTo(cursor, cursor.partitions[1]!, 3n);
    expect(isThrough(cursor)).toBe(false);
    cursor = movedTo(cursor, cursor.partitions[0]!, 5n);
    expect([cursor.phase, isThrough(cursor)]).toEqual(['all', true]);
  });

  it('are kept to the last digit', () => {
    const far: TopicCursor = { phase: 'all', partitions: [at(0, 2n ** 60n + 1n, 2n ** 61n)] };
    expect(readTopicCursor(writeRecordCursor(far))).toEqual(far);
    const file = { phase: 'all', sync: 'ab', block: 12, first: 2n ** 40n - 1n, next: 2n ** 40n - 1n } as const;
    expect(readFileCursor(writeRecordCursor(file))).toEqual(file);
  });
});
