import { describe, expect, it } from 'vitest';
import { columnTypeOf, misfit, travelOf } from '../../../src/apply/column-types.ts';
import type { FieldShape } from '../../../src/apply/contracts.ts';
import { createTableText } from '../../../src/apply/create-table.ts';
import type { TableDescription } from '../../../src/apply/dependencies.ts';
import { mapTable } from '../../../src/apply/mapping.ts';
import { type TableEntry, tableNameOf } from '../../../src/apply/table-entry.ts';
import { tableDescription } from './descriptions.ts';
import { field } from './log-double.ts';

const fields = [
  field('id', 'long'),
  field('amount', 'bytes', { logical: 'decimal', precision: 12, scale: 2 }),
  field('updated_at', 'long', { logical: 'timestamp-micros' }),
];
const columns = { id: 'bigint', amount: 'numeric(12,2)', updated_at: 'timestamp with time zone' };
const invoices = tableDescription('public.invoices', columns, ['id']);

const problemsOf = (entry: TableEntry, table: TableDescription | undefined, of = fields) => {
  const mapped = mapTable(entry, { fields: of }, table);
  return mapped.kind === 'problems' ? mapped.problems.map(({ code, message, hint }) => [code, message, hint]) : [];
};

describe('the mapping', () => {
  it('needs no options: table after the last part of the topic, key from the primary key, columns by name', () => {
    expect(tableNameOf({ topic: 'billing.invoices' })).toEqual({ schema: 'public', table: 'invoices' });
    const mapped = mapTable({ topic: 'billing.invoices' }, { fields }, invoices);
    expect(mapped).toMatchObject({ kind: 'mapped', mapping: { name: 'public.invoices', keyIndexes: [0], version: [], hasSource: false } });
  });

  it('takes table, key, version and column names from the entry', () => {
    const table = tableDescription('app.bills', { no: 'bigint', total: 'numeric(12,2)', updated_at: columns.updated_at }, ['no']);
    const entry = { topic: 'x', table: 'app.bills', key: ['no'], version: ['updated_at'], columns: { no: 'id', total: 'amount' } };
    const mapped = mapTable(entry, { fields }, table);
    if (mapped.kind === 'problems') throw mapped.problems[0]!;
    expect(mapped.mapping.columns.map(({ column, field: from }) => [column, from])).toEqual([
      ['no', 'id'],
      ['total', 'amount'],
      ['updated_at', 'updated_at'],
    ]);
    expect(mapped.mapping.version).toEqual([{ field: 'updated_at', kind: 'timestamp' }]);
  });

  it('says everything that is wrong at once, each with what to paste', () => {
    const table = {
      ...tableDescription('public.invoices', { id: 'bigint', amount: 'numeric(12,1)', needed: 'text' }, ['id', 'needed']),
      rights: ['select' as const],
      columns: tableDescription('public.invoices', { id: 'bigint', amount: 'numeric(12,1)', needed: 'text' }, [
        'id',
        'needed',
      ]).columns.filter(({ name }) => name !== 'farshore_version'),
    };
    expect(problemsOf({ topic: 'invoices', key: ['id'] }, table)).toEqual([
      [
        'table_unmappable',
        expect.stringContaining('neither the primary key nor a unique index'),
        expect.stringContaining('create unique index'),
      ],
      ['database_denied', expect.any(String), 'grant insert, update, delete on "public"."invoices" to ROLE;'],
      ['table_mismatch', expect.stringContaining('rounds'), 'alter table "public"."invoices" alter column "amount" type numeric(12,2);'],
      [
        'table_mismatch',
        expect.stringContaining('updated_at'),
        expect.stringContaining('add column "updated_at" timestamp with time zone;'),
      ],
      ['table_mismatch', expect.stringContaining('NOT NULL'), expect.stringContaining('alter column "needed" drop not null;')],
      ['table_mismatch', expect.stringContaining('farshore_version'), 'alter table "public"."invoices" add column farshore_version bytea;'],
    ]);
  });

  it.each<[string, TableEntry, TableDescription | undefined, string]>([
    ['a table that does not exist', { topic: 'invoices' }, undefined, 'table_missing'],
    ['a table without a key', { topic: 'invoices' }, tableDescription('public.invoices', columns, []), 'table_unmappable'],
    ['a key that is no column', { topic: 'invoices', key: ['nope'] }, invoices, 'table_unmappable'],
    ['a renamed column that is not there', { topic: 'invoices', columns: { nope: 'amount' } }, invoices, 'table_unmappable'],
    ['a version without an order', { topic: 'invoices', version: ['amount'] }, invoices, 'table_unmappable'],
    ['row-level security', { topic: 'invoices' }, { ...invoices, rowSecurity: true }, 'table_unmappable'],
    ['a view', { topic: 'invoices' }, { ...invoices, kind: 'view' }, 'table_unmappable'],
  ])('refuses %s', (_title, entry, table, code) => {
    expect(problemsOf(entry, table)[0]?.[0]).toBe(code);
  });
});

describe('column types', () => {
  it.each([
    ['timestamp with time zone', field('f', 'long', { logical: 'timestamp-nanos' })],
    ['real', field('f', 'long')],
    ['double precision', field('f', 'long')],
    ['real', field('f', 'double')],
  ])('%s is refused where it would round the field without a word', (type, shape) => {
    expect(misfit(type, shape)).toContain('does not hold');
  });

  const decimal = (scale: number) => field('', 'bytes', { logical: 'decimal', precision: 12, scale });
  const duration = field('f', 'fixed', { logical: 'duration' });
  const arrayOf = (items: FieldShape) => field('f', 'array', { items });

  it.each<[string, FieldShape, RegExp]>([
    ['numeric(12,2)[]', arrayOf(decimal(4)), /numeric\(12,2\) rounds decimals of scale 4/],
    ['numeric(12,2)[]', arrayOf(arrayOf(decimal(4))), /rounds/],
    ['real[]', arrayOf(field('', 'double')), /real does not hold double/],
    ['timestamp(0) with time zone[]', arrayOf(field('', 'long', { logical: 'timestamp-micros' })), /rounds timestamp-micros/],
    ['interval(2)', duration, /interval\(2\) rounds duration/],
    ['interval day to second(0)', duration, /rounds duration/],
    ['interval year to month', duration, /cuts durations/],
    ['interval hour', duration, /cuts durations/],
    ['interval minute[]', arrayOf(duration), /cuts durations/],
  ])('%s is refused where it would round or cut what it is given', (type, shape, why) => {
    expect(misfit(type, shape)).toMatch(why);
  });

  it.each<[string, FieldShape]>([
    ['timestamp(0) without time zone', field('f', 'int', { logical: 'date' })],
    ['interval', duration],
    ['interval(3)', duration],
    ['interval day to second', duration],
    ['interval second(3)', duration],
    ['numeric(12,4)[]', arrayOf(decimal(4))],
    ['text[]', arrayOf(field('', 'string'))],
    ['integer[]', arrayOf(field('', 'union'))],
    ['integer[]', field('f', 'array')],
    ['integer[]', field('f', 'string')],
  ])('%s is taken where it holds all that it is given', (type, shape) => {
    expect(misfit(type, shape)).toBeUndefined();
  });

  it.each([
    [field('f', 'long'), 'bigint'],
    [field('f', 'int'), 'integer'],
    [field('f', 'float'), 'real'],
    [field('f', 'bytes'), 'bytea'],
    [field('f', 'bytes', { logical: 'decimal', precision: 9, scale: 3 }), 'numeric(9,3)'],
    [field('f', 'string', { logical: 'uuid' }), 'uuid'],
    [field('f', 'long', { logical: 'timestamp-nanos' }), 'text'],
    [field('f', 'long', { logical: 'local-timestamp-millis' }), 'timestamp without time zone'],
    [field('f', 'fixed', { logical: 'duration' }), 'interval'],
    [field('f', 'enum'), 'text'],
    [field('f', 'map'), 'jsonb'],
    [field('f', 'union'), 'jsonb'],
  ])('a created column for %j is %s', (of, type) => {
    expect(columnTypeOf(of)).toBe(type);
  });

  it('C17: arrays and JSON travel as text and are cast a row; length and scale stay out of every cast', () => {
    const text = field('f', 'string');
    expect(travelOf('numeric(12,2)[]', field('f', 'array'))).toEqual({ array: 'text', cast: 'numeric[]', form: 'array' });
    expect(travelOf('jsonb', field('f', 'record'))).toEqual({ array: 'text', cast: 'jsonb', form: 'json' });
    expect(travelOf('character varying(10)', text)).toEqual({ array: 'character varying', cast: undefined, form: 'plain' });
    expect(travelOf('character(3)', text)).toEqual({ array: 'text', cast: 'bpchar', form: 'plain' });
    expect(travelOf('timestamp(3) with time zone', text)).toMatchObject({ array: 'timestamp with time zone' });
    expect(travelOf('mood', text)).toEqual({ array: 'text', cast: 'mood', form: 'plain' });
  });

  it('creates a table with key, version column and the docs as comments', () => {
    const [create, comment] = createTableText(
      { topic: 'b.invoices', key: ['id'] },
      { fields: [field('id', 'long', { doc: "the bill's" }), ...fields.slice(1)] },
    );
    expect(create).toContain('create table if not exists "public"."invoices"');
    expect(create).toContain('"id" bigint not null');
    expect(create).toContain('farshore_version bytea');
    expect(create).toContain('primary key ("id")');
    expect(comment).toBe(`comment on column "public"."invoices"."id" is 'the bill''s'`);
    expect(() => createTableText({ topic: 'b.invoices' }, { fields })).toThrow(expect.objectContaining({ code: 'table_unmappable' }));
  });
});
