import { describe, expect, it, onTestFinished } from 'vitest';
import type { Database } from '../../src/postgres/database.ts';
import { bookkeepingSql, type Migration, migrationSql, printMigrations } from '../../src/postgres/migration-plan.ts';
import { checkMigrations, loadMigrations, migrate } from '../../src/postgres/migrations.ts';
import { freshDatabase } from '../rig/context.ts';
import { never, openDatabase, rejectionOf, rowsOf } from './postgres-fixtures.ts';

const newDatabase = async (): Promise<{ readonly url: string; readonly database: Database }> => {
  const url = await freshDatabase();
  const database = openDatabase(url);
  onTestFinished(() => database.close());
  return { url, database };
};

const names = async (database: Database) =>
  (await rowsOf(database, 'select name from farshore.migrations order by number')).map((row) => row.name);

describe('migrate', () => {
  it('brings an empty database up to date once', async () => {
    const { database } = await newDatabase();
    const migrations = await loadMigrations();
    expect(migrations.map(({ number }) => number)).toEqual(migrations.map((_, index) => index + 1));
    expect((await checkMigrations(database, migrations, never)).length).toBe(migrations.length);
    expect(await migrate(database, migrations, never)).toEqual(migrations.map(({ name }) => name));
    expect(await migrate(database, migrations, never)).toEqual([]);
    expect(await checkMigrations(database, migrations, never)).toEqual([]);
    expect(await names(database)).toEqual(migrations.map(({ name }) => name));
  });

  it('lets daemons that start at once take turns', async () => {
    const { url, database } = await newDatabase();
    const others = [openDatabase(url), openDatabase(url)];
    onTestFinished(async () => {
      await Promise.all(others.map((other) => other.close()));
    });
    const migrations = await loadMigrations();
    const ran = await Promise.all([database, ...others].map((each) => migrate(each, migrations, never)));
    expect(ran.flat().sort()).toEqual(migrations.map(({ name }) => name));
  });

  it('keeps nothing of a migration that fails', async () => {
    const { database } = await newDatabase();
    const migrations = await loadMigrations();
    const bad: Migration = {
      number: migrations.length + 1,
      name: '9999-bad',
      sql: 'create table farshore.half (id integer);\nselect nothing_like_it;',
      sha256: 'x',
    };
    expect(await rejectionOf(migrate(database, [...migrations, bad], never))).toMatchObject({ facts: { sqlState: '42703' } });
    expect(await rowsOf(database, "select to_regclass('farshore.half') as half")).toEqual([{ half: null }]);
    expect(await names(database)).toEqual(migrations.map(({ name }) => name));
  });

  it('refuses a schema that a newer Farshore migrated, and one that was changed', async () => {
    const { database } = await newDatabase();
    const migrations = await loadMigrations();
    await migrate(database, migrations, never);
    expect(await rejectionOf(migrate(database, migrations.slice(0, -1), never))).toMatchObject({ code: 'database_newer' });
    await rowsOf(database, "update farshore.migrations set sha256 = 'other' where number = 1");
    expect(await rejectionOf(checkMigrations(database, migrations, never))).toMatchObject({ code: 'database_unsupported' });
  });

  it('asks only for what is missing: a role without DDL works on an up-to-date schema', async () => {
    const { url, database } = await newDatabase();
    const migrations = await loadMigrations();
    await rowsOf(database, 'create role plain_migrator login');
    const plain = openDatabase(url.replace(/\/\/[^@]*@/, '//plain_migrator@'));
    onTestFinished(async () => {
      await plain.close();
      const admin = openDatabase(url);
      await rowsOf(admin, 'drop owned by plain_migrator');
      await rowsOf(admin, 'drop role plain_migrator');
      await admin.close();
    });
    expect(await rejectionOf(migrate(plain, migrations, never))).toMatchObject({
      code: 'database_denied',
      hint: expect.stringContaining('farshore migrate --print'),
    });
    await migrate(database, migrations, never);
    await rowsOf(database, 'grant usage on schema farshore to plain_migrator');
    await rowsOf(database, 'grant select on farshore.migrations to plain_migrator');
    expect(await migrate(plain, migrations, never)).toEqual([]);
  });

  it('finds what was printed and run by hand up to date', async () => {
    const { database } = await newDatabase();
    const migrations = await loadMigrations();
    const printed = printMigrations(migrations);
    for (const migration of migrations) expect(printed).toContain(`-- ${migration.name}\n${migrationSql(migration)}`);
    const session = await database.connect(never);
    await session.script(bookkeepingSql, never);
    for (const migration of migrations) await session.script(migrationSql(migration), never);
    await session.close();
    expect(await migrate(database, migrations, never)).toEqual([]);
  });
});
