import { describe, expect, it } from 'vitest';
import { type Answered, isTrusted, offsetsOf, readAnswered } from '../../../src/mirror/answered-positions.ts';
import type { MirroredBehind, MirroredTo } from '../../../src/mirror/contracts.ts';
import { carriedTo, type KeptEnd } from '../../../src/mirror/old-position.ts';
import { MirrorPartition } from '../../../src/mirror/partition.ts';
import { homeOffset, regionalOffset } from '../../../src/model/offsets.ts';
import { type TopicPartitionKey, topicPartitionKey } from '../../../src/model/partition.ts';
import type { MirrorPosition } from '../../../src/model/position.ts';

const topic = 'orders';
const signal = new AbortController().signal;

const position = (next: bigint, regionalEnd: bigint | undefined, topicId = 'A'): MirrorPosition => ({
  ...{ topic, partition: 0, topicId, next: homeOffset(next), leaderEpoch: 1, crc: 7 },
  regionalEnd: regionalEnd === undefined ? undefined : regionalOffset(regionalEnd),
});

const kept = (home: bigint, regional: bigint, next = home): KeptEnd => ({
  ...{ homeTopicId: 'A', next: homeOffset(next) },
  point: { home: homeOffset(home), regional: regionalOffset(regional) },
});

interface Region {
  readonly answers?: MirrorPosition | undefined;
  readonly kept?: KeptEnd | undefined;
  /** First committed batches of this mirror, by the offset behind which they lie. */
  readonly batches?: Readonly<Record<string, bigint>>;
  /** Offsets behind which the log cannot be asked, or another's batch lies. */
  readonly unknown?: readonly bigint[];
  readonly end: bigint;
  readonly isSettled?: boolean;
  readonly change?: (partition: MirrorPartition) => void;
}

async function answered({ answers, isSettled = true, kept: known, batches = {}, unknown = [], end, change }: Region): Promise<Answered> {
  const partition = new MirrorPartition({ home: topic, regional: topic }, 0, { homeTopicId: 'A', maxBatchBytes: 1, compacted: false });
  change?.(partition);
  const regional = {
    mirroredBehind: async (ends: readonly MirroredTo[]) => {
      const behind = new Map<TopicPartitionKey, MirroredBehind>();
      for (const { regionalEnd } of ends) {
        const offset = batches[String(regionalEnd)];
        if (unknown.some((one) => String(one) === String(regionalEnd))) continue;
        behind.set(topicPartitionKey(topic, 0), offset === undefined ? { kind: 'nothing' } : { kind: 'batch', offset });
      }
      return behind;
    },
  };
  const deps = { regional, kept: { last: () => known, found: () => undefined } } as unknown as Parameters<typeof readAnswered>[3];
  const positions = new Map(isSettled ? [[topic, answers === undefined ? [] : [answers]]] : []);
  return (await readAnswered([partition], positions, () => end, deps, signal)).get(partition)!;
}

describe('what the group of the region answers', () => {
  it('is taken where nothing shows that it is old', async () => {
    expect(await answered({ answers: position(5n, 6n), kept: kept(5n, 6n), end: 7n })).toMatchObject({
      old: undefined,
      position: { next: 5n },
    });
    expect(await answered({ end: 0n })).toMatchObject({ old: undefined, position: undefined });
    // Further than what was kept last.
    expect(await answered({ answers: position(9n, 12n), kept: kept(5n, 6n), end: 13n })).toMatchObject({ old: undefined });
  });

  it('C9: is old where a batch of this mirror lies behind it: five minutes were mirrored twice', async () => {
    const { old } = await answered({ answers: position(3n, 4n), batches: { 4: 5n }, end: 20n });
    expect(old).toBe('the position 3, and what was mirrored behind it lies in the region from 5 on');
  });

  it('C9: is old where more is kept of it beside the group, also none, and one from before mirroring began', async () => {
    const known = { kept: kept(9n, 12n), end: 13n };
    expect((await answered(known)).old).toBe('no position, although 9 was committed and the regional log had 12');
    expect((await answered({ ...known, answers: position(5n, 6n), unknown: [6n] })).old).toContain('the position 5, although 9');
    expect((await answered({ ...known, answers: position(0n, undefined), unknown: [12n] })).old).toContain('the position 0, although 9');
    expect((await answered({ ...known, answers: position(0n, undefined, 'before') })).old).toContain('of another topic at home');
  });

  it('C9: is old where it is from before an operator moved back, though it counts further', async () => {
    const { old } = await answered({ answers: position(50n, 60n), kept: kept(0n, 62n), end: 62n });
    expect(old).toContain('the position 50, although 0 was committed');
  });

  it('is newer than a database that does not know of a rewind: the regional log never goes back', async () => {
    expect(await answered({ answers: position(50n, 300n), kept: kept(100n, 120n), end: 301n })).toMatchObject({ old: undefined });
    // Moved on without a record, which this process knows.
    expect((await answered({ answers: position(9n, 12n), kept: kept(9n, 12n, 11n), end: 13n })).old).toContain('although 11 was');
  });

  it('is not called old in a log that lost what was kept, nor by what is kept of another topic', async () => {
    expect(await answered({ answers: position(5n, 6n), kept: kept(9n, 12n), end: 7n })).toMatchObject({ old: undefined });
    const other = { ...kept(9n, 12n), homeTopicId: 'before' };
    expect(await answered({ answers: position(0n, undefined), kept: other, end: 13n })).toMatchObject({ old: undefined });
  });

  it('is not trusted to be committed again where a cut log leaves open whether it is old', async () => {
    expect(isTrusted({ homeTopicId: 'A' }, await answered({ answers: position(5n, 6n), kept: kept(9n, 12n), end: 7n }))).toBe(false);
    expect(isTrusted({ homeTopicId: 'A' }, await answered({ answers: position(9n, 12n), kept: kept(9n, 12n), end: 13n }))).toBe(true);
    expect(isTrusted({ homeTopicId: 'A' }, await answered({ answers: position(3n, 4n), batches: { 4: 5n }, end: 20n }))).toBe(false);
    // Of the topic before, in a region that lost records too; and of the new one, where only the one before was kept yet.
    const before = await answered({ answers: position(0n, undefined, 'before'), kept: kept(9n, 12n), end: 7n });
    expect([isTrusted({ homeTopicId: 'A' }, before), isTrusted({ homeTopicId: 'before' }, before)]).toEqual([false, true]);
  });
});

describe('up to where the region holds what was carried into it', () => {
  it('is told by the further of position and database, so that a home’s epoch does not begin inside of the one before', () => {
    expect(carriedTo(position(9n, 12n), kept(5n, 6n), 'A')).toBe(12n);
    expect(carriedTo(position(5n, 6n), kept(9n, 12n), 'A')).toBe(12n);
    expect(carriedTo(undefined, kept(9n, 12n), 'A')).toBe(12n);
    expect(carriedTo(position(5n, 6n), { ...kept(9n, 12n), homeTopicId: 'before' }, 'A')).toBe(6n);
    expect(carriedTo(undefined, undefined, 'A')).toBeUndefined();
  });
});

describe('what this process knows where the group answers an old position', () => {
  const batch = (records: number) => {
    const bytes = Buffer.alloc(61);
    bytes.writeInt32BE(records - 1, 23);
    return { bytes, baseOffset: 9n, lastOffset: 9n + BigInt(records - 1), recordCount: records, magic: 2 };
  };
  const committed = (partition: MirrorPartition): void => {
    partition.committed = position(9n, 12n);
  };
  const doubtful = (partition: MirrorPartition): void => {
    committed(partition);
    partition.inDoubt = { position: position(14n, 12n), offsets: offsetsOf([batch(2), batch(3)]) };
  };
  const old = { answers: position(3n, 4n), kept: kept(9n, 12n) };

  it('is gone on from where nothing lies behind it', async () => {
    const known = await answered({ ...old, batches: { 4: 5n }, end: 13n, change: committed });
    expect(known).toMatchObject({ isOwn: true, position: { next: 9n, regionalEnd: 12n } });
    expect(isTrusted({ homeTopicId: 'A' }, known)).toBe(true);
  });

  it('is the transaction in doubt where the log holds it whole, and the one before where it holds none of it', async () => {
    const whole = await answered({ ...old, batches: { 4: 5n, 12: 13n }, end: 19n, change: doubtful });
    expect(whole).toMatchObject({ isOwn: true, position: { next: 14n, regionalEnd: 18n } });
    const none = await answered({ ...old, batches: { 4: 5n }, end: 19n, change: doubtful });
    expect(none).toMatchObject({ isOwn: true, position: { next: 9n, regionalEnd: 12n } });
  });

  it('is not gone on from where the log holds more than the transaction in doubt, or cannot be asked', async () => {
    const more = await answered({ ...old, batches: { 4: 5n, 12: 13n, 18: 19n }, end: 30n, change: doubtful });
    expect(more).toMatchObject({ isOwn: false, position: { next: 3n } });
    expect(await answered({ ...old, batches: { 4: 5n, 12: 13n }, end: 19n, change: committed })).toMatchObject({ isOwn: false });
    expect(await answered({ ...old, batches: { 4: 5n }, unknown: [12n], end: 19n, change: doubtful })).toMatchObject({ isOwn: false });
  });

  it('is gone on from where the group holds a transaction open that is over; nothing begins then', async () => {
    const unsettled = { isSettled: false, end: 19n };
    expect(await answered({ ...unsettled, batches: { 12: 13n }, change: doubtful })).toMatchObject({
      isOwn: true,
      position: { next: 14n },
    });
    expect(await answered({ ...unsettled, end: 0n })).toMatchObject({
      isOwn: false,
      position: undefined,
      old: expect.stringContaining('no position'),
    });
  });

  it('is nothing in a process that has just started, nor of a topic that was created again', async () => {
    expect(await answered({ ...old, batches: { 4: 5n }, end: 13n })).toMatchObject({ isOwn: false });
    const ofBefore = (partition: MirrorPartition): void => {
      partition.committed = position(9n, 12n, 'before');
    };
    expect(await answered({ ...old, batches: { 4: 5n }, end: 13n, change: ofBefore })).toMatchObject({ isOwn: false });
  });
});
