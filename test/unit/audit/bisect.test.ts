import { describe, expect, it } from 'vitest';
import { differencesOf, differingColumns, isEqual, rangesBetween, rowSuspects } from '../../../src/audit/bisect.ts';
import type { AuditSide, ComparedTable, KeyRange, PassStep, RowLook, Side } from '../../../src/audit/contracts.ts';
import { passSteps } from '../../../src/audit/pass.ts';
import { readCursor, writeCursor } from '../../../src/audit/pass-cursor.ts';
import { columnType } from './types.ts';

const never = new AbortController().signal;
const of = { name: 'id', type: columnType('int8') };
const table: ComparedTable = {
  primary: { table: { schema: 'public', table: 'bills' }, where: undefined },
  region: { table: { schema: 'public', table: 'invoices' }, where: undefined },
  key: [{ name: 'id', as: 'number', keyAs: 'integer', primary: of, region: of }],
  columns: [{ name: 'id', as: 'number', primary: of, region: of }],
  versioned: false,
};

/** A side that holds whole numbers with a value each; counts what it is asked. */
function side(name: Side, rows: ReadonlyMap<number, string>): AuditSide & { asked: number } {
  const inRange = ({ after, upTo }: KeyRange) =>
    [...rows]
      .filter(([id]) => (after === undefined || id > Number(after[0])) && (upTo === undefined || id <= Number(upTo[0])))
      .toSorted(([left], [right]) => left - right);
  const looked = (id: number): RowLook => ({
    present: rows.has(id),
    digest: rows.get(id),
    columnDigests: new Map(rows.has(id) ? [['v', rows.get(id)!]] : []),
    xmin: undefined,
    version: undefined,
  });
  const answer = <T>(value: T) => Promise.resolve({ value, bytes: 1 });
  const made = {
    side: name,
    asked: 0,
    describe: async () => undefined,
    checkCondition: async () => undefined,
    boundaries: (
      _table: ComparedTable,
      range: KeyRange,
      { rowsPerRange, limit }: { readonly rowsPerRange: number; readonly limit: number },
    ) => {
      const ends = inRange(range).filter((_row, index) => (index + 1) % rowsPerRange === 0);
      return answer(ends.slice(0, limit).map(([id]) => [String(id)]));
    },
    rangeDigests: (_table: ComparedTable, ranges: readonly KeyRange[], rowLimit: number) => {
      made.asked += ranges.length;
      return answer(
        ranges.map((range) => {
          const found = inRange(range);
          const overLimit = found.length > rowLimit;
          return { rows: overLimit ? rowLimit + 1 : found.length, digest: JSON.stringify(found), overLimit };
        }),
      );
    },
    rowDigests: (_table: ComparedTable, range: KeyRange, limit: number) =>
      answer(
        inRange(range)
          .slice(0, limit)
          .map(([id, digest]) => ({ key: [String(id)], digest })),
      ),
    look: (_table: ComparedTable, keys: readonly (readonly string[])[]) => answer(keys.map(([id]) => looked(Number(id)))),
    position: async () => ({ standby: false, lsn: '0/0', nowMs: 0 }),
  };
  return made;
}

const numbers = (count: number, value = (_id: number): string => 'v') =>
  new Map(Array.from({ length: count }, (_none, id) => [id, value(id)]));

async function steps(primary: ReadonlyMap<number, string>, region: ReadonlyMap<number, string>, rowsPerRange: number, cursor?: string) {
  const sides = { primary: side('primary', primary), region: side('region', region) };
  const all: PassStep[] = [];
  for await (const step of passSteps(table, sides, { rowsPerRange, cursor }, never)) all.push(step);
  return { all, suspects: all.flatMap(({ suspects }) => suspects), asked: sides.primary.asked };
}

describe('a pass', () => {
  it('asks little of equal tables, and logarithmically more for one row', async () => {
    const equal = await steps(numbers(10_000), numbers(10_000), 1_000);
    expect([equal.all.length, equal.asked, equal.suspects]).toEqual([11, 11, []]);
    const one = await steps(
      numbers(10_000),
      numbers(10_000, (id) => (id === 4_321 ? 'w' : 'v')),
      1_000,
    );
    expect(one.suspects).toEqual([{ key: ['4321'], kind: 'changed', columns: ['v'] }]);
    expect(one.asked - equal.asked).toBeLessThan(40);
  });

  it('cuts by the primary’s keys where it has far more rows, and in one step no more than its limit', async () => {
    const { all, suspects } = await steps(numbers(5_000), new Map([...numbers(3)]), 100);
    expect(suspects).toHaveLength(4_997);
    expect(Math.max(...all.map(({ rowsCompared }) => rowsCompared))).toBeLessThanOrEqual(100);
    expect(all.filter(({ done }) => done)).toHaveLength(1);
    expect(new Set(all.map(({ cursor }) => cursor)).size).toBe(all.length);
  });

  it('takes every cursor it gave, and none of another table', async () => {
    const { all } = await steps(numbers(300), numbers(300), 100);
    for (const { cursor, done } of all) expect(readCursor(table, cursor).kind).toBe(done ? 'done' : 'after');
    const other = { ...table, key: [{ ...table.key[0]!, keyAs: 'numeric' as const }] };
    expect(() => readCursor(other, all[0]!.cursor)).toThrow('another table, or of another key');
    const long = writeCursor(table, { kind: 'after', key: ['1', '2'] });
    expect(() => readCursor(table, long)).toThrow('holds no key');
  });
});

describe('bisection', () => {
  it('lists no more than it may, and tells the rest by ranges that leave nothing out', async () => {
    const sides = {
      primary: side('primary', numbers(3_000)),
      region: side(
        'region',
        numbers(3_000, () => 'w'),
      ),
    };
    const digest = { rows: 3_000, digest: '', overLimit: false };
    const range = { after: undefined, upTo: undefined };
    const found = { range, digests: { primary: digest, region: digest }, rowLimit: 10_000, maxSuspects: 200 };
    const { suspects, unlisted } = await differencesOf(table, sides, found, never);
    expect(suspects.length).toBeGreaterThanOrEqual(200);
    expect(suspects.length).toBeLessThan(200 + 128);
    expect(unlisted.reduce((rows, { primaryRows }) => rows + primaryRows, suspects.length)).toBe(3_000);
    for (const [index, { after }] of unlisted.entries()) {
      expect(after).toEqual(index === 0 ? suspects.at(-1)?.key : unlisted[index - 1]?.upTo);
    }
  });

  it('gives up a range whose pieces hold more rows than the whole', async () => {
    // The region orders the other way round: each piece of the primary's order is nearly all of its.
    const rows = numbers(2_000);
    const region = side('region', rows);
    const digests = region.rangeDigests;
    region.rangeDigests = async (compared, ranges, rowLimit, signal) =>
      await digests(
        compared,
        ranges.map(() => ({ after: undefined, upTo: undefined })),
        rowLimit,
        signal,
      );
    const digest = { rows: 2_000, digest: '', overLimit: false };
    const found = { range: { after: undefined, upTo: undefined }, digests: { primary: digest, region: digest }, rowLimit: 10_000 };
    const { unlisted } = await differencesOf(table, { primary: side('primary', rows), region }, found, never);
    expect(unlisted).toEqual([{ after: undefined, upTo: undefined, primaryRows: 2_000, regionRows: 2_000, atLeast: false }]);
  });
});

describe('the parts', () => {
  it('cut a range without a gap, and without a piece that no key lies in', () => {
    const key = (id: number) => [String(id)];
    expect(rangesBetween({ after: key(1), upTo: key(9) }, [key(4), key(9)])).toEqual([
      { after: ['1'], upTo: ['4'] },
      { after: ['4'], upTo: ['9'] },
    ]);
    expect(rangesBetween({ after: undefined, upTo: undefined }, [])).toEqual([{ after: undefined, upTo: undefined }]);
    expect(rangesBetween({ after: key(9), upTo: key(9) }, [])).toEqual([]);
  });

  it('take digests for equal only where both counted all rows', () => {
    const digest = { rows: 3, digest: 'x', overLimit: false };
    expect(isEqual({ primary: digest, region: digest })).toBe(true);
    expect(isEqual({ primary: digest, region: { ...digest, rows: 4 } })).toBe(false);
    expect(isEqual({ primary: digest, region: { ...digest, digest: 'y' } })).toBe(false);
    expect(isEqual({ primary: { ...digest, overLimit: true }, region: { ...digest, overLimit: true } })).toBe(false);
  });

  it('tell rows apart by their whole key', () => {
    const rows = (...keys: string[][]) => keys.map((key) => ({ key, digest: 'd' }));
    expect(rowSuspects(rows(['a', 'bc'], ['x']), rows(['ab', 'c'], ['x']))).toEqual([
      { key: ['a', 'bc'], kind: 'missing', columns: [] },
      { key: ['ab', 'c'], kind: 'extra', columns: [] },
    ]);
  });

  it('name no column of a row that is gone', () => {
    const row: RowLook = { present: true, digest: 'd', columnDigests: new Map([['v', '1']]), xmin: '7', version: undefined };
    expect(differingColumns(row, { ...row, columnDigests: new Map([['v', '2']]) })).toEqual(['v']);
    expect(differingColumns(row, { ...row, present: false, columnDigests: new Map() })).toEqual([]);
  });
});
