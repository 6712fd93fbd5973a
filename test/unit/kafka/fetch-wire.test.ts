import { Reader, Writer } from '@platformatic/kafka';
import { describe, expect, it } from 'vitest';
import { batchReader } from '../../../src/kafka/batch/read.ts';
import { judgePart } from '../../../src/kafka/fetch-answer.ts';
import { FetchMemory } from '../../../src/kafka/fetch-memory.ts';
import { decodeFetch, encodeFetch, type FetchAnswerPart, partsOf } from '../../../src/kafka/fetch-wire.ts';
import { batchBytes } from './batch-fixtures.ts';

const topicId = '7d9f6b1e-0000-4000-8000-0123456789ab';
const target = { topic: 'a', topicId, partition: 3, offset: 5n, lastFetchedEpoch: 2, maxBytes: 100 };

describe('a fetch request', () => {
  it('C6: carries the current and the last fetched leader epoch of every partition', () => {
    const bytes = encodeFetch(17, {
      maxWaitMs: 1,
      minBytes: 1,
      maxBytes: 9,
      isolation: 'read_committed',
      rack: '',
      parts: [{ ...target, currentLeaderEpoch: 7 }],
    }).buffer;
    const r = Reader.from(bytes);
    expect([r.readInt32(), r.readInt32(), r.readInt32(), r.readInt8(), r.readInt32(), r.readInt32()]).toEqual([1, 1, 9, 1, 0, -1]);
    const topics = r.readArray((t) => [
      t.readUUID(),
      t.readArray((p) => [p.readInt32(), p.readInt32(), p.readInt64(), p.readInt32(), p.readInt64(), p.readInt32()]),
    ]);
    expect(topics).toEqual([[topicId, [[3, 7, 5n, 2, -1n, 100]]]]);
  });

  it('tells the rack at its end', () => {
    const call = { maxWaitMs: 1, minBytes: 1, maxBytes: 9, isolation: 'read_committed', rack: '', parts: [] } as const;
    const [nowhere, somewhere] = [encodeFetch(17, call).buffer, encodeFetch(17, { ...call, rack: 'west-1' }).buffer];
    expect(somewhere.length).toBe(nowhere.length + 6);
    expect(somewhere.toString('latin1')).toContain('west-1');
  });

  it('has a replica id in front up to version 14', () => {
    const call = { maxWaitMs: 1, minBytes: 1, maxBytes: 9, isolation: 'read_committed', rack: '', parts: [] } as const;
    expect(encodeFetch(14, call).buffer.readInt32BE(0)).toBe(-1);
    expect(encodeFetch(14, call).length).toBe(encodeFetch(15, call).length + 4);
  });
});

describe('a fetch answer', () => {
  const answerWith = (records: Buffer | null, diverging: boolean): FetchAnswerPart => {
    const writer = Writer.create().appendInt32(11).appendInt16(0).appendInt32(0);
    writer.appendArray([0], (t) => {
      t.appendUUID(topicId).appendArray(
        [0],
        (p) => {
          p.appendInt32(3).appendInt16(0).appendInt64(20n).appendInt64(15n).appendInt64(1n);
          p.appendArray([7n], (a) => a.appendInt64(7n).appendInt64(4n)).appendInt32(-1);
          if (records === null) p.appendUnsignedVarInt(0);
          else p.appendUnsignedVarInt(records.length + 1).append(records);
          if (!diverging) p.appendTaggedFields();
          // Tag 0, 13 bytes: epoch, end offset, and no further tags.
          else
            p.appendUnsignedVarInt(1)
              .appendUnsignedVarInt(0)
              .appendUnsignedVarInt(13)
              .appendInt32(1)
              .appendInt64(4n)
              .appendUnsignedVarInt(0);
        },
        true,
        false,
      );
    });
    writer.appendTaggedFields();
    const answer = decodeFetch(new Reader(writer.dynamicBuffer), new FetchMemory(0));
    expect(answer).toMatchObject({ throttleMs: 11, code: 0 });
    expect(answer.parts).toHaveLength(1);
    return answer.parts[0]!;
  };
  const read = batchReader(1 << 20);

  it('gives the records as one Buffer with what the broker knows of the log', () => {
    const part = answerWith(batchBytes({ baseOffset: 5n, leaderEpoch: 2 }), false);
    expect(Buffer.isBuffer(part.records)).toBe(true);
    expect(part).toMatchObject({ topicId, partition: 3, aborted: [{ producerId: 7n, firstOffset: 4n }], diverging: undefined });
    expect(judgePart(target, part, read, new FetchMemory(0))).toMatchObject({
      kind: 'batches',
      nextOffset: 6n,
      empty: false,
      highWatermark: 20n,
      lastStableOffset: 15n,
      logStartOffset: 1n,
      lastBatch: { leaderEpoch: 2 },
    });
  });

  it('C8: is empty only when it holds no bytes at all', () => {
    expect(judgePart(target, answerWith(null, false), read, new FetchMemory(0))).toMatchObject({
      empty: true,
      nextOffset: 5n,
      lastBatch: undefined,
    });
    const cut = batchBytes({ baseOffset: 5n }).subarray(0, 40);
    expect(judgePart(target, answerWith(cut, false), read, new FetchMemory(0))).toMatchObject({
      empty: false,
      nextOffset: 5n,
      batches: [],
    });
  });

  it('C6: says where the log leaves the position’s', () => {
    expect(judgePart(target, answerWith(null, true), read, new FetchMemory(0))).toEqual({
      kind: 'diverging',
      topic: 'a',
      partition: 3,
      epoch: 1,
      endOffset: 4n,
    });
  });

  it('hands out what lies before a damaged batch, and then the damage', () => {
    const damaged = batchBytes({ baseOffset: 6n });
    damaged[30]! ^= 1;
    const both = answerWith(Buffer.concat([batchBytes({ baseOffset: 5n }), damaged]), false);
    expect(judgePart(target, both, read, new FetchMemory(0))).toMatchObject({
      kind: 'batches',
      batches: [{ baseOffset: 5n }],
      nextOffset: 6n,
    });
    expect(judgePart({ ...target, offset: 6n }, answerWith(damaged, false), read, new FetchMemory(0))).toMatchObject({
      kind: 'corrupt',
      offset: 6n,
    });
  });

  it.each([
    [1, 'ask_ends'],
    [2, 'corrupt'],
    [3, 'ask_topic'],
    [6, 'moved'],
    [29, 'denied'],
    [74, 'moved'],
    [75, 'moved'],
    [100, 'ask_topic'],
    [-1, 'retry'],
  ])('with error %i means %s', (code, kind) => {
    expect(judgePart(target, { ...answerWith(null, false), code }, read, new FetchMemory(0))).toMatchObject({ kind });
  });
});

describe('what a partition answered', () => {
  const other = '7d9f6b1e-0000-4000-8000-0123456789ac';
  const part = (id: string, partition: number): FetchAnswerPart => ({
    topicId: id,
    partition,
    code: 0,
    highWatermark: 0n,
    lastStableOffset: 0n,
    logStartOffset: 0n,
    aborted: [],
    preferredReadReplica: -1,
    diverging: undefined,
    records: Buffer.alloc(0),
  });

  it('is found in the order asked, in any other, and not where it was left out', () => {
    const parts = [part(topicId, 0), part(other, 0), part(topicId, 2)];
    const asked = [...parts, part(topicId, 1), part(other, 2)];
    expect(asked.map((one, index) => partsOf(parts)(index, one))).toEqual([...parts, undefined, undefined]);
    const partOf = partsOf(parts);
    expect([partOf(0, parts[1]!), partOf(1, parts[0]!)]).toEqual([parts[1], parts[0]]);
    expect(asked.toReversed().map((one, index) => partOf(index, one))).toEqual([undefined, undefined, ...parts.toReversed()]);
  });
});
