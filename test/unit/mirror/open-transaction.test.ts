import { describe, expect, it } from 'vitest';
import { OpenTransaction, takesIn } from '../../../src/mirror/open-transaction.ts';
import type { FetchedPartition } from '../../../src/model/fetch.ts';
import { homeOffset, regionalOffset } from '../../../src/model/offsets.ts';
import type { MirrorPosition } from '../../../src/model/position.ts';

const at = { topic: 'billing.invoices', partition: 0 };
const settings = { takesInMs: 250, takesInBytes: 100, transactionTimeoutMs: 60_000 };

/** Of a log that ends at 10. */
const answered = (nextOffset: bigint, batches = 1): FetchedPartition =>
  ({
    ...at,
    kind: 'batches',
    nextOffset,
    lastStableOffset: 10n,
    batches: new Array(batches).fill({ bytes: Buffer.alloc(100) }),
  }) as unknown as FetchedPartition;
const ahead = (...answers: readonly FetchedPartition[]) => ({ answers, openForMs: 0, isRefused: false });

describe('whether an open transaction takes in what was read ahead', () => {
  it('it does under a backlog, for a quarter of a second', () => {
    expect(takesIn(ahead(answered(9n)), settings)).toBe(true);
    expect(takesIn(ahead(answered(10n), answered(9n)), settings)).toBe(true);
    expect(takesIn({ ...ahead(answered(9n)), openForMs: 249 }, settings)).toBe(true);
    expect(takesIn({ ...ahead(answered(9n)), openForMs: 250 }, settings)).toBe(false);
  });

  it('it ends first where the logs were read to their ends, so that what it holds is read soon', () => {
    expect(takesIn(ahead(answered(10n)), settings)).toBe(false);
    expect(takesIn(ahead(answered(3n, 0)), settings)).toBe(false);
    expect(takesIn(ahead(), settings)).toBe(false);
  });

  it('it ends first where a round brought little: at a low rate a record would be read later for nothing', () => {
    expect(takesIn(ahead(answered(9n)), { ...settings, takesInBytes: 101 })).toBe(false);
    expect(takesIn(ahead(answered(9n), answered(10n)), { ...settings, takesInBytes: 101 })).toBe(true);
  });

  it('it waits for nothing that is still on its way', () => {
    expect(takesIn({ answers: undefined, openForMs: 0, isRefused: false }, settings)).toBe(false);
  });

  it('it ends first where an answer is not data: what is decided of that is decided of what is durable', () => {
    const moved: FetchedPartition = { kind: 'retry', topic: 'billing.invoices', partition: 1, reason: 'another broker leads' };
    expect(takesIn(ahead(answered(9n), moved), settings)).toBe(false);
  });

  it('it ends in time for a coordinator that waits for it less long', () => {
    expect(takesIn({ ...ahead(answered(9n)), openForMs: 62 }, { ...settings, transactionTimeoutMs: 1_000 })).toBe(true);
    expect(takesIn({ ...ahead(answered(9n)), openForMs: 63 }, { ...settings, transactionTimeoutMs: 1_000 })).toBe(false);
  });

  it('no cycle shares the transaction of a batch that was refused, and would be given up with it', () => {
    expect(takesIn({ ...ahead(answered(9n)), isRefused: true }, settings)).toBe(false);
  });
});

describe('what an open transaction holds', () => {
  const position = (next: bigint, changes: Partial<MirrorPosition> = {}): MirrorPosition => ({
    ...at,
    topicId: 'A',
    next: homeOffset(next),
    leaderEpoch: 3,
    crc: 7,
    regionalEnd: regionalOffset(4n),
    ...changes,
  });
  const cycle = (positions: readonly MirrorPosition[]) => ({ positions, mirrored: [], reencoded: [] });
  const wrote = (from: bigint, to: bigint) => [{ ...at, firstOffset: regionalOffset(from), end: regionalOffset(to) }];

  it("is each partition's last position, with the end of what was written last", () => {
    const open = new OpenTransaction(0);
    open.add(cycle([position(5n)]), wrote(5n, 9n));
    open.add(cycle([position(8n), position(3n, { partition: 1 })]), wrote(9n, 12n));
    expect(open.positions).toEqual([position(8n, { regionalEnd: regionalOffset(12n) }), position(3n, { partition: 1 })]);
  });

  it('C6: keeps the end of its records where a later cycle moves the position without one', () => {
    const open = new OpenTransaction(0);
    open.add(cycle([position(5n)]), wrote(5n, 9n));
    open.add(cycle([position(8n)]), []);
    expect(open.positions).toEqual([position(8n, { regionalEnd: regionalOffset(9n) })]);
  });
});
