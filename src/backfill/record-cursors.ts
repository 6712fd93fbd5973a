import { FarshoreError } from '../model/errors.ts';

/**
 * Records are gone through twice. First only the deletes are remembered, then all is applied in order, so that no row that was deleted comes back, not
 * even for a while, though the region has forgotten the delete since, and though compaction takes a delete away while the reader stands between a
 * state and it:
 *
 *     log: k=1 · … · delete k        second reading only:  k is written · (a pause) · k goes
 *                                    both:                 delete k is known · k is left out
 */
export type RecordPhase = 'deletes' | 'all';

export interface PartitionCursor {
  readonly topic: string;
  readonly topicId: string;
  readonly partition: number;
  readonly next: bigint;
  /** What is behind it comes by the stream. */
  readonly end: bigint;
}

/** Where a backfill from topics stands. */
export interface TopicCursor {
  readonly phase: RecordPhase;
  readonly partitions: readonly PartitionCursor[];
}

/** Where a backfill from a file stands. */
export interface FileCursor {
  readonly phase: RecordPhase;
  /** Of the file: another one of the same name has another. */
  readonly sync: string;
  /** Byte at which the next block begins, and the number of its first record. */
  readonly block: number;
  readonly first: bigint;
  /** Number of the next record. */
  readonly next: bigint;
}

const bigints = (_key: string, value: unknown): unknown => (typeof value === 'bigint' ? String(value) : value);
export const writeRecordCursor = (cursor: TopicCursor | FileCursor): string => JSON.stringify(cursor, bigints);

export function readTopicCursor(text: string): TopicCursor {
  const { phase, partitions } = parsed<TopicCursor>(text);
  return { phase, partitions: partitions.map((one) => ({ ...one, next: BigInt(one.next), end: BigInt(one.end) })) };
}

export function readFileCursor(text: string): FileCursor {
  const cursor = parsed<FileCursor>(text);
  return { ...cursor, first: BigInt(cursor.first), next: BigInt(cursor.next) };
}

/** Behind what a chunk took of one partition. When the deletes of all are known, the second reading begins. */
export function movedTo({ phase, partitions }: TopicCursor, { topic, partition }: PartitionCursor, next: bigint): TopicCursor {
  const moved = partitions.map((one) => (one.topic === topic && one.partition === partition ? { ...one, next } : one));
  if (phase === 'all' || !isThrough({ phase, partitions: moved })) return { phase, partitions: moved };
  return { phase: 'all', partitions: moved.map((one) => ({ ...one, next: 0n })) };
}

export const isThrough = ({ partitions }: TopicCursor): boolean => partitions.every(({ next, end }) => next >= end);

function parsed<T>(text: string): T {
  try {
    return JSON.parse(text) as T;
  } catch (error) {
    throw new FarshoreError('internal', 'A cursor of a backfill cannot be read', { cause: error });
  }
}
