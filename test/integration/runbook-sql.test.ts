import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Database } from '../../src/postgres/database.ts';
import { freshDatabase } from '../rig/context.ts';
import { filesBelow } from '../unit/deploy/documents.ts';
import { migratedDatabase, never } from './postgres-fixtures.ts';

/** Statements in code spans that look or that mend a row; placeholders stand in capitals. */
const statements = [...filesBelow('docs/runbooks', ['.md']), ...filesBelow('docs', ['migration-guide.md'])].flatMap(({ path, text }) =>
  [...text.matchAll(/`((?:select|update) [^`]+)`/g)].map(([, statement = '']) => [path, statement.replaceAll('ID', '1')] as const),
);

/** Farshore's own schema as it is migrated now: a statement that somebody pastes at night has to run. */
describe('SQL in the runbooks', () => {
  let database: Database;
  beforeAll(async () => {
    database = await migratedDatabase(await freshDatabase());
  });
  afterAll(async () => await database.close());

  it.each(statements)('%s: %s', async (_path, text) => {
    await database.query({ text, values: [] }, never);
  });

  it('is found at all', () => {
    expect(statements.length).toBeGreaterThan(5);
  });
});
