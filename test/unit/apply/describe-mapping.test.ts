import { describe, expect, it } from 'vitest';
import { describeMapping } from '../../../src/apply/describe-mapping.ts';
import { MetSchemas } from '../../../src/apply/met-schemas.ts';
import type { AttributeView } from '../../../src/model/schema-view.ts';
import { tableDescription } from './descriptions.ts';
import { field } from './log-double.ts';

const fields = [
  field('id', 'long'),
  field('total', 'bytes', { logical: 'decimal', precision: 12, scale: 2, doc: 'net of tax' }),
  field('note', 'string', { nullable: true }),
  field('at', 'long', { logical: 'timestamp-micros' }),
];
const columns = { id: 'bigint', total: 'numeric(12,2)', note: 'text', at: 'timestamp with time zone' };
const invoices = tableDescription('public.invoices', columns, ['id']);
const entry = { topic: 'billing.invoices', version: ['at'] };

const brief = ({ field: name, column, state, roles, allowed }: AttributeView) => [name, column, state, roles.join(' '), allowed];

describe('what a schema makes of a table', () => {
  it('is a row a field with type, doc, column and role', () => {
    const found = describeMapping(entry, { ref: '7', recordName: 'Invoice', fields }, invoices, 'validate');
    expect(found).toMatchObject({ schema: '7', record: 'Invoice', problems: [] });
    expect(found.attributes.map(brief)).toEqual([
      ['id', 'id', 'ok', 'key', true],
      ['total', 'total', 'ok', '', true],
      ['note', 'note', 'ok', '', true],
      ['at', 'at', 'ok', 'version', true],
    ]);
    expect(found.attributes[1]).toMatchObject({ type: 'bytes (decimal 12,2)', doc: 'net of tax', columnType: 'numeric(12,2)' });
    expect(found.unfilled).toEqual([{ column: 'farshore_version', columnType: 'bytea', kept: 'farshore', problem: null }]);
  });

  it('names every difference at its place, with what mends it', () => {
    const lacking = tableDescription('public.invoices', { id: 'bigint', total: 'bigint', at: columns.at, owner: 'text' }, ['id']);
    const table = {
      ...lacking,
      columns: lacking.columns
        .filter(({ name }) => name !== 'farshore_version')
        .map((column) => (column.name === 'owner' ? { ...column, nullable: false } : column)),
    };
    const found = describeMapping(entry, { fields }, table, 'validate');
    expect(found.attributes.map(({ field: name, state, problem }) => [name, state, problem?.hint ?? null])).toEqual([
      ['id', 'ok', null],
      ['total', 'type_differs', 'alter table "public"."invoices" alter column "total" type numeric(12,2);'],
      ['note', 'no_column', 'alter table "public"."invoices" add column "note" text;'],
      ['at', 'ok', null],
    ]);
    expect(found.unfilled.map(({ column, kept, problem }) => [column, kept, problem?.hint])).toEqual([
      ['owner', 'nothing', 'alter table "public"."invoices" alter column "owner" drop not null;'],
      ['farshore_version', 'nothing', 'alter table "public"."invoices" add column farshore_version bytea;'],
    ]);
    expect(found.problems).toHaveLength(4);
  });

  it('says of fields without a column why they have none', () => {
    const allowing = {
      ...entry,
      allow: ['total', 'at'],
      ignore: ['debug'],
      deleteWhen: { field: 'op', in: ['gone'] },
    };
    const found = describeMapping(allowing, { fields: [...fields, field('debug', 'string'), field('op', 'string')] }, invoices, 'validate');
    expect(found.attributes.map(brief)).toEqual([
      ['id', 'id', 'ok', 'key', true],
      ['total', 'total', 'ok', '', true],
      ['note', null, 'not_allowed', '', false],
      ['at', 'at', 'ok', 'version', true],
      ['debug', null, 'ignored', '', false],
      ['op', null, 'signal', '', false],
    ]);
    expect(found.problems).toEqual([]);
    expect(found.unfilled).toContainEqual({ column: 'note', columnType: 'text', kept: 'null', problem: null });
    const versionLeftOut = describeMapping({ ...entry, allow: ['total'] }, { fields }, invoices, 'validate');
    expect(versionLeftOut.attributes.map(brief)[3]).toEqual(['at', null, 'version', 'version', false]);
  });

  it('follows named columns: paths, casts, constants, the document, and fields that an older schema lacks', () => {
    const table = tableDescription(
      'public.people',
      { id: 'bigint', city: 'text', born: 'timestamp with time zone', origin: 'text', whole: 'jsonb', later: 'text', wrong: 'text' },
      ['id'],
    );
    const people = {
      topic: 'people',
      columns: {
        city: 'address.city',
        born: { field: 'born_ms', cast: 'epoch-millis' as const },
        origin: { value: 'us' },
        whole: { document: true as const },
        later: 'added_later',
        wrong: { field: 'id', cast: 'microseconds' as const },
        gone: 'id',
      },
    };
    const shape = {
      fields: [
        field('id', 'long'),
        field('address', 'record', { nullable: true, fields: [field('city', 'string'), field('zip', 'string')] }),
        field('born_ms', 'long'),
        field('extra', 'string'),
      ],
    };
    const found = describeMapping(people, shape, table, 'validate');
    expect(found.attributes.map(({ field: name, column, state, source, cast }) => [name, column, state, source, cast])).toEqual([
      ['id', 'wrong', 'unusable', 'field', 'microseconds'],
      ['id', 'gone', 'no_column', 'field', null],
      ['address.city', 'city', 'ok', 'field', null],
      ['born_ms', 'born', 'ok', 'field', 'epoch-millis'],
      ['extra', null, 'in_document', 'field', null],
      [null, 'origin', 'ok', 'value', null],
      [null, 'whole', 'ok', 'document', null],
      ['added_later', 'later', 'absent', 'field', null],
    ]);
    expect(found.attributes.find(({ column }) => column === 'city')?.nullable).toBe(true);
    expect(found.problems.length).toBeGreaterThan(1);
  });

  it('shows versions that stand beside the row, and the groups of fields', () => {
    const table = tableDescription('public.invoices', { id: 'bigint', total: columns.total, farshore_units: 'jsonb' }, ['id']);
    const shape = {
      fields: [
        field('op', 'string'),
        field('ts_ms', 'long'),
        field('after', 'record', { nullable: true, fields: [field('id', 'long'), fields[1]!] }),
      ],
    };
    const groups = { money: { fields: ['total'], version: 'ts_ms' } };
    const found = describeMapping({ topic: 'invoices', preset: 'debezium', version: ['ts_ms'], groups }, shape, table, 'validate');
    expect(found.problems).toEqual([]);
    expect(found.attributes.map(brief)).toEqual([
      ['id', 'id', 'ok', 'key', true],
      ['total', 'total', 'ok', 'group money', true],
      ['ts_ms', null, 'version', 'version version of group money', true],
    ]);
  });

  it('counts the columns that Farshore makes by itself as no difference, and a type that it does not change as one', () => {
    const lacking = tableDescription('public.invoices', { id: 'bigint', total: 'bigint', at: columns.at }, ['id']);
    const evolved = describeMapping(entry, { fields }, lacking, 'evolve');
    expect(evolved.attributes.map(({ field: name, state }) => [name, state])).toEqual([
      ['id', 'ok'],
      ['total', 'type_differs'],
      ['note', 'added'],
      ['at', 'ok'],
    ]);
    expect(evolved.problems).toHaveLength(1);
    const created = describeMapping({ ...entry, key: ['id'] }, { fields }, undefined, 'create');
    expect(created.attributes.map(({ state }) => state)).toEqual(['added', 'added', 'added', 'added']);
    expect(created.problems).toEqual([]);
    const keyless = describeMapping(entry, { fields }, undefined, 'create');
    expect(keyless.problems).toEqual([expect.objectContaining({ code: 'table_unmappable' })]);
  });

  it('says that there is no table, and that a preset does not find its record', () => {
    const none = describeMapping(entry, { fields }, undefined, 'validate');
    expect([none.attributes.length, none.problems.map(({ code }) => code)]).toEqual([4, ['table_missing']]);
    const misread = describeMapping({ ...entry, preset: 'debezium' }, { fields }, invoices, 'validate');
    expect(misread.problems).toContainEqual(expect.objectContaining({ message: expect.stringContaining('`after`') }));
  });
});

describe('the schemas met', () => {
  const decoder = (ref: string) => ({ ref, fields: [], decode: () => ({}) });

  it('are each kept once, and the ones met longest ago go first', () => {
    const met = new MetSchemas();
    for (let n = 0; n < 20; n++) met.note('t', decoder(String(n)));
    met.note('t', decoder('10'));
    expect(met.of('t').map(({ ref }) => ref)).toEqual([
      '4',
      '5',
      '6',
      '7',
      '8',
      '9',
      '11',
      '12',
      '13',
      '14',
      '15',
      '16',
      '17',
      '18',
      '19',
      '10',
    ]);
    expect(met.of('u')).toEqual([]);
  });
});
