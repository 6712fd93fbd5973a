import type pg from 'pg';

/** Every write to a row, by a trigger: what the daemon says it did plays no part in the judgement. */
export const ledgerDdl = (table: string, schema = 'public'): string => `create table ${schema}.effects (key text not null, op text not null,
  old_version bytea, new_version bytea, transaction_id xid8 not null default pg_current_xact_id());
create function ${schema}.record_effect() returns trigger language plpgsql as $$
begin
  insert into ${schema}.effects (key, op, old_version, new_version) values (
    coalesce(new.id, old.id)::text, tg_op,
    case when tg_op = 'INSERT' then null else old.farshore_version end,
    case when tg_op = 'DELETE' then null else new.farshore_version end);
  return null;
end $$;
create trigger effects after insert or update or delete on ${schema}.${table} for each row execute function ${schema}.record_effect();`;

export interface Judged {
  readonly lost: number;
  readonly duplicated: number;
  readonly stale: number;
}

/** Against `expected`, the highest version produced of each key. */
export async function judge(
  client: Pick<pg.Client, 'query'>,
  table: string,
  expected: ReadonlyMap<number, number>,
  schema = 'public',
): Promise<Judged> {
  const { rows } = await client.query<{ id: number; version: number }>(`select id, version from ${schema}.${table}`);
  const held = new Map(rows.map(({ id, version }) => [id, version]));
  let lost = 0;
  for (const [id, version] of expected) if (held.get(id) !== version) lost++;
  for (const id of held.keys()) if (!expected.has(id)) lost++;
  const counts = await client.query<{ duplicated: string; stale: string }>(`select
    (select count(*) from (select 1 from ${schema}.effects where new_version is not null group by key, new_version having count(*) > 1) d) as duplicated,
    (select count(*) from ${schema}.effects where old_version >= new_version) as stale`);
  return { lost, duplicated: Number(counts.rows[0]?.duplicated), stale: Number(counts.rows[0]?.stale) };
}
