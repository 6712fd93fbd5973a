import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ComparedTable, Side } from '../../src/audit/contracts.ts';
import { type AuditRig, auditRig, compared, pass, suspectText } from './audit-rig.ts';
import { rowsOf } from './postgres-fixtures.ts';

let rig: AuditRig;
let table: ComparedTable;

beforeAll(async () => {
  rig = await auditRig();
  await rig.at('primary', 'create table things (a int, b text, t text, u varchar, n numeric, l text[], primary key (a, b))');
  await rig.at('region', 'create table things (a bigint, b text, t varchar, u text, n numeric(20,6), l text[], primary key (a, b))');
  table = await compared(rig, 'things');
});

afterAll(async () => {
  await rig.close();
});

interface Cells {
  readonly t: string | null;
  readonly u: string | null;
  readonly n: number | null;
  readonly l: readonly (string | null)[] | null;
}

const tricky = [
  '',
  ' ',
  'NULL',
  'null',
  ',',
  '"',
  '""',
  '\\',
  '(',
  ')',
  '{}',
  '{',
  'a',
  'A',
  'a ',
  'é',
  'e\u0301',
  "'",
  '$$',
  '\n',
  'x'.repeat(3_000),
];
const word = fc.oneof(fc.constantFrom(...tricky), fc.string({ unit: 'grapheme', maxLength: 12 }));
const maybe = <T>(of: fc.Arbitrary<T>) => fc.option(of, { nil: null, freq: 4 });
const cells: fc.Arbitrary<Cells> = fc.record({
  t: maybe(word),
  u: maybe(word),
  n: maybe(fc.integer({ min: -100_000, max: 100_000 }).map((cents) => cents / 100)),
  l: maybe(fc.array(maybe(word), { maxLength: 3 })),
});

/** A row, and what the region has in its place: the same, nothing, or some other cells. */
const pair = fc.record({
  a: fc.integer({ min: -3, max: 3 }),
  b: word,
  cells,
  fate: fc.oneof(
    { weight: 6, arbitrary: fc.constant<'same' | 'missing' | 'extra'>('same') },
    { weight: 1, arbitrary: fc.constantFrom<'same' | 'missing' | 'extra'>('missing', 'extra') },
    { weight: 2, arbitrary: cells.chain((other) => fc.subarray(['t', 'u', 'n', 'l'] as const).map((names) => ({ other, names }))) },
  ),
});
type Pair = typeof pair extends fc.Arbitrary<infer T> ? T : never;

const names = ['t', 'u', 'n', 'l'] as const;

function regionOf({ cells: own, fate }: Pair): Cells {
  if (typeof fate === 'string') return own;
  return { ...own, ...Object.fromEntries(fate.names.map((name) => [name, fate.other[name]])) };
}

function expected(one: Pair): string[] {
  const key = `${one.a}/${one.b}`;
  if (one.fate === 'missing' || one.fate === 'extra') return [`${key} ${one.fate}`];
  const region = regionOf(one);
  const changed = names.filter((name) => JSON.stringify(one.cells[name]) !== JSON.stringify(region[name]));
  return changed.length === 0 ? [] : [`${key} changed: ${changed.join(', ')}`];
}

async function fill(side: Side, rows: readonly object[]): Promise<void> {
  await rig.at(side, 'truncate things');
  await rowsOf(rig.databases[side], 'insert into things select * from json_populate_recordset(null::things, $1)', [JSON.stringify(rows)]);
}

describe('random rows', () => {
  it('differ where something was planted, and nowhere else', async () => {
    const pairs = fc.uniqueArray(pair, { maxLength: 150, selector: ({ a, b }) => `${a}/${b}` });
    await fc.assert(
      fc.asyncProperty(pairs, fc.integer({ min: 1, max: 60 }), async (planted, rowsPerRange) => {
        const row = ({ a, b }: Pair, values: Cells) => ({ a, b, ...values });
        await fill(
          'primary',
          planted.filter(({ fate }) => fate !== 'extra').map((one) => row(one, one.cells)),
        );
        await fill(
          'region',
          planted.filter(({ fate }) => fate !== 'missing').map((one) => row(one, regionOf(one))),
        );
        const { suspects } = await pass(rig, table, rowsPerRange);
        expect(suspects.map(suspectText).toSorted()).toEqual(planted.flatMap(expected).toSorted());
      }),
      { numRuns: Number(process.env.FARSHORE_PROPERTY_RUNS ?? 60), seed: 5 },
    );
  });
});
