import pg from 'pg';
import { createDatabaseAt } from '../../test/rig/postgres.ts';
import type { Rig } from '../../test/rig/rig.ts';
import { ddl } from './data.ts';

export const table = 'public.rows';

/** Runs `work` with a new database that holds the empty table of the benches' rows. */
export async function withDatabase<T>(rig: Rig, work: (database: string, client: pg.Client) => Promise<T>): Promise<T> {
  const name = `bench${Date.now().toString(36)}`;
  const database = await createDatabaseAt(rig.database.url, name);
  const client = new pg.Client({ connectionString: database });
  await client.connect();
  try {
    await client.query(ddl(table, ', farshore_version bytea'));
    await client.query('checkpoint');
    return await work(database, client);
  } finally {
    await client.end();
    const server = new pg.Client({ connectionString: rig.database.url });
    await server.connect();
    await server.query(`drop database ${name} with (force)`);
    await server.end();
  }
}

/** Records of a topic that are applied, by the positions. */
export async function appliedRecords(client: pg.Client, topic: string): Promise<number> {
  const text = 'select coalesce(sum(records), 0) as n from farshore.apply_positions where topic = $1';
  // Until the daemon has made its schema there is no such table.
  const { rows } = await client.query<{ n: string }>(text, [topic]).catch(() => ({ rows: [{ n: '0' }] }));
  return Number(rows[0]?.n);
}
