import { afterAll, beforeAll, expect, it } from 'vitest';
import { TableCatalog } from '../../src/apply/table-catalog.ts';
import type { TableName } from '../../src/model/sql-name.ts';
import type { Database } from '../../src/postgres/database.ts';
import { createTable, describeTables, executeDdl } from '../../src/postgres/tables.ts';
import { freshDatabase } from '../rig/context.ts';
import { field } from '../unit/apply/log-double.ts';
import { never, openDatabase } from './postgres-fixtures.ts';

let database: Database;

beforeAll(async () => {
  database = openDatabase(await freshDatabase(), { connections: 8 });
});

afterAll(async () => {
  await database.close();
});

const tables = {
  describe: (names: Parameters<typeof describeTables>[1], signal: AbortSignal) => describeTables(database, names, signal),
  create: (table: TableName, statements: readonly string[], signal: AbortSignal) => createTable(database, table, statements, signal),
  execute: (statements: readonly string[], signal: AbortSignal) => executeDdl(database, statements, signal),
};
const shape = (...names: readonly string[]) => ({
  fields: [field('id', 'long', { doc: 'The key.' }), ...names.map((name) => field(name, 'string', { doc: `What ${name} is.` }))],
  decode: () => ({}),
});

it('partitions whose first records come at once create their table once: all but one were refused as by a bad row (23505)', async () => {
  // Connections first, so that all ask in the same moment.
  await Promise.all(Array.from({ length: 8 }, () => database.query({ text: 'select pg_sleep(0.05)', values: [] }, never)));
  for (let round = 0; round < 10; round++) {
    const topic = `made${round}`;
    const catalogs = Array.from({ length: 8 }, () => new TableCatalog({ tables }, { entries: [{ topic, key: ['id'] }], schema: 'create' }));
    const loads = await Promise.allSettled(catalogs.map((catalog) => catalog.loadMapping(topic, 0, shape('text'), never)));
    expect(loads.filter(({ status }) => status === 'rejected')).toEqual([]);
  }
});

it('a table that another schema has just made is judged like one that was there', async () => {
  const catalogs = ['text', 'other'].map((name) => {
    const catalog = new TableCatalog({ tables }, { entries: [{ topic: 'raced', key: ['id'] }], schema: 'create' });
    return catalog.loadMapping('raced', 0, shape(name), never);
  });
  const failed = (await Promise.allSettled(catalogs)).filter((load) => load.status === 'rejected');
  expect(failed.map(({ reason }) => (reason as { code: string }).code)).toEqual(['table_mismatch']);
});

it('partitions that lack the same column at once add it once', async () => {
  await executeDdl(database, ['create table grown (id bigint primary key)'], never);
  const catalogs = Array.from({ length: 8 }, () => new TableCatalog({ tables }, { entries: [{ topic: 'grown' }], schema: 'evolve' }));
  const loads = await Promise.allSettled(catalogs.map((catalog) => catalog.loadMapping('grown', 0, shape('text'), never)));
  expect(loads.filter(({ status }) => status === 'rejected')).toEqual([]);
});
