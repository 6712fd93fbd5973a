import { afterAll, beforeAll, expect, it } from 'vitest';
import { untilDone } from '../../src/apply/back-off.ts';
import { TableCatalog } from '../../src/apply/table-catalog.ts';
import type { FarshoreError } from '../../src/model/errors.ts';
import type { TableName } from '../../src/model/sql-name.ts';
import type { Database } from '../../src/postgres/database.ts';
import { createTable, describeTables, executeDdl } from '../../src/postgres/tables.ts';
import { freshDatabase } from '../rig/context.ts';
import { field } from '../unit/apply/log-double.ts';
import { migratedDatabase, never, rowsOf } from './postgres-fixtures.ts';

let database: Database;

beforeAll(async () => {
  database = await migratedDatabase(await freshDatabase());
});

afterAll(async () => {
  await database.close();
});

it('adds columns once a long transaction of somebody else has ended, and lets others write between its attempts', async () => {
  await executeDdl(database, ['create table notes (id bigint primary key)'], never);
  const tables = {
    describe: (names: Parameters<typeof describeTables>[1], signal: AbortSignal) => describeTables(database, names, signal),
    create: (table: TableName, statements: readonly string[], signal: AbortSignal) => createTable(database, table, statements, signal),
    execute: (statements: readonly string[], signal: AbortSignal) => executeDdl(database, statements, signal),
  };
  const catalog = new TableCatalog({ tables }, { entries: [{ topic: 'notes' }], schema: 'evolve' });
  const decoder = { fields: [field('id', 'long'), field('text', 'string')], decode: () => ({}) };
  const reader = await database.connect(never);
  const retries: FarshoreError[] = [];
  try {
    await reader.run([{ text: 'begin', values: [] }], never);
    await reader.run([{ text: 'select * from notes', values: [] }], never);
    const clock = {
      wallMs: () => 0,
      monotonicMs: () => 0,
      // Between two attempts: others write, and after the second the reader is done.
      sleep: async () => {
        await rowsOf(database, 'insert into notes values ($1)', [retries.length]);
        if (retries.length === 2) await reader.run([{ text: 'commit', values: [] }], never);
      },
    };
    const backOff = { clock, random: () => 1, retried: (error: FarshoreError) => void retries.push(error) };
    await untilDone(() => catalog.loadMapping('notes', 0, decoder, never), backOff, never);
  } finally {
    await reader.close();
  }
  expect(retries.map(({ facts }) => facts.sqlState)).toEqual(['55P03', '55P03']);
  const [evolved] = await tables.describe([{ schema: 'public', table: 'notes' }], never);
  expect(evolved!.columns.map(({ name, type, nullable, hasDefault }) => [name, type, nullable, hasDefault])).toEqual([
    ['id', 'bigint', false, false],
    ['text', 'text', true, false],
    ['farshore_version', 'bytea', true, false],
  ]);
  expect(await rowsOf(database, 'select id, text from notes order by id')).toEqual([
    { id: '1', text: null },
    { id: '2', text: null },
  ]);
});

it('gives a table that meets a delete first the column that a delete compares', async () => {
  await executeDdl(database, ['create table bare (id bigint primary key)'], never);
  const tables = {
    describe: (names: Parameters<typeof describeTables>[1], signal: AbortSignal) => describeTables(database, names, signal),
    create: (table: TableName, statements: readonly string[], signal: AbortSignal) => createTable(database, table, statements, signal),
    execute: (statements: readonly string[], signal: AbortSignal) => executeDdl(database, statements, signal),
  };
  const catalog = new TableCatalog({ tables }, { entries: [{ topic: 'bare' }], schema: 'evolve' });
  await catalog.loadKey('bare', 0, never);
  const [evolved] = await tables.describe([{ schema: 'public', table: 'bare' }], never);
  expect(evolved!.columns.map(({ name }) => name)).toEqual(['id', 'farshore_version']);
});
