import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { TableEntry } from '../../src/apply/table-entry.ts';
import type { FarshoreConfig } from '../../src/config/config.ts';
import { checkTables } from '../../src/daemon/check-tables.ts';
import type { Database } from '../../src/postgres/database.ts';
import { freshDatabase } from '../rig/context.ts';
import { never, openDatabase, rowsOf } from './postgres-fixtures.ts';

let database: Database;

beforeAll(async () => {
  database = openDatabase(await freshDatabase());
  await rowsOf(database, 'create table models (synced_id uuid primary key, synced_updated_at timestamptz, synced_data jsonb)');
});
afterAll(async () => {
  await database.close();
});

describe('the check of tables', () => {
  const entry: TableEntry = { topic: 'models', table: 'public.models' };
  it.each([
    ['by a field that is named', { ...entry, key: ['synced_id'], version: ['at'] }, false],
    ['by the field of its preset', { ...entry, preset: 'dionysus' }, false],
    ['by the log', { ...entry, key: ['synced_id'] }, true],
    ['by no field of the list', { ...entry, key: ['synced_id'], version: [] }, true],
    ['by no field instead of its preset’s', { ...entry, preset: 'dionysus', version: [] }, true],
  ] as const)('warns of the order of the log where a table’s states are ordered %s: %#', async (_, one, warns) => {
    const config = { mirror: { prefix: '' }, apply: { tables: [one], schema: 'validate' } } as unknown as FarshoreConfig;
    const found = await checkTables(database, undefined, config, never);
    expect(found.some(({ what }) => what.startsWith('Without a source version'))).toBe(warns);
  });
});
