import { describe, expect, it } from 'vitest';
import { fitsCursor, readCursor, withColumns, writeCursor } from '../../../src/audit/pass-cursor.ts';
import { billsTable } from './compared.ts';

const table = billsTable({ total: 'numeric' });
const cursor = writeCursor(table, { kind: 'after', key: ['7'] });

describe('a cursor that says nothing of columns, as older versions wrote it', () => {
  const read = JSON.parse(cursor) as { of: readonly string[]; after: unknown };
  const older = JSON.stringify({ of: read.of.slice(0, -1), after: read.after });

  it('is gone on at where nobody could begin again: at an upgrade each backfill failed for columns that had not changed', () => {
    expect(fitsCursor(table, older)).toBe(false);
    expect(readCursor(table, withColumns(table, older))).toEqual({ kind: 'after', key: ['7'] });
  });

  it('is one of this table only, and one that names other columns stays so', () => {
    const other = billsTable({ total: 'numeric', paid: 'timestamptz' });
    expect(fitsCursor(other, withColumns(other, cursor))).toBe(false);
    const elsewhere = { ...table, region: { ...table.region, where: 'tenant = 1' } };
    expect(fitsCursor(elsewhere, withColumns(elsewhere, older))).toBe(false);
  });
});
