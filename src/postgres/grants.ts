import type { Statement } from '../apply/contracts.ts';
import { quoteName, type TableName } from '../model/sql-name.ts';
import type { Database } from './database.ts';
import { type TextRow, text } from './result-values.ts';

/** A right the daemon's role lacks, with the command that gives it. */
export interface MissingGrant {
  /** `schema farshore`, `table public.invoices`, `function farshore.check_fence`. */
  readonly object: string;
  readonly right: string;
  readonly role: string;
  readonly grant: string;
}

// Objects that do not exist are no matter of rights and are left out. Names come from the catalog, so
// a schema without USAGE is seen too.
const lookStatement = (tables: readonly TableName[]): Statement => ({
  text: `with wanted_tables as (
  select n.nspname, c.relname, c.oid
    from pg_class c join pg_namespace n on n.oid = c.relnamespace
   where c.relkind in ('r', 'p')
     and (n.nspname = 'farshore' or (n.nspname, c.relname) in (select * from unnest($1::text[], $2::text[])))
)
select current_user as role, 'schema' as kind, n.nspname as schema, null::text as name, 'usage' as privilege
  from pg_namespace n
 where n.nspname in (select w.nspname from wanted_tables w) and not has_schema_privilege(n.oid, 'usage')
union all
select current_user, 'table', w.nspname, w.relname::text, r.name
  from wanted_tables w, unnest(array['select', 'insert', 'update', 'delete']) as r (name)
 where not has_table_privilege(w.oid, r.name)
   and not (w.nspname = 'farshore' and w.relname = 'migrations' and r.name <> 'select')
   and not (w.nspname = 'farshore' and w.relname = 'cutover_log' and r.name in ('update', 'delete'))
union all
select current_user, 'function', n.nspname, p.proname || '(' || pg_get_function_identity_arguments(p.oid) || ')', 'execute'
  from pg_proc p join pg_namespace n on n.oid = p.pronamespace
 where n.nspname = 'farshore' and not has_function_privilege(p.oid, 'execute')
 order by 2, 3, 4, 5`,
  values: [tables.map(({ schema }) => schema), tables.map(({ table }) => table)],
});

// A role that may read some columns only is left to the comparison, which names them.
const readsStatement = (tables: readonly TableName[]): Statement => ({
  text: `with wanted_tables as (
  select n.nspname, c.relname, c.oid, n.oid as schema_oid
    from pg_class c join pg_namespace n on n.oid = c.relnamespace
   where c.relkind in ('r', 'p', 'v', 'm', 'f') and (n.nspname, c.relname) in (select * from unnest($1::text[], $2::text[]))
)
select distinct current_user as role, 'schema' as kind, w.nspname as schema, null::text as name, 'usage' as privilege
  from wanted_tables w where not has_schema_privilege(w.schema_oid, 'usage')
union all
select current_user, 'table', w.nspname, w.relname::text, 'select' from wanted_tables w where not has_any_column_privilege(w.oid, 'select')
 order by 2, 3, 4, 5`,
  values: [tables.map(({ schema }) => schema), tables.map(({ table }) => table)],
});

function missingGrant(row: TextRow): MissingGrant {
  const [role, kind, schema, right] = [text(row, 'role'), text(row, 'kind'), text(row, 'schema'), text(row, 'privilege')];
  const to = `to ${quoteName(role)};`;
  if (kind === 'schema') return { object: `schema ${schema}`, right, role, grant: `grant ${right} on schema ${quoteName(schema)} ${to}` };
  const name = text(row, 'name');
  const object = `${kind} ${schema}.${name}`;
  if (kind === 'function') {
    const [, bare, parameters] = /^(.*?)(\(.*\))$/s.exec(name) ?? [];
    return {
      object,
      right,
      role,
      grant: `grant ${right} on function ${quoteName(schema)}.${quoteName(bare ?? name)}${parameters ?? ''} ${to}`,
    };
  }
  return { object, right, role, grant: `grant ${right} on ${quoteName(schema)}.${quoteName(name)} ${to}` };
}

/** Rights this role lacks on schema farshore and on the given tables, each with its GRANT. */
export async function missingGrants(
  database: Database,
  tables: readonly TableName[],
  signal: AbortSignal,
): Promise<readonly MissingGrant[]> {
  const { rows } = await database.query(lookStatement(tables), signal);
  return rows.map(missingGrant);
}

/** Rights this role lacks to read the given tables, each with its GRANT. */
export async function missingReads(
  database: Database,
  tables: readonly TableName[],
  signal: AbortSignal,
): Promise<readonly MissingGrant[]> {
  const { rows } = await database.query(readsStatement(tables), signal);
  return rows.map(missingGrant);
}
