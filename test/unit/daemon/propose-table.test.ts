import { describe, expect, it } from 'vitest';
import type { FieldShape } from '../../../src/apply/contracts.ts';
import type { TableDescription } from '../../../src/apply/dependencies.ts';
import { proposeTable, tableOfTopic, withoutSharing } from '../../../src/daemon/propose-table.ts';

const names = (...tables: readonly string[]) =>
  tables.map((name) => ({ schema: name.slice(0, name.indexOf('.')), table: name.slice(name.indexOf('.') + 1) }));

describe('the table of a topic', () => {
  it.each([
    ['billing.invoices', undefined, ['public.invoices', 'public.invoice'], 'public.invoices'],
    ['billing.invoice', undefined, ['public.invoices'], 'public.invoices'],
    ['shop.order-lines', undefined, ['public.order_lines'], 'public.order_lines'],
    ['cdc.sales.orders', undefined, ['public.orders', 'sales.orders'], 'sales.orders'],
    ['cdc.other.orders', undefined, ['public.orders', 'sales.orders'], 'public.orders'],
    ['events', 'com.company.Person', ['public.person'], 'public.person'],
  ])('%s of record %s among %j', (topic, record, tables, expected) => {
    const found = tableOfTopic(topic, record, names(...tables));
    expect(found.kind === 'table' ? `${found.table.schema}.${found.table.table}` : found.kind).toBe(expected);
  });

  it('is not guessed', () => {
    expect(tableOfTopic('billing.logs', undefined, names('public.invoices'))).toEqual({ kind: 'none' });
    expect(tableOfTopic('x.orders', undefined, names('a.orders', 'b.orders'))).toEqual({
      kind: 'several',
      tables: ['a.orders', 'b.orders'],
    });
  });
});

const field = (name: string, avro = 'long', logical?: string): FieldShape => ({
  ...{ name, avro, logical, precision: undefined, scale: undefined, nullable: false, doc: undefined },
});
const column = (name: string, type: string, nullable = false): TableDescription['columns'][number] => ({
  ...{ name, type, nullable, hasDefault: false, generated: 'no', identity: 'no' },
});
const invoices: TableDescription = {
  ...{ schema: 'public', table: 'invoices', kind: 'table', primaryKey: ['id'], rowSecurity: false },
  columns: [column('id', 'bigint'), column('updated_at', 'bigint'), column('farshore_version', 'bytea', true)],
  uniqueIndexes: [{ name: 'p', columns: ['id'], usableAsKey: true }],
  rights: ['select', 'insert', 'update', 'delete'],
};
const shape = { fields: [field('id'), field('updated_at')] };
const propose = (table: TableDescription, fields: readonly FieldShape[] = shape.fields) =>
  proposeTable('billing.invoices', { fields }, table);

describe('a proposed entry', () => {
  it('has the key and the version field, and nothing against it', () => {
    expect(propose(invoices)).toMatchObject({ key: ['id'], keyIsPrimary: true, version: { field: 'updated_at' }, obstacles: [] });
  });

  it('has no version where no field orders: a date is too coarse, a text may sort otherwise', () => {
    for (const [avro, logical] of [
      ['int', 'date'],
      ['string', undefined],
    ] as const) {
      expect(propose(invoices, [field('id'), field('updated_at', avro, logical)]).version).toBeUndefined();
    }
  });

  it('takes a unique index where there is no primary key, unless its columns may be null', () => {
    const unkeyed = { ...invoices, primaryKey: [], uniqueIndexes: [{ name: 'u', columns: ['id'], usableAsKey: true }] };
    expect(propose(unkeyed)).toMatchObject({ key: ['id'], keyIsPrimary: false, obstacles: [] });
    const nullable = { ...unkeyed, columns: [column('id', 'bigint', true), ...invoices.columns.slice(1)] };
    expect(propose(nullable).key).toEqual([]);
    expect(propose(nullable).obstacles.map(({ why }) => why)).toContain('The table has no primary key');
  });

  it('says what is missing, with the statement', () => {
    const { obstacles } = propose({ ...invoices, columns: invoices.columns.slice(0, 2) });
    expect(obstacles.map(({ next }) => next)).toEqual(['alter table "public"."invoices" add column farshore_version bytea;']);
    expect(propose({ ...invoices, rights: ['select'] }).obstacles[0]?.next).toContain('grant insert, update, delete');
    expect(propose({ ...invoices, table: 'in voices' }).obstacles[0]?.why).toContain('cannot name it');
  });

  it('sees an envelope', () => {
    const after = { ...field('after', 'record'), fields: shape.fields };
    const wide = { ...invoices, columns: [...invoices.columns, column('farshore_units', 'jsonb', true)] };
    expect(propose(wide, [after, { ...after, name: 'before' }, field('op', 'string')])).toMatchObject({
      preset: 'debezium',
      obstacles: [],
    });
  });

  it('is held back where topics share a table without a version each', () => {
    const plain = { ...propose(invoices), version: undefined };
    expect(withoutSharing([plain, { ...plain, topic: 'crm.invoices' }]).map(({ obstacles }) => obstacles.length)).toEqual([1, 1]);
    expect(
      withoutSharing([propose(invoices), { ...propose(invoices), topic: 'crm.invoices' }]).flatMap(({ obstacles }) => obstacles),
    ).toEqual([]);
  });
});
