import { describe, expect, it } from 'vitest';
import { findFarshoreError } from '../../../src/model/errors.ts';
import { type Migration, pendingMigrations, printMigrations } from '../../../src/postgres/migration-plan.ts';

const migration = (number: number): Migration => ({
  number,
  name: `000${number}-step`,
  sql: `select ${number};\n`,
  sha256: `sum${number}`,
});
const known = [migration(1), migration(2), migration(3)];

const problem = (applied: readonly Migration[]) => {
  try {
    pendingMigrations(known, applied);
    return undefined;
  } catch (error) {
    return findFarshoreError(error);
  }
};

describe('pendingMigrations', () => {
  it('answers what is missing, in order', () => {
    expect(pendingMigrations(known, [])).toEqual(known);
    expect(pendingMigrations(known, [migration(1)])).toEqual([migration(2), migration(3)]);
    expect(pendingMigrations(known, known)).toEqual([]);
  });

  it('refuses a database that a newer binary migrated', () => {
    expect(problem([...known, migration(4)])).toMatchObject({ code: 'database_newer', place: 'migration 0004-step' });
  });

  it('refuses a migration that was applied with other contents', () => {
    expect(problem([{ ...migration(1), sha256: 'other' }])).toMatchObject({ code: 'database_unsupported', place: 'migration 0001-step' });
  });

  it('refuses a hole in what was applied', () => {
    expect(problem([migration(1), migration(3)])).toMatchObject({ code: 'database_unsupported', place: 'migration 0002-step' });
  });
});

describe('printMigrations', () => {
  it('prints each migration with its entry in one transaction', () => {
    const script = printMigrations([{ ...migration(1), name: "0001-o'step" }]);
    expect(script).toContain('create schema if not exists farshore;');
    expect(script).toContain(
      "begin;\nselect 1;\ninsert into farshore.migrations (number, name, sha256) values (1, '0001-o''step', 'sum1');\ncommit;",
    );
  });
});
