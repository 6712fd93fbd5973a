import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { OffsetList, writtenPart } from '../../../src/mirror/offset-list.ts';
import { MOST_POINTS, type OffsetPoint, thinned, toHome, toRegional } from '../../../src/mirror/offset-points.ts';
import type { RawBatch } from '../../../src/model/batch.ts';
import { homeOffset, offsetValue, regionalOffset } from '../../../src/model/offsets.ts';

const TOPIC_ID = '5b1ff5a8-9d1e-4c4f-8f0c-000000000001';

/** A batch of `count` records from `base` on; only what the mapping reads of it. */
function batch(base: bigint, count: number, spans = count): RawBatch {
  const bytes = Buffer.alloc(61);
  bytes.writeInt32BE(count - 1, 23);
  return { bytes, baseOffset: base, lastOffset: base + BigInt(spans - 1), recordCount: count, magic: 2 };
}

/** A log that was mirrored cycle by cycle, with the true place of every record. */
function mirrored(
  cycles: readonly { readonly batches: readonly { gap: number; count: number }[]; readonly markers: number }[],
  foreign = 0,
) {
  const list = new OffsetList('billing.invoices', 0, TOPIC_ID);
  list.moved({ next: homeOffset(0n) });
  const records: { home: bigint; regional: bigint }[] = [];
  let [home, regional] = [0n, 0n];
  for (const { batches, markers } of cycles) {
    const raw: RawBatch[] = [];
    const first = regional;
    for (const { gap, count } of batches) {
      home += BigInt(gap);
      raw.push(batch(home, count));
      for (let n = 0; n < count; n++) records.push({ home: home++, regional: regional++ });
      regional += BigInt(foreign);
    }
    const end = (records.at(-1)?.regional ?? -1n) + 1n;
    list.wrote([writtenPart(raw, regionalOffset(first), regionalOffset(end))], homeOffset(home));
    regional = end + BigInt(markers);
  }
  return { list, records };
}

const cycles = fc.array(
  fc.record({
    batches: fc.array(fc.record({ gap: fc.integer({ min: 0, max: 3 }), count: fc.integer({ min: 1, max: 4 }) }), {
      minLength: 1,
      maxLength: 8,
    }),
    markers: fc.integer({ min: 1, max: 3 }),
  }),
  { minLength: 1, maxLength: 250 },
);

/** What a consumer would miss that changes logs by this answer. */
const skippedInRegion = (records: readonly { home: bigint; regional: bigint }[], asked: bigint, start: bigint): number =>
  records.filter(({ home, regional }) => home >= asked && regional < start).length;
const skippedAtHome = (records: readonly { home: bigint; regional: bigint }[], asked: bigint, start: bigint): number =>
  records.filter(({ home, regional }) => regional >= asked && home < start).length;

describe('the mapping of offsets', () => {
  it('C5: never skips a record, in neither direction, however it was thinned', () => {
    fc.assert(
      fc.property(
        cycles,
        fc.integer({ min: 0, max: 1 }),
        fc.array(fc.nat(), { minLength: 1, maxLength: 20 }),
        (history, foreign, picks) => {
          const { list, records } = mirrored(history, foreign);
          const points = list.points();
          const last = records.at(-1);
          for (const pick of picks) {
            const home = BigInt(pick) % ((last?.home ?? 0n) + 3n);
            const inRegion = toRegional(points, homeOffset(home));
            if (inRegion !== undefined) expect(skippedInRegion(records, home, offsetValue(inRegion.at.regional))).toBe(0);
            const regional = BigInt(pick) % ((last?.regional ?? 0n) + 3n);
            const atHome = toHome(points, regionalOffset(regional));
            if (atHome !== undefined) expect(skippedAtHome(records, regional, offsetValue(atHome.at.home))).toBe(0);
          }
        },
      ),
      { numRuns: 200 },
    );
  });

  it('C5: keeps a bounded number of points, the first always, and is sharp near the end', () => {
    const history = Array.from({ length: 5_000 }, () => ({
      batches: [
        { gap: 1, count: 2 },
        { gap: 0, count: 2 },
      ],
      markers: 1,
    }));
    const { list, records } = mirrored(history);
    const points = list.points();
    expect(points.length).toBeLessThanOrEqual(MOST_POINTS + MOST_POINTS / 4);
    expect(points[0]).toEqual({ home: 0n, regional: 0n });
    const end = records.at(-1)!;
    for (const { home, regional } of records) {
      const off = regional - offsetValue(toRegional(points, homeOffset(home))!.at.regional);
      const distance = end.regional - regional;
      // One point a batch at the end, then a part of the distance.
      expect(off).toBeLessThanOrEqual(5n + distance / 16n);
    }
  });

  it('C5: thins to a subset that keeps its ends, whatever the distances, and stays within its limit', () => {
    fc.assert(
      fc.property(fc.array(fc.bigInt({ min: 1n, max: 1n << 50n }), { minLength: 257, maxLength: 600 }), (steps) => {
        let at = 0n;
        const points = steps.map((step): OffsetPoint => {
          at += step;
          return { home: homeOffset(at), regional: regionalOffset(at * 2n) };
        });
        const left = thinned(points);
        expect(left.length).toBeLessThanOrEqual(192);
        expect([left[0], left.at(-1)]).toEqual([points[0], points.at(-1)]);
        expect(left.every((point) => points.includes(point))).toBe(true);
        expect(thinned(points.slice(0, 256))).toHaveLength(256);
      }),
      { numRuns: 50 },
    );
  });

  it('C5: answers within an eighth of the distance in a log of ten million batches', () => {
    let points: readonly OffsetPoint[] = [];
    // Stands for the pushes in between: what was thinned before is thinned again, 40 000 times over, in steps that grow.
    for (let n = 0n, step = 1n; n < 10_000_000n; n += step) {
      if (n % 64n === 0n) step = n / 20_000n + 1n;
      points = thinned([...points, { home: homeOffset(n), regional: regionalOffset(n) }]);
    }
    const end = offsetValue(points.at(-1)!.regional);
    for (const [index, point] of points.entries()) {
      const next = points[index + 1];
      if (next === undefined) continue;
      const gap = offsetValue(next.regional) - offsetValue(point.regional);
      expect(gap).toBeLessThanOrEqual((end - offsetValue(next.regional)) / 8n + 501n);
    }
  });

  it('knows nothing below its first point', () => {
    const points = [{ home: homeOffset(10n), regional: regionalOffset(7n) }];
    expect(toRegional(points, homeOffset(9n))).toBeUndefined();
    expect(toHome(points, regionalOffset(6n))).toBeUndefined();
    expect(toRegional(points, homeOffset(10n))?.at).toBe(points[0]);
    expect(toHome([], regionalOffset(6n))).toBeUndefined();
  });
});

describe('the points of a partition', () => {
  const position = (next: bigint, regionalEnd: bigint | undefined, topicId = TOPIC_ID) => ({
    topic: 'billing.invoices',
    partition: 0,
    topicId,
    next: homeOffset(next),
    leaderEpoch: -1,
    crc: undefined,
    regionalEnd: regionalEnd === undefined ? undefined : regionalOffset(regionalEnd),
  });
  const kept: readonly OffsetPoint[] = [
    { home: homeOffset(0n), regional: regionalOffset(0n) },
    { home: homeOffset(50n), regional: regionalOffset(60n) },
  ];

  it('C5: go on after a restart from the position the region holds', () => {
    const list = new OffsetList('billing.invoices', 0, TOPIC_ID, kept);
    list.found(position(80n, 95n));
    expect(list.points()).toEqual([...kept, { home: 80n, regional: 95n }]);
  });

  it.each([
    ['the position went back', position(40n, 60n)],
    ['home has another topic', position(80n, 95n, '5b1ff5a8-9d1e-4c4f-8f0c-000000000002')],
    ['the region ends before a point', position(80n, 59n)],
  ])('C5: are dropped when %s', (_, found) => {
    const list = new OffsetList('billing.invoices', 0, TOPIC_ID, kept);
    list.found(found);
    expect(list.points()).not.toContainEqual(kept[1]);
  });

  it('C5: are dropped when the regional log counts from lower again', () => {
    const list = new OffsetList('billing.invoices', 0, TOPIC_ID, kept);
    list.found(position(50n, 60n));
    list.wrote([writtenPart([batch(50n, 5)], regionalOffset(3n), regionalOffset(8n))], homeOffset(55n));
    expect(list.points()).toEqual([
      { home: 50n, regional: 3n },
      { home: 55n, regional: 8n },
    ]);
  });

  it('C5: take no place inside a cycle in which somebody else wrote between the batches', () => {
    const list = new OffsetList('billing.invoices', 0, TOPIC_ID);
    list.wrote([writtenPart([batch(0n, 2), batch(2n, 2)], regionalOffset(10n), regionalOffset(15n))], homeOffset(4n));
    expect(list.points()).toEqual([
      { home: 0n, regional: 10n },
      { home: 4n, regional: 15n },
    ]);
  });
});
