import { describe, expect, it } from 'vitest';
import { travelOf } from '../../../src/apply/column-types.ts';
import type { TableMapping } from '../../../src/apply/mapping.ts';
import type { ComparedTable } from '../../../src/audit/contracts.ts';
import type { PreparedTable } from '../../../src/backfill/contracts.ts';
import { backfillTable } from '../../../src/postgres/backfill-table.ts';
import type { Database } from '../../../src/postgres/database.ts';
import { billsTable } from '../audit/compared.ts';

const never = new AbortController().signal;

const travel = travelOf('bigint', { avro: 'string', logical: undefined });
const mappingOf = ({ columns }: ComparedTable): TableMapping => ({
  name: 'public.bills',
  table: { schema: 'public', table: 'bills' },
  hasSource: false,
  key: [{ column: 'id', field: 'id', type: 'bigint', travel }],
  columns: columns.map(({ name }) => ({ column: name, field: name, type: 'text', travel })),
  ...{ keyIndexes: [0], version: [], absentVersion: [], notAllowed: [] },
});

/** A primary whose chunks are full. */
function prepared(compared: ComparedTable): PreparedTable {
  const row = Object.fromEntries([['k0', '7'], ...compared.columns.map((_column, index) => [`v${index}`, '7'])]);
  const primary = { query: async () => ({ rows: [row], rowCount: 1 }) } as unknown as Database;
  return backfillTable({
    ...{ primary, region: {} as Database, epoch: 1n, compared, mapping: mappingOf(compared) },
    ...{ states: [{ topic: 'bills', homeEpoch: 1 }], regionName: 'eu-west', source: [], restored: null },
  });
}

describe('a backfill of the primary’s rows', () => {
  it('goes on at its cursor', async () => {
    const table = prepared(billsTable({ total: 'numeric' }));
    const { cursor } = await table.read({ id: '1', cursor: undefined }, 1, never);
    expect(await table.read({ id: '1', cursor }, 1, never)).toMatchObject({ rows: 1, done: false });
  });

  it('does not go on where columns came since: the rows before its cursor would be without them, and it would end as done', async () => {
    const { cursor } = await prepared(billsTable({ total: 'numeric' })).read({ id: '1', cursor: undefined }, 1, never);
    const table = prepared(billsTable({ total: 'numeric', paidAt: 'timestamptz' }));
    await expect(table.read({ id: '1', cursor }, 1, never)).rejects.toMatchObject({
      ...{ code: 'backfill_refused', place: 'table public.bills' },
      hint: expect.stringContaining('farshore backfill stop --table public.bills, and start it again'),
    });
  });
});
