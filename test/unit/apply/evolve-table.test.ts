import { describe, expect, it } from 'vitest';
import { evolveTableText } from '../../../src/apply/evolve-table.ts';
import { tableDescription } from './descriptions.ts';
import { field } from './log-double.ts';

const entry = { topic: 'billing.invoices', columns: { total_amount: 'total' } };
const fields = [
  field('id', 'long'),
  field('total', 'bytes', { logical: 'decimal', precision: 12, scale: 2 }),
  field('at "now"', 'string', { nullable: true }),
];
const lacking = tableDescription('public.invoices', { id: 'bigint' }, ['id']);
const lockLimit = `set local lock_timeout = '2s'`;

describe('a table that follows its schema', () => {
  it('gets the missing columns, nullable and without a default, by one statement under a short lock wait', () => {
    expect(evolveTableText(entry, { fields }, lacking)).toEqual([
      lockLimit,
      `alter table "public"."invoices"
  add column if not exists "total_amount" numeric(12,2),
  add column if not exists "at ""now""" text`,
    ]);
  });

  it('gets the version column', () => {
    const before = tableDescription('public.invoices', { id: 'bigint' }, ['id']);
    const table = { ...before, columns: before.columns.filter(({ name }) => name === 'id') };
    expect(evolveTableText(entry, { fields: [field('id', 'long')] }, table)).toEqual([
      lockLimit,
      'alter table "public"."invoices"\n  add column if not exists "farshore_version" bytea',
    ]);
  });

  it('is left alone where it lacks nothing, where a type differs, and where it lacks a key column', () => {
    const whole = tableDescription('public.invoices', { id: 'text', total_amount: 'bigint', 'at "now"': 'text' }, ['id']);
    expect(evolveTableText(entry, { fields }, whole)).toEqual([]);
    expect(evolveTableText({ ...entry, key: ['region', 'id'] }, { fields: [...fields, field('region', 'string')] }, whole)).toEqual([]);
  });

  it.each([
    ['c'.repeat(64), 'is longer than 63 bytes'],
    ['ä'.repeat(32), 'is longer than 63 bytes'],
  ])('is refused the column %s', (name, reason) => {
    expect(() => evolveTableText(entry, { fields: [field(name, 'string')] }, lacking)).toThrow(reason);
  });

  it('gets the columns of its preset and those that partial records need', () => {
    const table = tableDescription('public.notes', { id: 'bigint', synced_id: 'bigint', updated_at: 'bigint' }, ['id']);
    const data = field('data', 'record', { fields: [field('id', 'long'), field('updated_at', 'long'), field('title', 'string')] });
    const notes = { topic: 'notes', preset: 'dionysus' as const, partial: { absent: true as const } };
    expect(evolveTableText(notes, { fields: [field('event', 'string'), data] }, table)).toEqual([
      lockLimit,
      `alter table "public"."notes"
  add column if not exists "synced_data" jsonb,
  add column if not exists "synced_deleted_at" timestamp with time zone,
  add column if not exists "farshore_units" jsonb`,
    ]);
  });
});
