import { describe, expect, it } from 'vitest';
import type { TableEntry } from '../../../src/apply/table-entry.ts';
import { tableSource } from '../../../src/daemon/table-source.ts';
import { tableDescription } from '../apply/descriptions.ts';

const region = tableDescription('public.bills', { id: 'bigint', total: 'numeric', tenant: 'text', gone: 'boolean' }, ['id']);
const entry = (topic: string, more: Partial<TableEntry> = {}): TableEntry => ({ topic, table: 'public.bills', ...more });
const sourceOf = (...entries: TableEntry[]) => tableSource('public.bills', entries, region, 'table_incomparable');

describe('the source of a table that several topics fill', () => {
  it('is the one that all its entries give', () => {
    const where = { where: 'tenant is not null' };
    expect(sourceOf(entry('north', { source: where }), entry('south', { source: { ...where, table: 'bills' } }))).toMatchObject({
      kind: 'resolved',
      resolved: { source: { table: { schema: 'public', table: 'bills' }, ...where }, key: ['id'] },
    });
  });

  it.each([
    ['another table', 'table', { source: { table: 'public.bills_south' } }],
    ['other rows of it', 'where', { source: { where: "tenant = 'south'" } }],
    ['another column', 'columns', { source: { columns: { total: 'net' } } }],
    ['another key', 'key', { key: ['tenant', 'id'] }],
  ] as const)('is none where one of them gives %s: by the first alone, a repair took the rows of the others away', (_what, part, other) => {
    expect(sourceOf(entry('north'), entry('east'), entry('south', other as Partial<TableEntry>))).toMatchObject({
      kind: 'refused',
      reason: {
        ...{ code: 'table_incomparable', place: 'table public.bills' },
        message: `The topics of the table have different sources at the primary (${part}): north, east / south`,
        hint: expect.stringContaining('the same `source` and `key`'),
      },
    });
  });

  it('has the deletes that one of them marks: others set parts of its rows', () => {
    for (const entries of [
      [entry('main', { softDelete: 'gone' }), entry('part')],
      [entry('part'), entry('main', { softDelete: 'gone' })],
    ]) {
      const found = sourceOf(...entries);
      expect(found).toMatchObject({ kind: 'resolved', resolved: { live: '"gone" is not true', softDelete: { column: 'gone' } } });
      expect(found.kind === 'resolved' && found.resolved.source.columns.has('gone')).toBe(false);
    }
  });

  it('is refused to a backfill under its own code, which may read the topics instead', () => {
    const entries = [entry('north'), entry('south', { source: { where: "tenant = 'south'" } })];
    expect(tableSource('public.bills', entries, region, 'backfill_refused')).toMatchObject({
      reason: { code: 'backfill_refused', hint: expect.stringContaining('--from topic') },
    });
  });

  it('has each column that any of them fills, as where topics set parts of one row, but none that one of them leaves out by name', () => {
    const found = sourceOf(entry('north', { ignore: ['tenant'] }), entry('south', { ignore: ['total'], source: { omit: ['gone'] } }));
    expect(found.kind === 'resolved' && [...found.resolved.source.columns.keys()]).toEqual(['id', 'total', 'tenant']);
    expect(found.kind === 'resolved' && found.resolved.omitted.get('gone')).toBe('omitted');
  });

  it('has the columns that the stream alone fills by any of them: a repaired row would be without them', () => {
    const south = entry('south', { columns: { tenant: { value: 'south' } } });
    for (const entries of [
      [entry('north', { ignore: ['tenant'] }), south],
      [south, entry('north', { ignore: ['tenant'] })],
    ]) {
      const found = sourceOf(...entries);
      expect(found.kind === 'resolved' && found.resolved.omitted.get('tenant')).toBe('constant');
    }
  });
});
