import pg from 'pg';
import { columnNames, type Table, tables } from './domain.ts';

export async function withClient<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => undefined);
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

/** Every effect on the region's rows, written by triggers: the oracle of duplicates and stale overwrites. */
export const ledgerDdl = `create table effects (
  id bigint generated always as identity primary key,
  table_name text not null,
  key text not null,
  op text not null,
  old_version bytea,
  new_version bytea,
  transaction_id xid8 not null default pg_current_xact_id()
);
create function record_effect() returns trigger language plpgsql as $$
begin
  if tg_op = 'DELETE' then
    insert into effects (table_name, key, op, old_version) values (tg_table_name, old.id::text, 'D', old.farshore_version);
  elsif tg_op = 'UPDATE' then
    insert into effects (table_name, key, op, old_version, new_version) values (tg_table_name, new.id::text, 'U', old.farshore_version, new.farshore_version);
  else
    insert into effects (table_name, key, op, new_version) values (tg_table_name, new.id::text, 'I', new.farshore_version);
  end if;
  return null;
end $$;
${tables.map((table) => `create trigger effects after insert or update or delete on ${table} for each row execute function record_effect();`).join('\n')}`;

/** Effects that must not have happened. */
export async function misdeeds(client: pg.Client): Promise<{ readonly duplicated: number; readonly stale: number }> {
  const { rows } = await client.query<{ duplicated: string; stale: string }>(`select
    (select count(*) from (select 1 from effects where new_version is not null group by table_name, key, new_version having count(*) > 1) d) duplicated,
    (select count(*) from effects where op = 'U' and old_version >= new_version) stale`);
  return { duplicated: Number(rows[0]?.duplicated), stale: Number(rows[0]?.stale) };
}

const rowText = (table: Table): string => `row(${columnNames(table).join(', ')})::text`;

/** Row count and one digest over all rows of all tables, computed inside the database. */
export async function digest(client: pg.Client): Promise<{ readonly rows: number; readonly digest: string }> {
  let count = 0;
  const digests: string[] = [];
  for (const table of tables) {
    const { rows } = await client.query<{ n: string; digest: string }>(
      `select count(*) n, md5(coalesce(string_agg(md5(${rowText(table)}), '' order by id), '')) digest from ${table}`,
    );
    count += Number(rows[0]?.n);
    digests.push(`${table}:${rows[0]?.digest}`);
  }
  return { rows: count, digest: digests.join(' ') };
}

/** Rows of the primary that the region lacks or holds differently, and rows only the region has. */
export async function differences(primary: pg.Client, region: pg.Client): Promise<{ readonly lost: number; readonly extra: number }> {
  let lost = 0;
  let extra = 0;
  for (const table of tables) {
    const text = `select id::text id, md5(${rowText(table)}) digest from ${table}`;
    const [here, there] = await Promise.all([
      primary.query<{ id: string; digest: string }>(text),
      region.query<{ id: string; digest: string }>(text),
    ]);
    const held = new Map(there.rows.map((row) => [row.id, row.digest]));
    for (const { id, digest: wanted } of here.rows) {
      if (held.get(id) !== wanted) lost++;
      held.delete(id);
    }
    extra += held.size;
  }
  return { lost, extra };
}

export async function rowCount(client: pg.Client): Promise<number> {
  const { rows } = await client.query<{ n: string }>(`select ${tables.map((table) => `(select count(*) from ${table})`).join(' + ')} n`);
  return Number(rows[0]?.n);
}

/** Records covered by a durable position, stale and folded ones included; 0 before the daemon made its tables. */
export async function appliedRecords(client: pg.Client): Promise<number> {
  const { rows: found } = await client.query("select 1 from pg_tables where schemaname = 'farshore' and tablename = 'apply_positions'");
  if (found.length === 0) return 0;
  const { rows } = await client.query<{ n: string }>(
    "select coalesce(sum(records), 0) n from farshore.apply_positions where topic like 'billing.%'",
  );
  return Number(rows[0]?.n);
}
