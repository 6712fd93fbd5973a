import { describe, expect, it } from 'vitest';
import { sourceTableOf } from '../../../src/apply/source-table.ts';
import type { TableEntry } from '../../../src/apply/table-entry.ts';
import { tableDescription } from './descriptions.ts';

const region = tableDescription(
  'finance.invoices',
  {
    id: 'bigint',
    amount_total: 'numeric(12,2)',
    note: 'text',
    city: 'text',
    origin: 'text',
    body: 'jsonb',
    gone: 'timestamp with time zone',
  },
  ['id'],
);
const entry: TableEntry = { topic: 'billing.invoices', table: 'finance.invoices' };

const resolved = (changes: Partial<TableEntry>, table = region) => {
  const { source, key, omitted, live, unknown } = sourceTableOf({ ...entry, ...changes }, table);
  return { ...source, columns: Object.fromEntries(source.columns), omitted: Object.fromEntries(omitted), live, unknown, key };
};

describe('the table at the primary', () => {
  it('has the name and the columns of the regional one, without those of Farshore itself', () => {
    expect(resolved({})).toEqual({
      table: { schema: 'finance', table: 'invoices' },
      columns: { id: 'id', amount_total: 'amount_total', note: 'note', city: 'city', origin: 'origin', body: 'body', gone: 'gone' },
      where: undefined,
      omitted: { farshore_version: 'farshore' },
      live: undefined,
      unknown: [],
      key: ['id'],
    });
  });

  it('has the columns that the fields are named by, and none for what no column at home is', () => {
    const { columns, omitted, live } = resolved({
      columns: {
        amount_total: 'total',
        note: { field: 'memo', cast: 'text' },
        city: 'address.city',
        origin: { value: 'us' },
        body: { document: true },
      },
      softDelete: 'gone',
    });
    expect(columns).toEqual({ id: 'id', amount_total: 'total', note: 'memo' });
    expect(omitted).toEqual({
      city: 'nested field',
      origin: 'constant',
      body: 'document',
      gone: 'soft delete',
      farshore_version: 'farshore',
    });
    expect(live).toBe('"gone" is null');
  });

  it('is what `source` says, also for a column that would be left out', () => {
    const source = { table: 'sales.bills', columns: { city: 'town', id: 'number' }, omit: ['note', 'nope'], where: 'tenant = 7' };
    const found = resolved({ columns: { city: 'address.city' }, source });
    expect(found).toMatchObject({ table: { schema: 'sales', table: 'bills' }, where: 'tenant = 7', unknown: ['nope'] });
    expect(found.columns).toMatchObject({ city: 'town', id: 'number' });
    expect(found.omitted).toEqual({ note: 'omitted', farshore_version: 'farshore' });
  });

  it('leaves out what no field may fill, but never the key', () => {
    expect(Object.keys(resolved({ allow: ['note'] }).columns)).toEqual(['id', 'note']);
    expect(Object.keys(resolved({ allow: ['total'], columns: { amount_total: 'total' } }).columns)).toEqual(['id', 'amount_total']);
    expect(resolved({ ignore: ['note'] }).omitted).toMatchObject({ note: 'not filled' });
  });

  it('leaves out generated columns', () => {
    const generated = region.columns.map((column) => (column.name === 'note' ? { ...column, generated: 'stored' as const } : column));
    expect(resolved({}, { ...region, columns: generated }).omitted).toMatchObject({ note: 'generated' });
  });

  it('has the names that preset dionysus takes away', () => {
    const synced = tableDescription(
      'public.users',
      { synced_id: 'bigint', synced_name: 'text', synced_data: 'jsonb', synced_deleted_at: 'timestamp with time zone' },
      ['synced_id'],
    );
    const found = resolved({ topic: 'users', table: 'public.users', preset: 'dionysus' }, synced);
    expect(found.columns).toEqual({ synced_id: 'id', synced_name: 'name' });
    expect(found.omitted).toEqual({ synced_data: 'document', synced_deleted_at: 'soft delete', farshore_version: 'farshore' });
  });
});
