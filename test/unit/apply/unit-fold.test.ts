import { describe, expect, it } from 'vitest';
import type { DecodedRecord } from '../../../src/apply/contracts.ts';
import { columnInput } from '../../../src/apply/map-columns.ts';
import { mapTable } from '../../../src/apply/mapping.ts';
import { UnitFold } from '../../../src/apply/unit-fold.ts';
import { tableDescription } from './descriptions.ts';
import { ListText } from './list-text.ts';
import { field } from './log-double.ts';

const writers = { arrayText: () => new ListText(), arrayLiteral: () => '{}', exactJson: (value: unknown) => JSON.stringify(value) };
const fields = [
  field('id', 'long'),
  field('a', 'string', { nullable: true }),
  field('at', 'long'),
  field('changed', 'array', { nullable: true }),
];
const description = tableDescription(
  'public.things',
  { id: 'bigint', a: 'text', at: 'bigint', deleted: 'boolean', farshore_units: 'jsonb' },
  ['id'],
);

function foldOf(more: { readonly softDelete?: string } = {}): UnitFold {
  const entry = { topic: 'things', version: ['at'], ignore: ['changed'], partial: { mask: 'changed' }, ...more };
  const mapped = mapTable(entry, { fields }, description);
  if (mapped.kind === 'problems') throw mapped.problems[0]!;
  return new UnitFold(mapped.mapping, mapped.mapping.units!, { homeEpoch: 1, generation: 1 }, writers);
}
const record = (at: bigint): DecodedRecord => ({ id: 1n, a: `a${at}`, at, changed: ['id', 'a', 'at'] as unknown as null });
const rowsOf = ({ before, deletes, after }: ReturnType<UnitFold['finish']>) =>
  [before, deletes, after].reduce((sum, rows) => sum + (rows?.versions.count ?? 0), 0);

describe('what a fold of partial records counts', () => {
  it.each([
    [
      'a state below a delete that came before it',
      (fold: UnitFold) => [fold.deleteAt(record(9n), record(9n), 1n, 0), fold.add(record(3n), 2n)],
    ],
    [
      'a state that a later delete takes away',
      (fold: UnitFold) => [fold.add(record(3n), 1n), fold.deleteAt(record(9n), record(9n), 2n, 0)],
    ],
    [
      'a delete above a delete',
      (fold: UnitFold) => [fold.deleteAt(record(3n), record(3n), 1n, 0), fold.deleteAt(record(9n), record(9n), 2n, 0)],
    ],
  ])('counts %s as folded: nothing of it is written', (_what, play) => {
    const fold = foldOf();
    play(fold);
    const folded = fold.finish();
    expect([folded.records, folded.folded, rowsOf(folded)]).toEqual([2, 1, 1]);
  });
});

describe('two deletes of a row in a table of soft deletes', () => {
  it('are not one: the lower resets parts of a row above it, which the higher leaves as they were', () => {
    const fold = foldOf({ softDelete: 'deleted' });
    expect([fold.deleteAt(record(3n), record(3n), 1n, 0), fold.deleteAt(record(9n), record(9n), 2n, 0)]).toEqual([true, false]);
    expect(fold.finish().records).toBe(1);
    expect(foldOf().deleteAt(record(3n), record(3n), 1n, 0)).toBe(true);
  });
});

describe('a record that sets nothing but the key', () => {
  it('is a row: of a table that is all key every record is such, and none was written', () => {
    const pairs = tableDescription('public.pairs', { a: 'bigint', b: 'bigint', farshore_units: 'jsonb' }, ['a', 'b']);
    const shapes = [field('a', 'long'), field('b', 'long')];
    const mapped = mapTable({ topic: 'pairs', partial: { placeholder: '?' } }, { fields: shapes }, pairs);
    if (mapped.kind === 'problems') throw mapped.problems[0]!;
    const fold = new UnitFold(mapped.mapping, mapped.mapping.units!, { homeEpoch: 1, generation: 1 }, writers);
    fold.add({ a: 1n, b: 2n }, 1n);
    fold.add({ a: 1n, b: 3n }, 2n);
    const folded = fold.finish();
    expect([folded.records, folded.folded, folded.after?.versions.count]).toEqual([2, 0, 2]);
  });

  it('is one where its mask names nothing, too', () => {
    const fold = foldOf();
    fold.add({ ...record(3n), changed: [] as unknown as null }, 1n);
    const { after } = fold.finish();
    expect(after?.versions.count).toBe(1);
    expect(after?.units).toBeDefined();
  });
});

describe('a placeholder for what the database did not send', () => {
  const placeholder = '__gone';
  const bytes = [...Buffer.from(placeholder)];
  it.each([
    ['text', 'string', 'text', placeholder],
    ['bytes', 'bytes', 'bytea', Buffer.from(placeholder)],
    ['an array of text', 'array', 'text[]', [placeholder]],
    ['an array of bytes', 'array', 'bytea[]', [Buffer.from(placeholder)]],
    ['an array of whole numbers', 'array', 'integer[]', bytes],
    ['an array of longs', 'array', 'bigint[]', bytes.map(BigInt)],
    ['an array as JSON', 'array', 'jsonb', [placeholder]],
    ['a map as JSON', 'map', 'jsonb', { [placeholder]: placeholder }],
  ] as const)('is one as %s: it was written over what the column holds', (_what, avro, type, value) => {
    const items = field('items', avro, { nullable: true });
    const things = tableDescription('public.things', { id: 'bigint', v: type, farshore_units: 'jsonb' }, ['id']);
    const mapped = mapTable(
      { topic: 'things', partial: { placeholder } },
      { fields: [field('id', 'long'), { ...items, name: 'v' }] },
      things,
    );
    if (mapped.kind === 'problems') throw mapped.problems[0]!;
    const { units } = mapped.mapping;
    const isSet = units!.setFields({ id: 1n, v: value as never }, {});
    const column = mapped.mapping.columns.find(({ field: name }) => name === 'v')!;
    const taken = columnInput(column, { id: 1n, v: value as never }, writers.exactJson);
    expect(isSet('v', taken)).toBe(false);
    expect(isSet('id', 1n)).toBe(true);
  });
});
