import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import type { Statement } from '../apply/contracts.ts';
import { FarshoreError } from '../model/errors.ts';
import type { Database } from './database.ts';
import { migrationLock } from './locks.ts';
import { type AppliedMigration, bookkeepingSql, type Migration, migrationSql, pendingMigrations } from './migration-plan.ts';

/** Reads the numbered `.sql` files of a folder, by default the ones that ship beside this file. Throws `internal` for a gap in the numbers. */
export async function loadMigrations(folder: URL = new URL('./migrations/', import.meta.url)): Promise<readonly Migration[]> {
  const files = (await readdir(folder)).filter((file) => file.endsWith('.sql')).sort();
  return await Promise.all(
    files.map(async (file, index): Promise<Migration> => {
      const number = Number(file.slice(0, 4));
      if (number !== index + 1) throw new FarshoreError('internal', `Migration file ${file} should have the number ${index + 1}.`);
      const sql = await readFile(new URL(file, folder), 'utf8');
      return { number, name: file.slice(0, -'.sql'.length), sql, sha256: createHash('sha256').update(sql).digest('hex') };
    }),
  );
}

const findList: Statement = { text: "select to_regclass('farshore.migrations') is not null as there", values: [] };
const readList: Statement = { text: 'select number, name, sha256 from farshore.migrations order by number', values: [] };
const takeLock: Statement = { text: 'select pg_advisory_lock($1, $2)', values: [migrationLock.classId, migrationLock.objectId] };

interface Session {
  run(
    statements: readonly Statement[],
    signal: AbortSignal,
  ): Promise<readonly { readonly rows: readonly Readonly<Record<string, string | null>>[] }[]>;
}

async function appliedMigrations(session: Session, signal: AbortSignal): Promise<readonly AppliedMigration[]> {
  const [list] = await session.run([findList], signal);
  if (list?.rows[0]?.there !== 't') return [];
  const [applied] = await session.run([readList], signal);
  return (applied?.rows ?? []).map(({ number, name, sha256 }) => ({ number: Number(number), name: `${name}`, sha256: `${sha256}` }));
}

/** What `migrate` would run; changes nothing. Throws as `pendingMigrations` and `Database.checkServer` do. */
export async function checkMigrations(
  database: Database,
  migrations: readonly Migration[],
  signal: AbortSignal,
): Promise<readonly Migration[]> {
  await database.checkServer(signal);
  const connection = await database.connect(signal);
  try {
    return pendingMigrations(migrations, await appliedMigrations(connection, signal));
  } finally {
    await connection.close();
  }
}

/**
 * Brings schema farshore up to date and answers the names that were run. A session lock makes two
 * daemons that start at once take turns; each migration and its entry are one transaction. A role without
 * rights for DDL succeeds when nothing is pending and gets `database_denied` otherwise.
 */
export async function migrate(database: Database, migrations: readonly Migration[], signal: AbortSignal): Promise<readonly string[]> {
  await database.checkServer(signal);
  const connection = await database.connect(signal);
  try {
    if (pendingMigrations(migrations, await appliedMigrations(connection, signal)).length === 0) return [];
    await connection.run([takeLock], signal);
    // Read again under the lock: somebody else may have been at it until now.
    const pending = pendingMigrations(migrations, await appliedMigrations(connection, signal));
    if (pending.length > 0) await connection.script(bookkeepingSql, signal);
    for (const migration of pending) await connection.script(migrationSql(migration), signal);
    return pending.map(({ name }) => name);
  } catch (error) {
    if (error instanceof FarshoreError && error.code === 'database_denied') {
      throw new FarshoreError('database_denied', `Schema farshore cannot be migrated: ${error.message}.`, {
        cause: error,
        facts: error.facts,
        hint: 'Run the output of `farshore migrate --print` as a role that may create schema farshore.',
      });
    }
    throw error;
  } finally {
    await connection.close();
  }
}
