import { FarshoreError } from '../model/errors.ts';

/** One numbered file of src/postgres/migrations. */
export interface Migration {
  readonly number: number;
  /** File name without `.sql`, such as `0002-fence`. */
  readonly name: string;
  readonly sql: string;
  /** SHA-256 of the file, lower-case hex. */
  readonly sha256: string;
}

export interface AppliedMigration {
  readonly number: number;
  readonly name: string;
  readonly sha256: string;
}

/**
 * The migrations still to run, in order. Throws `database_newer` when the database has one this binary
 * does not know, `database_unsupported` when one was applied with other contents or out of order.
 */
export function pendingMigrations(known: readonly Migration[], applied: readonly AppliedMigration[]): readonly Migration[] {
  const newest = known.at(-1)?.number ?? 0;
  for (const { number, name, sha256 } of applied) {
    if (number > newest) {
      throw new FarshoreError('database_newer', `Schema farshore has migration ${name}; this Farshore knows up to ${newest}.`, {
        place: `migration ${name}`,
        hint: 'Run the Farshore that migrated it, or a newer one.',
      });
    }
    const mine = known.find((migration) => migration.number === number);
    if (mine?.sha256 !== sha256) {
      throw new FarshoreError(
        'database_unsupported',
        `Migration ${name} was applied to schema farshore with other contents than it has here.`,
        {
          place: `migration ${name}`,
          hint: 'Schema farshore was made by another build: compare `farshore migrate --print` with it, or restore it from a backup.',
        },
      );
    }
  }
  const done = new Set(applied.map(({ number }) => number));
  const pending = known.filter(({ number }) => !done.has(number));
  const last = Math.max(0, ...done);
  const skipped = pending.find(({ number }) => number < last);
  if (skipped !== undefined) {
    throw new FarshoreError(
      'database_unsupported',
      `Migration ${skipped.name} is missing in schema farshore although a later one was applied.`,
      {
        place: `migration ${skipped.name}`,
        hint: 'Apply it by hand from `farshore migrate --print`.',
      },
    );
  }
  return pending;
}

/** A text inside a statement that somebody pastes or runs as a script. */
export const literal = (text: string): string => `'${text.replaceAll("'", "''")}'`;

/** Creates the schema and the list of migrations; safe to run again. */
export const bookkeepingSql = `create schema if not exists farshore;
create table if not exists farshore.migrations (
  number     integer primary key,
  name       text not null,
  sha256     text not null,
  applied_at timestamptz not null default clock_timestamp()
);
`;

/** One migration with its entry in the list, in one transaction. */
export const migrationSql = ({ number, name, sql, sha256 }: Migration): string => `begin;
${sql.trimEnd()}
insert into farshore.migrations (number, name, sha256) values (${number}, ${literal(name)}, ${literal(sha256)});
commit;
`;

/** The whole script for a database administrator to run with psql, for roles that may not run DDL. */
export function printMigrations(migrations: readonly Migration[]): string {
  const parts = migrations.map((migration) => `-- ${migration.name}\n${migrationSql(migration)}`);
  return `-- Schema farshore, for the regional database. Run with: psql -v ON_ERROR_STOP=1 -f FILE\n${bookkeepingSql}\n${parts.join('\n')}`;
}
